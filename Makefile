# The commands of this repository. Each sets up what is missing first.
#
#   make sweep    train and score a grid of losses, print the tables      SWEEP=FILE DATA=DIR DEVICE=cuda:0
#   make test     every test
#   make report   tables and figures from results/ again
#   make bench    the benchmarks
#   make check    format, lints, documentation
#   make soundness  Miri and AddressSanitizer over the kernels
#   make fuzz     every parser fed with damaged files                    FUZZ_SECONDS=60
#   make setup    only the set-up (libtorch in .libtorch/)                LIBTORCH_VARIANT=cpu|cuda

SWEEP ?= experiments/quick.toml
RESULTS ?= results
DATA ?=
DEVICE ?=
LIBTORCH_VARIANT ?=
FUZZ_SECONDS ?= 60

EXP = cargo run --release --locked --quiet -p bcl-exp --

.PHONY: help sweep test report bench check fuzz soundness setup
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' $(MAKEFILE_LIST)

setup:
	@sh scripts/setup.sh $(LIBTORCH_VARIANT)

sweep: setup
	cargo build --release --locked -p bcl-exp
	$(EXP) simulate --repeats 10 --out $(RESULTS)/simulate
	$(EXP) --grid $(SWEEP) --results $(RESULTS) $(if $(DATA),--data $(DATA)) $(if $(DEVICE),--device $(DEVICE))

test: setup
	cargo test --workspace --locked

report: setup
	$(EXP) report --results $(RESULTS)

bench: setup
	$(EXP) bench --out $(RESULTS)/bench

check: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

fuzz: setup
	@sh scripts/fuzz.sh $(FUZZ_SECONDS)

soundness:
	@sh scripts/soundness.sh
