#!/bin/sh
# Sets up the environment of Python libraries that `bcl-exp bench` compares with, once: .venv-compare/, which git ignores.
# Nobody needs it to use this repository. pip's own settings (PIP_INDEX_URL and the like) apply: CPU wheels do,
# and are smaller.
#
#   scripts/setup_comparison.sh [PYTHON]     an interpreter of version 3.11 or newer [default: python3]
set -eu
cd "$(dirname "$0")/.."

folder=.venv-compare
packages="torch==2.11.0 torchvision==0.26.0 pillow==11.3.0 numpy==2.4.6 safetensors==0.8.0 scikit-learn==1.9.1"
python=${1:-python3}

fail() {
    printf '%s\n' "setup_comparison: error: $*" >&2
    exit 1
}

if [ "$(cat "$folder/.complete" 2>/dev/null || true)" = "$packages" ]; then
    echo "setup_comparison: $folder is ready"
    exit 0
fi
command -v "$python" >/dev/null 2>&1 || fail "$python was not found (Python 3.11 or newer)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "expected Python 3.11 or newer, got $("$python" --version 2>&1)"
"$python" -m venv "$folder" || fail "$python cannot make a virtual environment (Debian, Ubuntu: apt-get install python3-venv)"
# shellcheck disable=SC2086 # a list
"$folder/bin/python" -m pip --disable-pip-version-check install $packages ||
    fail "pip could not install them; see its message above, and run this again when it is mended"
printf '%s\n' "$packages" >"$folder/.complete"
echo "setup_comparison: $folder is ready"
