# Recipes for daily work; `just --list` shows them. The same commands work without `just`.

# Everything that must hold before a change is handed in, as CI does it.
check:
    .ci/run

# Formats all Rust, the kernels in shaders/ included.
fmt:
    cargo fmt

# Lints as CI does, without the rest.
lint:
    cargo clippy --release --all-targets -- -D warnings

# All tests, or those whose names contain a word.
test *WORD:
    cargo test --release {{ WORD }}

# GPU tests on a software adapter, for computers without a GPU.
test-gpu:
    bash -c 'source tests/software-vulkan.sh && EOSIN_REQUIRE_GPU=1 cargo test --release --test gpu'

# All benchmarks, or those of one file in benches/.
bench *ARGS:
    cargo bench {{ ARGS }}

# A synthetic slide, its map, and how far the map is from the truth.
demo *ARGS:
    cargo run --release -- demo {{ ARGS }}
