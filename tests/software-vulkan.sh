#!/usr/bin/env bash
# Makes a software Vulkan adapter available to the shell that sources this file, without root and without touching the
# system: SwiftShader from Debian's chromium-common and the Vulkan loader from libvulkan1, unpacked into a cache folder.
# Prints what it did. Usage: source tests/software-vulkan.sh

software_vulkan() {
    local cache="${EOSIN_CI_CACHE:-$HOME/.cache/eosin-ci}/vulkan"
    local icd="$cache/root/usr/lib/chromium/vk_swiftshader_icd.json"
    local loader="$cache/root/usr/lib/$(uname -m)-linux-gnu"
    if [ ! -f "$icd" ] || ! ls "$loader"/libvulkan.so.1 >/dev/null 2>&1; then
        echo "software Vulkan: fetching chromium-common and libvulkan1 into a cache folder"
        mkdir -p "$cache/debs"
        # A fresh machine has no package lists; only root may write them.
        if ! apt-cache show chromium-common >/dev/null 2>&1; then apt-get update -qq || return 1; fi
        (cd "$cache/debs" && apt-get download -qq chromium-common libvulkan1) || return 1
        rm -rf "$cache/root"
        local package
        for package in "$cache"/debs/*.deb; do dpkg -x "$package" "$cache/root" || return 1; done
        rm -rf "$cache/debs"
    fi
    export VK_DRIVER_FILES="$icd" VK_ICD_FILENAMES="$icd"
    export LD_LIBRARY_PATH="$loader${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-/tmp}"
    echo "software Vulkan: SwiftShader is the only adapter of this shell"
}
software_vulkan
