#!/usr/bin/env bash
# Gives the shell that sources this file a software Vulkan adapter: SwiftShader from Debian's chromium-common and the
# loader from libvulkan1, unpacked into a cache folder. Needs apt and the network the first time, no root, and changes
# nothing outside that folder. Prints what it did.
#
#   source tests/software-vulkan.sh && cargo test --release --test gpu
#
# SwiftShader and not llvmpipe: Debian 12's llvmpipe crashes on the SPIR-V of the default build.

software_vulkan() {
    local cache="${EOSIN_CI_CACHE:-$HOME/.cache/eosin-ci}/vulkan"
    local icd="$cache/unpacked/usr/lib/chromium/vk_swiftshader_icd.json"
    local loader
    loader="$cache/unpacked/usr/lib/$(uname -m)-linux-gnu"
    if [ ! -f "$cache/unpacked/packages" ]; then
        software_vulkan_fetch "$cache" || { echo "software Vulkan: could not be set up" >&2; return 1; }
    fi
    export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"
    export LD_LIBRARY_PATH="$loader${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
    echo "software Vulkan: SwiftShader ($(paste -sd, "$cache/unpacked/packages")) is the only adapter of this shell"
}

# Unpacks both packages into $1/unpacked, which appears whole or not at all.
software_vulkan_fetch() {
    local cache="$1" tool package
    for tool in apt-get dpkg-deb; do
        command -v "$tool" >/dev/null || { echo "software Vulkan: expected $tool, found none" >&2; return 1; }
    done
    echo "software Vulkan: fetching chromium-common and libvulkan1 into $cache"
    rm -rf "$cache" && mkdir -p "$cache/lists/partial" "$cache/archives/partial" "$cache/debs" "$cache/new" || return 1
    # Package lists of our own: those of the system may be absent or too old, and only root may renew them.
    local apt=(apt-get -qq -o "Dir::State::Lists=$cache/lists" -o "Dir::Cache=$cache" -o "APT::Sandbox::User=")
    "${apt[@]}" update || return 1
    (cd "$cache/debs" && "${apt[@]}" download chromium-common libvulkan1) || return 1
    for package in "$cache"/debs/*.deb; do
        dpkg-deb --extract "$package" "$cache/new" || return 1
        # shellcheck disable=SC2016  # dpkg expands these
        dpkg-deb --showformat='${Package} ${Version}\n' --show "$package" >>"$cache/new/packages" || return 1
    done
    mv "$cache/new" "$cache/unpacked" || return 1
    rm -rf "$cache/lists" "$cache/archives" "$cache/debs" "$cache"/*.bin
}

software_vulkan
