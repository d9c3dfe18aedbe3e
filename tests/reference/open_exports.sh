#!/usr/bin/env bash
# Opens every file of a results folder in the programs that it is for: see open_exports.py.
#
#   bash tests/reference/open_exports.sh RESULTS
#
# The programs are installed once, into EOSIN_EXPORTS_VENV, or a folder of the user's cache.
set -euo pipefail
[ $# -eq 1 ] || { echo "open_exports: expected one results folder, found $# arguments" >&2; exit 2; }
results="$(cd "$1" && pwd)"
cd "$(dirname "$0")"
venv="${EOSIN_EXPORTS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/eosin/open-exports}"
if ! cmp -s open_exports.txt "$venv/open_exports.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement open_exports.txt
    cp open_exports.txt "$venv/open_exports.txt"
fi
exec "$venv/bin/python" open_exports.py "$results"
