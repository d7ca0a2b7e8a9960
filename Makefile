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
SONAME := libkantor.so.$(call macro,ABI_VERSION)

BUILD := $(CURDIR)/build
STAGE := $(BUILD)/stage
LIBRARY := $(BUILD)/lib/libkantor.so.$(VERSION)
# The same file before stripping: for valgrind and debuggers.
LIBRARY_DEBUG := $(BUILD)/lib/debug/libkantor.so.$(VERSION)

# Where `make install` puts things. Debian keeps libraries of /usr by architecture.
prefix ?= /usr/local
libdir ?= $(prefix)/lib$(if $(filter /usr,$(prefix)),$(addprefix /,$(shell gcc -print-multiarch)))
includedir ?= $(prefix)/include
DESTDIR ?=

VENV := $(CURDIR)/.venv
VENV_BENCH := $(CURDIR)/.venv-bench

# Variables that change what OpenBLAS does would make figures of NumPy meaningless.
unexport OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
export SWIFT PYTHON

# ---- the library ---------------------------------------------------------------------------------

# One build serves everybody: optimised across modules, with debug information that valgrind reads.
SWIFT_FLAGS := -c release -Xswiftc -cross-module-optimization \
  -Xswiftc -dwarf-version=4 -Xcc -gdwarf-4

# Self-contained: the Swift runtime inside and hidden, every symbol resolved at link time, no search
# path baked in. Not in Package.swift, because there they would keep the engines from being used as
# an ordinary package dependency.
LINK_FLAGS := -Xswiftc -static-stdlib -Xswiftc -use-ld=lld --disable-local-rpath \
  -Xlinker -soname=$(SONAME) -Xlinker --version-script=$(CURDIR)/abi/kantor.map \
  -Xlinker -z -Xlinker defs -Xlinker -z -Xlinker now -Xlinker -z -Xlinker nodelete

SOURCES := Package.swift Makefile abi/kantor.map \
  $(shell find Sources include -type f -not -name '.*' 2>/dev/null)

$(LIBRARY_DEBUG): $(SOURCES)
	scripts/need gcc libc-headers strip
	swift=$$(scripts/find-swift)
	"$$swift" build --product kantor --scratch-path .build-lib $(SWIFT_FLAGS) $(LINK_FLAGS) </dev/null
	mkdir -p $(@D)
	install -m 755 .build-lib/release/libkantor.so $@

$(LIBRARY): $(LIBRARY_DEBUG)
	strip --strip-unneeded -o $@.new $<
	mv $@.new $@

.PHONY: library
library: $(LIBRARY) ## build/lib/libkantor.so.X.Y.Z, stripped (and debug/ beside it)

# ---- the staged tree -----------------------------------------------------------------------------

STAGED := $(STAGE)/kantor.stamp

$(STAGED): $(LIBRARY) scripts/install-files $(wildcard bindings/c/*.hpp bindings/c/*/*.hpp) \
  $(wildcard pkgconfig/*.in cmake/*.in)
	rm -rf $(STAGE)
	prefix=$(STAGE) libdir=$(STAGE)/lib includedir=$(STAGE)/include DESTDIR= \
	  scripts/install-files install $(LIBRARY)
	touch $@

.PHONY: stage
stage: $(STAGED) ## an installed tree in build/stage: lib, include, pkg-config, CMake

.PHONY: install uninstall
install: $(LIBRARY) ## install; prefix=/usr/local libdir= includedir= DESTDIR=
	prefix=$(prefix) libdir=$(libdir) includedir=$(includedir) DESTDIR=$(DESTDIR) \
	  scripts/install-files install $(LIBRARY)
	# The loader's cache, when this is the running system and we may write it.
	if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

uninstall: ## take away what `make install` with the same variables put there
	prefix=$(prefix) libdir=$(libdir) includedir=$(includedir) DESTDIR=$(DESTDIR) \
	  scripts/install-files uninstall $(LIBRARY)
	if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig || true; fi

# ---- Python --------------------------------------------------------------------------------------

# The environment sees the package of this checkout and the staged library; no step after an edit.
VENV_READY := $(VENV)/kantor-checkout

$(VENV_READY): requirements.txt requirements-test.txt scripts/make-venv scripts/link-checkout
	scripts/make-venv $(VENV) requirements-test.txt
	scripts/link-checkout $(VENV)
	touch $@

.PHONY: venv
venv: $(VENV_READY) $(STAGED) ## .venv, in which `import kantor` works

# ---- running, testing, measuring -----------------------------------------------------------------

.PHONY: run
run: $(STAGED) $(VENV_READY) ## the two main programs, in C and in Python, on real data
	scripts/run-examples

.PHONY: test test-full test-memory check
test: ## every check, in about a quarter of an hour; ONLY="c python" for some of them
	scripts/test fast $(ONLY)
test-full: ## the same with the long sets
	scripts/test full $(ONLY)
test-memory: ## valgrind and the address, undefined-behaviour and thread sanitizers
	scripts/test fast memory
check: test

.PHONY: bench
bench: $(STAGED) ## compare with other libraries; a table, JSON and pictures in build/bench
	scripts/make-venv $(VENV_BENCH) requirements-bench.txt
	scripts/link-checkout $(VENV_BENCH)
	mkdir -p $(BUILD)/bench
	$(VENV_BENCH)/bin/python bench/run.py $(BENCH)

.PHONY: clean help
clean: ## remove everything that was built (build, .build*, .venv*)
	rm -rf build .build .build-* .venv .venv-* bindings/python/build bindings/python/src/*.egg-info
	find bindings bench examples scripts -name __pycache__ -type d -prune -exec rm -rf {} + || true

help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16
	@echo
	@echo '  Variables: prefix libdir includedir DESTDIR (install), ONLY (test), SWIFT, PYTHON'
