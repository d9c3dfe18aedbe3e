#!/usr/bin/env bash
# Runs the GPU tests on the software adapter with one fault of cubecl-spirv 0.11.3 put right: on Vulkan devices without
# VK_KHR_workgroup_memory_explicit_layout, such as SwiftShader, it declares shared memory as a pointer to a pointer, and
# every kernel that uses it gives wrong numbers. Without this the tests of tiled convolutions skip there.
#
#   tests/fixed-cubecl.sh conv     # those whose names contain a word; all without
#
# Works on a copy in EOSIN_CI_CACHE and changes nothing in the clone. The first run builds burn anew.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tests/software-vulkan.sh
source tests/software-vulkan.sh
copy="${EOSIN_CI_CACHE:-$HOME/.cache/eosin-ci}/fixed-cubecl"
mkdir -p "$copy/tree"
find "$copy/tree" -mindepth 1 -maxdepth 1 ! -name target -exec rm -rf {} +
tar -cf - --exclude=./target --exclude=./.git . | tar -xpf - -C "$copy/tree"
cargo fetch --locked --target "$(rustc -vV | sed -n "s/^host: //p")"
crate="$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name cubecl-spirv-0.11.3 | head -n 1)"
if [ ! -d "$copy/cubecl-spirv" ]; then
    cp -r "$crate" "$copy/new" && rm -f "$copy/new/Cargo.lock" && mv "$copy/new" "$copy/cubecl-spirv"
    # The two types change places, in `lower_shared_implicit` alone.
    sed -i '/^fn lower_shared_implicit/,/^}/ {
        s/let ty = ty_to_spirv_dialect(ctx, slice.value_ty/let value_ty = ty_to_spirv_dialect(ctx, slice.value_ty/
        s/let value_ty = ty_to_spirv_dialect(ctx, slice.result_type/let ty = ty_to_spirv_dialect(ctx, slice.result_type/
    }' "$copy/cubecl-spirv/src/ops/memory.rs"
fi
cd "$copy/tree"
EOSIN_REQUIRE_GPU=1 EOSIN_CACHE="$copy/kernels" cargo --config "patch.crates-io.cubecl-spirv.path='$copy/cubecl-spirv'" \
    test --release --test gpu "$@"
