#!/usr/bin/env bash
# Runs the tests of the CPU engine as on a 64-bit Arm processor: compiled with Debian's rustc and its libraries for that
# processor, run by qemu. On x86-64 nothing else compiles the NEON kernels.
#
#   tests/neon.sh               # all tests of `cpu`, some minutes
#   tests/neon.sh operations    # those whose names contain a word
#
# Needs Debian on x86-64 with cargo, a C compiler and apt; the network the first time, for 240 MB of packages that take
# 1.2 GB. No root. Works in EOSIN_CI_CACHE and changes nothing outside that folder.
#
# Packages of sid, as no stable release has a rustc that is new enough; they are not installed, and bring a C library along.
set -euo pipefail
tree="$(cd "$(dirname "$0")/.." && pwd)"
cache="${EOSIN_CI_CACHE:-$HOME/.cache/eosin-ci}/neon"
root="$cache/unpacked"
target=aarch64-unknown-linux-gnu

# Unpacks the packages into $root, which appears whole or not at all.
fetch() {
    local tool package
    for tool in apt-get dpkg-deb; do
        command -v "$tool" >/dev/null || { echo "neon: expected $tool, found none" >&2; return 1; }
    done
    [ "$(dpkg --print-architecture)" = amd64 ] || { echo "neon: expected an x86-64 Debian" >&2; return 1; }
    echo "neon: fetching rustc, its libraries for arm64 and qemu from Debian sid into $cache"
    rm -rf "$cache" && mkdir -p "$cache"/{lists/partial,archives/partial,debs,new}
    # Lists of our own, and no package counts as installed, so that all that is needed is named.
    local keys=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb [signed-by=$keys] http://deb.debian.org/debian sid main" >"$cache/sources"
    : >"$cache/status"
    local apt=(apt-get -qq -o "Dir::Etc::SourceList=$cache/sources" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$cache/lists" -o "Dir::State::Status=$cache/status" -o "Dir::Cache=$cache"
        -o "APT::Sandbox::User=" -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
    "${apt[@]}" update
    # Of what a compiler is said to need only what links: rust's libraries for arm64 are those of `libstd-rust-dev`.
    "${apt[@]}" --simulate --no-install-recommends install rustc gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -vE '^(gcc|cpp|lib[^ ]*san[0-9])|:arm64$' >"$cache/names"
    (cd "$cache/debs" && xargs "${apt[@]}" download libstd-rust-dev:arm64 <"$cache/names")
    for package in "$cache"/debs/*.deb; do
        dpkg-deb --extract "$package" "$cache/new"
    done
    mv "$cache/new" "$root"
    rm -rf "$cache"/{lists,archives,debs,sources,status,names} "$cache"/*.bin
}
[ -d "$root" ] || fetch

# Programs of sid run on sid's C library, whatever this system has.
own() {
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" %s\n' "$root/usr/lib64/ld-linux-x86-64.so.2" \
        "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/$1" "$2" >"$cache/$1"
    chmod +x "$cache/$1"
}
own rustc "--sysroot '$root/usr' \"\$@\""
c="$root/usr/aarch64-linux-gnu/lib"
gcc="$(echo "$root"/usr/lib/gcc-cross/aarch64-linux-gnu/*)"
# What gcc adds to a program without shared libraries; gcc itself would look for its parts on this system.
own aarch64-linux-gnu-ld "--sysroot='$root' '$c/crt1.o' '$c/crti.o' '$gcc/crtbeginT.o' \"\$@\" -L'$c' -L'$gcc' \
--start-group -lgcc -lgcc_eh -lc --end-group '$gcc/crtend.o' '$c/crtn.o'"

# The engine knows nothing of the rest, and stands in a crate without the hundreds that burn needs.
mkdir -p "$cache/crate/src"
{
    printf '[package]\nname = "neon"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
    grep -E '^(rayon|libc|libm|proptest) = ' "$tree/Cargo.toml"
} >"$cache/crate/Cargo.toml"
cp "$tree/Cargo.lock" "$cache/crate/"
printf '#[path = "%s"]\npub mod %s;\n' "$tree/src/cpu/mod.rs" cpu "$tree/src/error.rs" error "$tree/src/random.rs" random \
    >"$cache/crate/src/lib.rs"
cd "$cache/crate"
unset RUSTFLAGS # would stand in place of ours
variable=CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU
export RUSTC="$cache/rustc" CARGO_TARGET_DIR="$cache/target" CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true
export "${variable}_LINKER=$cache/aarch64-linux-gnu-ld" "${variable}_RUNNER=$root/usr/bin/qemu-aarch64"
static="-Ctarget-feature=+crt-static -Crelocation-model=static"
export "${variable}_RUSTFLAGS=-Clinker-flavor=ld $static -Adead_code -Alinker_messages"
cargo test --release --lib --target "$target" -- "$@"
