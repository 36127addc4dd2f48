#!/bin/sh
# The one command for a machine with a GPU: everything that waits for one is run, measured and kept.
#
#   scripts/gpu_check.sh --data DIR                    all stages
#   scripts/gpu_check.sh --device cpu --quick          the same on a processor with small settings, in minutes: a dry run
#   scripts/gpu_check.sh --only tests|bench|train      one stage; `doctor` always comes first
#
#   --device DEVICE   cuda:0 unless given
#   --data DIR        holds cifar-10-batches-bin, for the train stage [data]
#   --minutes N       stop after N minutes, builds apart: what is done and the state of the run are kept, and the same command
#                     goes on
#   --out DIR         results, ready to be committed [results/DATE-GPU; one that is not finished is gone on with]
#   --quick           embedded images, small encoders, a second for each table; results in runs/gpu-check/dry-run
#   --python PATH     has PyTorch and torchvision to be timed in turn with [python3, if it has them]
#
# Stages: tests   the device-generic tests of all crates on DEVICE (BCL_TEST_DEVICE)
#         bench   losses, augmentation, training steps: time and device memory, bench/*.csv
#         train   experiments/cifar10-gpu.toml: SimCLR, DCL, HCL, BCL by ResNet-18 in bf16; cells.csv has views_per_s and
#                 peak_device_mb
#
# A machine without cargo or network is given what was built elsewhere, on x86-64 Linux with a glibc that is not newer:
#
#   scripts/gpu_check.sh --pack DIR                    builds bcl-exp and the tests into DIR, for any libtorch 2.11.0
#   scripts/gpu_check.sh --carried DIR --libtorch TORCH ...
#
#   --carried DIR     what --pack has built
#   --libtorch TORCH  the torch folder of a libtorch or Python installation with CUDA [$LIBTORCH; python3's torch]
#
# Exit status: 0 done; 3 stopped by --minutes; 1 something failed, told on stderr; 2 wrong options.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "gpu_check: $*"; }
fail() {
    printf '%s\n' "gpu_check: error: $1" >&2
    shift
    for line in "$@"; do printf '%s\n' "       $line" >&2; done
    exit 1
}
usage() { sed -n '2,/^set -eu/{s/^# \{0,1\}//p;}' scripts/gpu_check.sh; }
wrong() {
    printf '%s\n' "gpu_check: error: $1" "       see scripts/gpu_check.sh --help" >&2
    exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

device=cuda:0 only='' minutes='' data=data out='' quick='' python='' pack='' carried='' torch=''
while [ $# -gt 0 ]; do
    case "$1" in
    --help | -h) usage && exit 0 ;;
    --quick) quick=1 && shift && continue ;;
    --device | --only | --minutes | --data | --out | --python | --pack | --carried | --libtorch) ;;
    *) wrong "unknown option $1" ;;
    esac
    [ $# -ge 2 ] || wrong "$1: expected a value"
    case "$1" in
    --device) device=$2 ;;
    --only) only=$2 ;;
    --minutes) minutes=$2 ;;
    --data) data=$2 ;;
    --out) out=$2 ;;
    --python) python=$2 ;;
    --pack) pack=$2 ;;
    --carried) carried=$2 ;;
    --libtorch) torch=$2 ;;
    esac
    shift 2
done
case "$only" in '' | tests | bench | train) ;; *) wrong "--only: expected tests, bench or train, got $only" ;; esac
case "$device" in cpu | cuda | cuda:[0-9]*) ;; *) wrong "--device: expected cpu, cuda or cuda:N, got $device" ;; esac
case "$minutes" in
'') ;;
0* | *[!0-9]*) wrong "--minutes: expected a whole number above 0, got $minutes" ;;
*) have timeout || fail "--minutes needs the command timeout" "on Debian or Ubuntu: sudo apt-get install coreutils" ;;
esac
wanted() { [ "${only:-$1}" = "$1" ]; }

# --- building --------------------------------------------------------------------------------------------
# The tests whose bodies run on any device.
targets='naive evaluation golden invariants errors queue_and_parts auc_and_location model optim torch device loader training steps'
build_program() {
    cargo build --release --locked -p bcl-exp
    exp=${CARGO_TARGET_DIR:-target}/release/bcl-exp
}
build_tests() { # into a folder
    selected=$(for target in $targets; do printf -- '--test %s ' "$target"; done)
    # shellcheck disable=SC2086 # a list of words
    built=$(cargo test --locked --no-run --color never -p bcl-core -p bcl-models -p bcl-data -p bcl-exp $selected 2>&1) ||
        { printf '%s\n' "$built" >&2 && exit 1; }
    mkdir -p "$1"
    for target in $targets; do
        path=$(printf '%s\n' "$built" | sed -n "s|.*tests/$target\.rs (\(.*\))\$|\1|p")
        [ -n "$path" ] || fail "cargo did not tell where the test $target is" "its output: $built"
        strip -o "$1/$target" "$path"
    done
}
if [ -n "$pack" ]; then
    sh scripts/setup.sh
    build_program
    build_tests "$pack/tests"
    strip -o "$pack/bcl-exp" "$exp"
    say "packed into $pack: $(du -sh "$pack" | cut -f1); take it along with this checkout"
    exit 0
fi

# --- what the machine must have --------------------------------------------------------------------------
if [ "$device" != cpu ]; then
    [ -e /proc/driver/nvidia/version ] || { have nvidia-smi && nvidia-smi -L >/dev/null 2>&1; } ||
        fail "no NVIDIA driver was found, and --device is $device" \
            "install the driver for CUDA 13 (nvidia-smi must list the GPU)," \
            "or try the command itself: scripts/gpu_check.sh --device cpu --quick"
fi
if [ -z "$quick" ] && wanted train && [ ! -e "$data/cifar-10-batches-bin/test_batch.bin" ]; then
    fail "CIFAR-10 was not found: expected $data/cifar-10-batches-bin" \
        "give its folder with --data, or fetch it: cargo run --release -p bcl-exp -- data fetch cifar10 --data $data"
fi
mkdir -p runs
needed=4 # GB: builds, and the states of 20 runs
[ -z "$quick" ] || needed=1
free=$(df -Pk runs | awk 'END { print int($4 / 1e6) }')
[ "$free" -ge "$needed" ] || fail "expected $needed GB of free space in $PWD, got $free GB"

gpu=cpu
if [ "$device" != cpu ] && have nvidia-smi; then
    index=${device#cuda} && index=${index#:}
    gpu=$(nvidia-smi -i "${index:-0}" --query-gpu=name --format=csv,noheader | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-')
elif [ "$device" != cpu ]; then
    gpu=cuda
fi

# --- where results go ------------------------------------------------------------------------------------
# What is finished is marked under runs/, which git ignores; so an unfinished folder of another day is gone on with.
marks=runs/gpu-check
if [ -n "$quick" ]; then
    out=${out:-$marks/dry-run}
elif [ -z "$out" ]; then
    out=results/$(date -u +%Y-%m-%d)-$gpu
    for begun in "$marks"/*-"$gpu".marks; do
        if [ -d "$begun" ] && [ ! -e "$begun/train" ]; then out=results/$(basename "$begun" .marks); fi
    done
fi
mark=$marks/$(basename "$out").marks
mkdir -p "$out/bench" "$mark"

# --- the program and the tests ---------------------------------------------------------------------------
if [ -n "$carried" ]; then
    exp=$carried/bcl-exp tests=$carried/tests
    [ -x "$exp" ] || fail "--carried: expected $exp" "make it with scripts/gpu_check.sh --pack DIR"
    [ -n "$torch" ] ||
        torch=${LIBTORCH:-$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null || true)}
    [ -e "$torch/lib/libtorch_cpu.so" ] || fail "no libtorch for $exp: got '$torch'" \
        "give the torch folder of a libtorch 2.11.0 with --libtorch"
    export LD_LIBRARY_PATH="$torch/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
else
    [ -z "$torch" ] || export LIBTORCH="$torch"
    if [ "$device" = cpu ]; then sh scripts/setup.sh; else sh scripts/setup.sh cuda; fi
    build_program
    tests=$marks/tests
    if wanted tests; then build_tests "$tests"; fi
fi
[ -n "$python" ] || { python3 -c 'import torch, torchvision' 2>/dev/null && python=$(command -v python3); } || true

# --- how a stage is run ----------------------------------------------------------------------------------
deadline=$(($(date +%s) + 60 * ${minutes:-0}))
stopped() {
    say "stopped after $minutes minute(s); what was done is kept in $out and runs/, the same command goes on"
    exit 3
}
# Runs a command within the time that is left; it is asked to stop, and has a minute for that.
timed() {
    if [ -z "$minutes" ]; then
        "$@"
        return
    fi
    left=$((deadline - $(date +%s)))
    [ "$left" -gt 0 ] || stopped
    status=0
    timeout --foreground --signal=TERM --kill-after=60 "$left" "$@" || status=$?
    case "$status" in
    124 | 137) stopped ;;
    *) return "$status" ;;
    esac
}
failed=''
# stage NAME COMMAND...: once; what has been finished before is passed over. One that fails does not keep others from running.
stage() {
    name=$1
    shift
    if [ -e "$mark/$name" ]; then
        say "$name: done before ($mark/$name)"
        return
    fi
    say "$name: $*"
    if timed "$@"; then
        : >"$mark/$name"
    else
        printf '%s\n' "gpu_check: error: $name failed: $*" >&2
        failed="$failed $name"
    fi
}

"$exp" doctor --data "$data" >"$out/doctor.txt" || { cat "$out/doctor.txt" >&2 && fail "the doctor found something wrong"; }
grep -v '^data sets' "$out/doctor.txt" | sed '/^$/,$d' | tee "$out/machine.txt"
rm "$out/doctor.txt"
if [ "$device" != cpu ] && have nvidia-smi; then
    nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit --format=csv | tee -a "$out/machine.txt"
fi

# --- stages ----------------------------------------------------------------------------------------------
if wanted tests; then
    program=$(cd "$(dirname "$exp")" && pwd)/bcl-exp
    for target in $targets; do
        stage "test-$target" env BCL_TEST_DEVICE="$device" BCL_TEST_PROGRAM="$program" "$tests/$target" --quiet
    done
fi

if wanted bench; then
    if [ -n "$quick" ]; then
        seconds=0.2 pairs=64 encoders=resnet10:8:8 precisions='bf16 f32'
    else
        seconds=10 pairs=256,512,1024,2048,4096,16384 encoders=resnet18:64:256,resnet50:64:256 precisions='bf16 tf32 f32'
    fi
    bench() { # name, options
        name=$1
        shift
        stage "bench-$name" "$exp" bench "$@" --device "$device" --seconds "$seconds" ${python:+--python "$python"}
    }
    bench loss loss --batch-pairs "$pairs" --out "$out/bench" ${quick:+--no-memory}
    bench augment augment --out "$out/bench"
    for precision in $precisions; do
        bench "train-$precision" train --encoders "$encoders" --precision "$precision" --out "$out/bench/$precision"
    done
fi

if wanted train; then
    grid=experiments/cifar10-gpu.toml
    if [ -n "$quick" ]; then
        grid=$mark/dry-run.toml
        sed -e 's/^name = .*/name = "dry-run"/' -e 's/^dataset = .*/dataset = "fashion-mini"\npretrain_images = 512/' \
            -e 's/resnet18"/resnet10"\nstem = "compact"/' -e 's/^width = .*/width = 8/' \
            -e 's/^epochs = .*/epochs = 2\nbatch_pairs = 128/' -e 's/seed = 1$/seed = 0/' -e 's/\[0, 1\]/0/' \
            experiments/cifar10-gpu.toml >"$grid"
    fi
    stage train "$exp" --grid "$grid" --device "$device" --data "$data" --results "$out"
fi

[ -z "$failed" ] || fail "failed:$failed" "the same command goes on with what failed or was not run"
say "finished: $out"
[ -n "$quick" ] || say "commit it: git add $out, and give it a line in results/README.md"
