# The verbs of howard. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
CARGO := cargo
# A Python with torch 2.11, transformers and statsmodels, for `make golden` only.
PYTHON := PYTHONPATH=.libtorch/site python3
# The folder of compiled programs (one profile for demo, tests and notebooks: dependencies are built once).
BIN := $(or $(CARGO_TARGET_DIR),target)/debug

.PHONY: help setup build demo ablation test test-endpoint test-light tiny-model lint doc deny golden golden-peers bench bench-gpu bench-pack bench-page clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## fetch libtorch into .libtorch/ (once; LIBTORCH=DIR uses an existing one)
	@scripts/setup.sh

build: setup ## build the library and all programs
	@$(CARGO) build --locked --workspace --bins

demo: build ## evaluate the shipped tiny model, train it by GRPO, evaluate again, write a report (under 3 minutes)
	@rm -rf results/demo results/demo-grpo results/demo-after
	@$(BIN)/eval --model data/tiny --benchmark mini --max-tokens 256 --out results/demo
	@$(BIN)/grpo --config configs/tiny/demo.toml --out results/demo-grpo >/dev/null
	@$(BIN)/eval --model results/demo-grpo/model --benchmark mini --max-tokens 256 --out results/demo-after
	@$(BIN)/report ablation results/demo results/demo-after --out reports/demo

ablation: build ## the study in miniature: train and evaluate its eight rows (under 60 minutes; goes on where it was)
	@scripts/ablation.sh $(BIN)

# Tests run side by side: libtorch's threads must not spin while they wait for each other (docs/build.md).
test: setup ## run all tests, first those that need no libtorch
	@OMP_WAIT_POLICY=passive $(CARGO) test --locked --package howard --no-default-features
	@OMP_WAIT_POLICY=passive $(CARGO) test --locked --workspace

test-endpoint: build ## eval and traces against `transformers serve`, a server that we did not write
	@scripts/test-endpoint.sh $(BIN)

.PHONY: notebooks notebooks-test notebooks-selftest notebooks-render notebooks-data
notebooks: setup ## open JupyterLab in notebooks/ with a kernel of our own (installed into .notebooks/, once)
	@scripts/notebooks.sh lab

notebooks-test: setup ## execute all notebooks headless; fail on errors, panics and unexpected lines on stderr
	@scripts/notebooks.sh test

notebooks-selftest: setup ## the test of that test: broken notebooks must fail, kernels must keep their promises
	@scripts/notebooks.sh selftest

notebooks-render: setup ## execute all notebooks and write the copies with outputs to docs/notebooks/
	@scripts/notebooks.sh render

notebooks-data: build ## make notebooks/data again from the results of `make ablation`
	@$(CARGO) build --locked --workspace --example notebook_data
	@scripts/notebooks-data.sh $(BIN)

tiny-model: build ## train the shipped tiny model again, from random weights (about 15 minutes on 2 cores)
	@$(BIN)/sft --config configs/tiny/sft.toml --out results/tiny-sft
	@cp results/tiny-sft/model/* data/tiny/
	@echo "data/tiny is written; compare: git status data/tiny"

golden: build ## make the reference numbers again; check that transformers loads what howard saves (PYTHON=...)
	@$(PYTHON) tests/golden/qwen3.py
	@$(PYTHON) tests/golden/statistics.py > tests/golden/statistics.json
	@$(PYTHON) tests/golden/chat.py > tests/golden/chat.json
	@$(PYTHON) tests/golden/adamw.py > tests/golden/adamw.json
	@$(PYTHON) tests/golden/losses.py > tests/golden/losses.json
	@$(PYTHON) tests/golden/grpo.py
	@mkdir -p results && $(BIN)/logprobs --model data/tiny --in tests/golden/texts.jsonl --out results/scored.jsonl.tmp
	@$(PYTHON) tests/golden/check_saved.py data/tiny tests/golden/texts.jsonl results/scored.jsonl.tmp

golden-peers: build ## as golden, for numbers that need trl and peft; check that PEFT loads the adapters of howard (PYTHON=...)
	@$(PYTHON) tests/golden/sft.py
	@$(PYTHON) tests/golden/trl_sft.py
	@rm -rf results/golden-adapter results/golden-merged
	@$(BIN)/sft --set model=data/tiny --set max_length=2048 --set data.path=tests/golden/trl_sft/train.jsonl --set batch_size=8 \
		--set train.epochs=3 --set train.learning_rate=5e-3 --set lora.rank=8 --out results/golden-adapter
	@$(BIN)/merge --model data/tiny --adapter results/golden-adapter/adapter --out results/golden-merged
	@$(BIN)/logprobs --model results/golden-merged --in tests/golden/texts.jsonl --out results/scored.jsonl.tmp
	@$(PYTHON) tests/golden/check_adapter.py data/tiny results/golden-adapter/adapter results/golden-merged \
		tests/golden/texts.jsonl results/scored.jsonl.tmp
	@$(PYTHON) tests/golden/trl_losses.py > tests/golden/trl_losses.json
	@$(PYTHON) tests/golden/tensorboard.py make > tests/golden/events.out.tfevents.golden

# A Python with transformers and trl for the peers (benches/peers/README.md); without it only ours is measured.
PEERS := $(wildcard .peers/bin/python)
SPEED := $(CARGO) test --locked --workspace --bench speed -- $(if $(PEERS),--peers $(abspath $(PEERS)))

# Cargo runs a package's benchmarks in the package's folder, so paths are whole.
FRAMES := $(abspath benches/results)

bench: setup ## speed and memory beside the Python stack on the CPU, then docs/benchmarks.md (about an hour; ONLY=TEXT)
	@mkdir -p $(FRAMES) results
	@$(SPEED) --agree --out $(FRAMES)/agreement-cpu.jsonl
	@$(SPEED) $(if $(ONLY),--only "$(ONLY)") --out $(FRAMES)/cpu.jsonl
	@$(SPEED) --scaling --out $(FRAMES)/scaling.jsonl
	@$(CARGO) test --locked --workspace --bench analysis -- --out $(FRAMES)/analysis.jsonl
	@$(CARGO) test --locked --workspace --bench grading -- --cases $(abspath results)/cases.jsonl --out $(FRAMES)/grading.jsonl
	@$(if $(PEERS),$(PEERS) benches/peers/grading.py results/cases.jsonl --out $(FRAMES)/grading.jsonl)
	@$(MAKE) --no-print-directory bench-page

# All that a GPU machine without Rust needs beside the torch wheel.
PACK := $(dir $(BIN))bench-gpu

bench-pack: setup ## fill target/bench-gpu with what benchmarks need on a CUDA machine without Rust; start run.sh there
	@scripts/bench-pack.sh $(PACK)

bench-gpu: bench-pack ## the same benchmarks on this machine's CUDA device, and the shape of Qwen3-4B (DEVICE=cuda:N ONLY=TEXT)
	@LIBTORCH="$${LIBTORCH:-$(abspath .libtorch/site/torch)}" PYTHON=$(or $(PEERS),python3) OUT=$(FRAMES) $(abspath $(PACK))/run.sh
	@$(MAKE) --no-print-directory bench-page

bench-page: setup ## docs/benchmarks.md from the frames in benches/results
	@$(SPEED) --page

lint: setup ## formatting and clippy, warnings are errors
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --locked --package howard --all-targets --no-default-features -- -D warnings

doc: setup ## the library's documentation, warnings are errors
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

deny: ## licences and advisories of all dependencies (needs cargo-deny)
	@command -v cargo-deny >/dev/null 2>&1 || { echo "deny: cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 2; }
	@cargo deny check licenses bans sources

clean: ## remove build outputs (keeps libtorch and results)
	@$(CARGO) clean
