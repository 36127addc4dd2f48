#!/bin/sh
# Sets up libtorch 2.11.0 for this repository, once. Safe to run again, and to interrupt.
#
#   scripts/setup.sh            the CPU libraries, or the CUDA ones where an NVIDIA driver is present
#   scripts/setup.sh cpu|cuda   one of the two on request
#
# The libraries come from the Python wheels of PyTorch (pip's own settings, PIP_INDEX_URL and the like, apply)
# and go to .libtorch/, which git ignores. An exported LIBTORCH or LIBTORCH_USE_PYTORCH is used instead, after
# a check of its version.
set -eu
cd "$(dirname "$0")/.."

version=2.11.0
rust_minimum=1.89
folder=.libtorch
staging=.libtorch.partial

say() { printf '%s\n' "setup: $*"; }
fail() {
    printf '%s\n' "setup: error: $1" >&2
    shift
    for line in "$@"; do printf '%s\n' "       $line" >&2; done
    exit 1
}

# --- what the machine must have --------------------------------------------------------------------------
have() { command -v "$1" >/dev/null 2>&1; }

have cargo || fail "cargo was not found" \
    "install Rust $rust_minimum or newer: https://rustup.rs (or your distribution's rustup package)"
rust=$(rustc --version | cut -d' ' -f2)
[ "$(printf '%s\n%s\n' "$rust_minimum" "$rust" | sort -V | head -n 1)" = "$rust_minimum" ] ||
    fail "expected Rust $rust_minimum or newer, got $rust" "run: rustup update stable"
have c++ || have g++ || have clang++ || fail "no C++ compiler was found" \
    "on Debian or Ubuntu: sudo apt-get install g++"

check_version() { # where, version found
    case "$2" in
    "$version" | "$version"+*) say "using libtorch $2 at $1" ;;
    "") fail "cannot tell the version of the libtorch at $1" "expected $version" \
        "set LIBTORCH_BYPASS_VERSION_CHECK=1 if you are sure" ;;
    *) fail "expected libtorch $version, got $2 at $1" "unset the variable to let this script install $version" ;;
    esac
}

# --- an installation of your own -------------------------------------------------------------------------
if [ -n "${LIBTORCH_USE_PYTORCH:-}" ]; then
    python=python3
    [ -n "${VIRTUAL_ENV:-}" ] && python=python
    found=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) ||
        fail "LIBTORCH_USE_PYTORCH is set, but '$python' cannot import torch" \
            "install torch==$version there, or unset the variable"
    [ -n "${LIBTORCH_BYPASS_VERSION_CHECK:-}" ] || check_version "$python (LIBTORCH_USE_PYTORCH)" "$found"
    exit 0
fi
if [ -n "${LIBTORCH:-}" ]; then
    [ -e "$LIBTORCH/lib/libtorch_cpu.so" ] || [ -e "$LIBTORCH/lib/libtorch_cpu.dylib" ] ||
        fail "LIBTORCH=$LIBTORCH holds no lib/libtorch_cpu" "point it at the folder of a libtorch $version, or unset it"
    found=$(cat "$LIBTORCH/build-version" 2>/dev/null ||
        sed -n "s/^__version__ = '\(.*\)'.*/\1/p" "$LIBTORCH/version.py" 2>/dev/null || true)
    [ -n "${LIBTORCH_BYPASS_VERSION_CHECK:-}" ] || check_version "$LIBTORCH (LIBTORCH)" "$found"
    exit 0
fi

# --- ours ------------------------------------------------------------------------------------------------
driver() {
    [ -e /proc/driver/nvidia/version ] || { have nvidia-smi && nvidia-smi -L >/dev/null 2>&1; }
}
installed=$(cat "$folder/.complete" 2>/dev/null || true)
variant=${1:-${BCL_LIBTORCH:-auto}}
case "$variant" in
auto) if driver; then variant=cuda; else variant=cpu; fi
    # An installation asked for by name is kept: the CUDA libraries work on a CPU too.
    [ "$variant" = cpu ] && [ "$installed" = "$version cuda" ] && variant=cuda ;;
cpu | cuda) ;;
*) fail "expected cpu or cuda, got $variant" ;;
esac
if [ "$installed" = "$version $variant" ]; then
    say "libtorch $version ($variant) is in $folder/"
    exit 0
fi
case "$(uname -s) $(uname -m)" in
"Linux x86_64" | "Linux aarch64") ;;
*) fail "no libtorch is installed automatically on $(uname -s) $(uname -m)" \
    "install libtorch $version by hand and export LIBTORCH=its folder" ;;
esac
have python3 || fail "python3 was not found (3.9 or newer; it unpacks the libtorch wheels)" \
    "on Debian or Ubuntu: sudo apt-get install python3 python3-venv"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
    fail "expected Python 3.9 or newer, got $(python3 --version 2>&1)"

# One installation at a time; the lock goes with the process.
if have flock; then
    exec 9>.libtorch.lock
    flock -n 9 || { say "another set-up is running; waiting for it"; flock 9; }
    if [ "$(cat "$folder/.complete" 2>/dev/null || true)" = "$version $variant" ]; then
        say "libtorch $version ($variant) is in $folder/"
        exit 0
    fi
fi

rm -rf "$staging"
# At the peak the wheels and what they unpack to lie side by side (CPU: 1.7 GB).
case "$variant" in cpu) needed=2 ;; cuda) needed=8 ;; esac
free=$(df -Pk . | awk 'NR == 2 { print $4 }')
[ "$free" -ge $((needed * 1000000)) ] || fail "expected $needed GB of free space in $PWD, got $((free / 1000)) MB" \
    "make room, or export LIBTORCH=the folder of a libtorch $version elsewhere"
mkdir "$staging" "$staging/tmp"
# pip unpacks to TMPDIR: here it is the same file system, and goes with the rest.
export TMPDIR="$PWD/$staging/tmp"
trap 'rm -rf "$staging"' EXIT
trap 'exit 130' INT TERM
if ! python3 -m venv "$staging/venv" >"$staging/venv.log" 2>&1; then
    cat "$staging/venv.log" >&2
    fail "python3 cannot make a virtual environment" "on Debian or Ubuntu: sudo apt-get install python3-venv"
fi

# The wheels of one Python serve every Python here: only their C++ libraries are used.
install="$staging/venv/bin/pip --disable-pip-version-check install --no-cache-dir --no-warn-conflicts --no-compile
    --target $staging/site --only-binary=:all: --python-version 3.12"
if [ "$variant" = cpu ]; then
    say "installing libtorch $version (CPU) into $folder/: about 0.5 GB to fetch, 0.7 GB on disk, once"
    # The wheel's CPU library needs these two small CUDA libraries to load.
    $install --no-deps "torch==$version" nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 ||
        fail "pip could not install torch $version" "see its message above; run 'make setup' again when it is mended"
    for unused in libtorch_cuda.so libtorch_cuda_linalg.so libc10_cuda.so libcaffe2_nvrtc.so libtorch_nvshmem.so \
        libtorch_python.so; do
        rm -f "$staging/site/torch/lib/$unused"
    done
else
    say "installing libtorch $version (CUDA) into $folder/: about 2.5 GB to fetch, 4.6 GB on disk, once"
    $install "torch==$version" ||
        fail "pip could not install torch $version" "see its message above; run 'make setup' again when it is mended"
fi

sed -n "s/^__version__ = '\(.*\)'.*/\1/p" "$staging/site/torch/version.py" >"$staging/site/torch/build-version"
if [ ! -s "$staging/site/torch/build-version" ] || [ ! -e "$staging/site/torch/lib/libtorch_cpu.so" ]; then
    fail "the torch $version wheel is not laid out as expected" "torch/version.py or torch/lib/libtorch_cpu.so is missing"
fi
printf '%s\n' "$version $variant" >"$staging/site/.complete"
rm -rf "$folder"
mv "$staging/site" "$folder"
say "libtorch $version ($variant) is in $folder/"
