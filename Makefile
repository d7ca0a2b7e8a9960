# Kantor: build, test, install. `make help` lists the targets; each installs what it misses.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := stage

# ---- names and places ----------------------------------------------------------------------------

# The header is the one place that knows the version and the number in the soname.
macro = $(shell sed -n 's/^\#define KANTOR_$(1) //p' include/kantor/types.h)
VERSION := $(call macro,VERSION_MAJOR).$(call macro,VERSION_MINOR).$(call macro,VERSION_PATCH)

BUILD := $(CURDIR)/build
STAGE := $(BUILD)/stage
LIBRARY := $(BUILD)/lib/libkantor.so.$(VERSION)

# Where `make install` puts things. Debian keeps libraries of /usr by architecture.
prefix ?= /usr/local
libdir ?= $(prefix)/lib$(if $(filter /usr,$(prefix)),$(addprefix /,$(shell gcc -print-multiarch)))
includedir ?= $(prefix)/include
DESTDIR ?=

VENV := $(CURDIR)/.venv

# Variables that change what OpenBLAS does would make figures of NumPy meaningless.
unexport OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export SWIFT PYTHON

# ---- the library ---------------------------------------------------------------------------------

SOURCES := Package.swift scripts/build-library abi/kantor.map \
  $(shell find Sources include -type f -not -name '.*')

# scripts/build-library holds the flags that make the library self-contained: in Package.swift they
# would keep the engines from being used as an ordinary package dependency.
define build_library
@scripts/need gcc libc-headers strip
@scripts/fresh-modules $(2)
@echo "Building $(subst $(CURDIR)/,,$@)"
@swift=$$(scripts/find-swift); PATH="$$(dirname "$$swift"):$$PATH" \
  scripts/build-library $(1) </dev/null
@touch $@
endef

$(LIBRARY): $(SOURCES)
	$(call build_library,,.build-lib)

# The variants that scripts/test-memory works with.
$(BUILD)/debug/libkantor.so.$(VERSION): $(SOURCES)
	$(call build_library,--debug,.build-lib-debug)
$(BUILD)/address/libkantor.so.$(VERSION): $(SOURCES)
	$(call build_library,--sanitize=address,.build-lib-address)
$(BUILD)/thread/libkantor.so.$(VERSION): $(SOURCES)
	$(call build_library,--sanitize=thread,.build-lib-thread)

.PHONY: library variants
library: $(LIBRARY) ## build/lib/libkantor.so.X.Y.Z
variants: $(foreach kind,debug address thread,$(BUILD)/$(kind)/libkantor.so.$(VERSION))

# ---- the staged tree -----------------------------------------------------------------------------

STAGED := $(STAGE)/kantor.stamp

$(STAGED): $(LIBRARY) scripts/install-files $(wildcard bindings/c/*.hpp bindings/c/*/*.hpp) \
  $(wildcard pkgconfig/*.in cmake/*.in)
	@echo "Staging in $(subst $(CURDIR)/,,$(STAGE))"
	@rm -rf $(STAGE)
	@prefix=$(STAGE) libdir=$(STAGE)/lib includedir=$(STAGE)/include DESTDIR= \
	  scripts/install-files install $(LIBRARY)
	@touch $@

.PHONY: stage
stage: $(STAGED) ## an installed tree in build/stage: lib, include, pkg-config, CMake

# After a change of the running system the loader's cache is renewed, if we may.
install_files = prefix=$(prefix) libdir=$(libdir) includedir=$(includedir) DESTDIR=$(DESTDIR) \
  scripts/install-files $(1) $(LIBRARY) \
  && if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

.PHONY: install uninstall
install: $(LIBRARY) ## install; prefix=/usr/local libdir= includedir= DESTDIR=
	@echo "Installing in $(DESTDIR)$(prefix)"
	@$(call install_files,install)

uninstall: ## take away what `make install` with the same variables put there
	@echo "Uninstalling from $(DESTDIR)$(prefix)"
	@$(call install_files,uninstall)

# ---- Python --------------------------------------------------------------------------------------

# The environment sees the package of this checkout and the staged library; no step after an edit.
VENV_READY := $(VENV)/kantor-checkout

$(VENV_READY): requirements.txt requirements-test.txt scripts/make-venv scripts/link-checkout
	@scripts/make-venv $(VENV) requirements-test.txt
	@scripts/link-checkout $(VENV)
	@touch $@

.PHONY: venv
venv: $(VENV_READY) $(STAGED) ## .venv, in which `import kantor` works

# ---- running, testing, measuring -----------------------------------------------------------------

.PHONY: run
run: $(STAGED) $(VENV_READY) ## the two main programs, in C and in Python, on real data
	@scripts/run-examples

.PHONY: test test-full test-memory check
test: ## every check, in about a quarter of an hour; ONLY="c python" for some of them
	@scripts/test fast $(ONLY)
test-full: ## the same with the long sets
	@scripts/test full $(ONLY)
test-memory: ## valgrind and the address, undefined-behaviour and thread sanitizers
	@scripts/test fast memory
check: test

.PHONY: bench
bench: $(STAGED) ## compare with other libraries, in .venv-bench; BENCH=--help for options
	@bench/run $(BENCH)

.PHONY: clean help
clean: ## remove everything that was built (build, .build*, .venv*)
	rm -rf build .build .build-* .venv .venv-*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16
	@echo
	@echo '  Variables: prefix libdir includedir DESTDIR (install), ONLY (test), BENCH, SWIFT, PYTHON'
