#!/usr/bin/env bash
# Opens the DICOM files of a results folder in the programs that check and read such files: see open_dicom.py.
#
#   bash tests/reference/open_dicom.sh RESULTS
#
# Fetches what it needs once, into EOSIN_DICOM_TOOLS, or a temporary folder: Python's packages, and where they are not
# installed dicom3tools and dcmtk, from Debian's archive; these are unpacked, not installed. The files are made again with
# the program EOSIN_PROGRAM, or that of target/release.
set -euo pipefail
[ $# -eq 1 ] || { echo "open_dicom: expected one results folder, found $# arguments" >&2; exit 2; }
results="$(cd "$1" && pwd)"
cd "$(dirname "$0")"
eosin="$(realpath "${EOSIN_PROGRAM:-../../target/release/eosin}")"
[ -x "$eosin" ] || { echo "open_dicom: expected the program at $eosin; cargo build --release" >&2; exit 2; }

tools="${EOSIN_DICOM_TOOLS:-${TMPDIR:-/tmp}/eosin-open-dicom-$(id -u)}"
mkdir -p -m 700 "$tools"
[ -O "$tools" ] || { echo "open_dicom: expected $tools to be yours; set EOSIN_DICOM_TOOLS" >&2; exit 2; }
if ! cmp -s open_dicom.txt "$tools/open_dicom.txt"; then
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --requirement open_dicom.txt
    cp open_dicom.txt "$tools/open_dicom.txt"
fi

root="$tools/root"
installed() { for tool in dciodvfy dcentvfy dcmdump; do command -v "$tool" >/dev/null || return 1; done; }
if ! installed && [ ! -d "$root" ]; then
    library="$(apt-cache depends dcmtk | sed -n 's/^ *Depends: \(libdcmtk[0-9a-z.]*\)$/\1/p')"
    packages="$(mktemp -d "$tools/packages.XXXXXX")"
    # shellcheck disable=SC2086  # none or one word
    (cd "$packages" && apt-get -qq download dicom3tools dcmtk $library 2>/dev/null)
    for package in "$packages"/*.deb; do dpkg -x "$package" "$packages/root"; done
    mv "$packages/root" "$root"
    rm -r "$packages"
fi
if [ -d "$root" ]; then
    libraries="$(echo "$root"/usr/lib/*-linux-*)"
    dictionary="$(echo "$root"/usr/share/libdcmtk*/dicom.dic)"
    export PATH="$root/usr/bin:$PATH" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    export DCMDICTPATH="$dictionary"
fi
exec "$tools/venv/bin/python" open_dicom.py "$results" "$eosin"
