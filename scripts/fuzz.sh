#!/bin/sh
# Fuzzes every parser of bcl-data for SECONDS in all (60 unless given), one target after another.
#
#   scripts/fuzz.sh [SECONDS]
#
# Seeds are small whole files. What is found lies in crates/bcl-data/fuzz/artifacts/, what was learnt in corpus/, both
# ignored by git. The stable compiler does: the switches that sanitizers need are unlocked for these builds alone.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
sh scripts/setup.sh
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --root target/tools
PATH="$PWD/target/tools/bin:$PATH"
export RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=detect_leaks=0 # libtorch keeps its allocations until the end
cd crates/bcl-data/fuzz

seed() { mkdir -p "seeds/$1" && cat >"seeds/$1/$2"; }
printf '\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\2abcd' | seed idx images
printf '\0\0\10\1\0\0\0\2\1\2' | seed idx labels
printf '\0\0\10\1\0\0\0\2\1\2' | gzip -n | seed idx labels.gz
head -c 3073 /dev/zero | seed cifar ten
head -c 3074 /dev/zero | seed cifar hundred
printf '0 1 2\n%.0s' 1 2 3 4 5 6 7 8 9 10 | seed stl10 folds
printf 'n00000001\nn00000002\n' | seed wnids two
printf 'val_0.JPEG\tn00000001\t0\t0\t63\t63\n' | seed annotations one
printf '%064d  train/a.png\n' 0 | seed manifest one
mkdir -p set seeds/archive seeds/picture
echo some >set/file
tar -cf seeds/archive/set.tar set
tar -czf seeds/archive/set.tar.gz set
python3 -m zipfile -c seeds/archive/set.zip set
rm -r set
cp ../tests/fixtures/pictures/*.jpg ../tests/fixtures/pictures/*.png ../tests/fixtures/pictures/*.webp seeds/picture

cargo fuzz build
targets=$(cargo fuzz list)
shares=2 # decoders are the largest part: three shares for them
for target in $targets; do shares=$((shares + 1)); done
for target in $targets; do
    share=$((seconds / shares))
    [ "$target" != picture ] || share=$((3 * share))
    mkdir -p "corpus/$target" "seeds/$target"
    echo "fuzz: $target for $share s"
    cargo fuzz run "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$share" -max_len=8192 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 2>&1 |
        tee "target/$target.log" | grep -E '^(stat::|SUMMARY|thread|==)|DONE|panicked' || true
    # Only a run that found nothing gets to its end.
    grep -q '^#.*DONE' "target/$target.log" || { tail -n 40 "target/$target.log"; exit 1; }
done
