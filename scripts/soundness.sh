#!/bin/sh
# Looks for undefined behaviour in the kernels: Miri interprets their portable path, AddressSanitizer watches every
# instruction set of this machine and the boundary to libtorch. Needs rustup, and downloads a nightly toolchain with Miri.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh

host=$(rustc -vV | sed -n 's/^host: //p')
echo "soundness: AddressSanitizer"
# The switch for sanitizers is unstable; the allocator of the CUDA-less libtorch keeps memory until the end by design.
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" ASAN_OPTIONS=detect_leaks=0 \
    cargo test --locked --target "$host" --target-dir target/asan -p bcl-core --lib --test evaluation --test queue_and_parts
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" ASAN_OPTIONS=detect_leaks=0 \
    cargo test --locked --target "$host" --target-dir target/asan -p bcl-data --lib augment

echo "soundness: Miri"
rustup toolchain install nightly --profile minimal --component miri,rust-src
PROPTEST_CASES=2 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-deterministic-floats" \
    cargo +nightly miri test --locked --target-dir target/miri -p bcl-core --lib fused
