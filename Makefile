# `make demo` and `make test` work in a fresh clone: each makes .venv and installs what it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
# One thread for each test process: the workers fill the cores. Ours first, so that a variable of yours wins.
# A file's tests stay in one process, so that what they share is made once.
TESTS := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: help demo serve test test-all check format web clean
help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/study  ## a whole study in minutes: synthetic clips, masks, student, scores, report
	$(BIN)/python studies/look.py runs/first-look
	$(BIN)/echodfkd run studies/demo.toml --out runs/demo

serve: .venv/web  ## the page: drop a clip in the browser, see the heart beat
	$(BIN)/echodfkd serve

test: .venv/dev  ## the fast tests
	$(TESTS) -m "not long"

test-all: .venv/dev  ## every test, the long ones too
	$(TESTS)

check: .venv/dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev  ## mend style where a program can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# By npm, as pinned here; nothing of them is committed.
ORT := onnxruntime-web-1.30.0
ORT_SHA := d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71
AXE := axe-core-4.14.1
AXE_SHA := e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745
web: build/$(ORT).done build/$(AXE).done  ## what the page needs without a server (onnxruntime-web), and what audits it (axe-core)

build/$(ORT).done:
	$(call fetched,$(ORT),$(ORT_SHA),onnxruntime-web)
build/$(AXE).done:
	$(call fetched,$(AXE),$(AXE_SHA),axe-core)
define fetched
	mkdir -p build/$(3)
	cd build && npm pack --silent $(3)@$(patsubst $(3)-%,%,$(1)) && echo "$(2)  $(1).tgz" | sha256sum --check --quiet
	tar xzf build/$(1).tgz -C build/$(3)
	touch $@
endef

clean:  ## remove what make made (runs/ stays)
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# torch first and alone: it takes the CPU build where pip is set up to offer one, and nothing after it replaces it.
.venv/study: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[study,echoclip]'
	touch $@

# No torch: who only wants the page need not wait for it.
.venv/web: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[web,dicom,nifti]'
	touch $@

.venv/dev: .venv/study
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[study,echoclip,dev]'
	touch $@
