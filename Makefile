# Constat's house: set up, check, try, measure, install. `make help` lists the targets.
#
# What runs, what only tests and what only breaks code to see the tests fail are locked apart (requirements.lock,
# -dev.lock, -mutants.lock), so that an installed Constat carries no test tool; each is compiled against the one
# before, so that they cannot differ.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.NOTPARALLEL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
READY_MUTANTS := $(VENV)/.ready-mutants
LAWS := 1 2 3 4 5 6 7 8 9 10
PIP_INSTALL := -m pip --disable-pip-version-check --quiet install

##@ Try it

.PHONY: run
run: $(READY)  ## set everything up once, then show a made-up provider failing, on loopback, nothing to configure
	exec $(BIN)/constat demo

##@ Work on it

# The fast tests share the cores; what waits for real servers and real time (slow) has the machine to itself.
.PHONY: test
test: $(READY_DEV) lint core packages  ## set everything up, then lint, types, import rules, the core and all tests
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"
	exec $(BIN)/python -m pytest -m slow

.PHONY: lint
lint: $(READY_DEV)  ## style, import rules, types: fastest first
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/mypy

.PHONY: fix
fix: $(READY_DEV)  ## put right what ruff can put right, and the README's tree
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .
	$(BIN)/python -m tests.readme

# The core's own worked examples: no property tests, which would reach a branch by luck, and no scenarios, which reach
# it from afar. `make mutants` has the scenarios too (pyproject.toml).
.PHONY: core
core: $(READY_DEV)  ## the rules of the account by their worked examples, in seconds: every branch of them is reached
	exec $(BIN)/python -m pytest -q -m "not slow and not hypothesis" tests/core \
	    --cov=collector/core --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

.PHONY: mutants
mutants: $(READY_MUTANTS)  ## break the core in thousands of ways and see the fast tests fail: two hours; OF='collector.core.outage*'
	$(BIN)/mutmut run $(if $(OF),"$(OF)")
	$(BIN)/mutmut results | sed '/: not checked$$/d'

.PHONY: laws
laws: $(READY_DEV)  ## the laws of the account with 100 000 examples each, a law on each core: hours; LAWS='6 9'
	export HYPOTHESIS_PROFILE=large
	printf '%s\n' $(LAWS) | xargs -P "$$(nproc)" -I{} bash -c '
	    told=$$($(BIN)/python -m pytest -q -p no:cacheprovider -m "law(number={})" 2>&1) && failed=0 || failed=1
	    printf "%s\n" "$$told"
	    exit $$failed'

.PHONY: soak
soak: $(READY_DEV) packages  ## half an hour of 40 probes against real servers, killed ten times: every slot covered once
	exec $(BIN)/python -m tests.integration.soak

.PHONY: bench
bench:  ## what it costs by the Python that is deployed, beside the blackbox exporter and Prometheus; YEAR=1: all of a year
	exec $(MAKE) --no-print-directory measure PYTHON=$(SYSTEM_PYTHON) VENV=$(VENV)-deployed

.PHONY: measure
measure: $(READY_DEV) packages  ## the same by the Python of VENV
	exec $(BIN)/python -m tests.bench $(if $(YEAR),--year)

.PHONY: packages
packages: $(READY_DEV)  ## the real servers of the tests, from Debian; starts none of them
	bash tests/packages.sh $$($(BIN)/python -c 'from tests.conftest import PROGRAM_OF, missing; print(*missing(*PROGRAM_OF))')

.PHONY: lock
lock:  ## compile the locks anew (needs uv); UPGRADE=1 takes newer versions
	compile() { uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header pyproject.toml "$$@" >/dev/null; }
	compile --extra build -o requirements.lock
	compile --extra build --extra dev -c requirements.lock -o requirements-dev.lock
	compile --extra build --extra dev --extra mutants -c requirements-dev.lock -o requirements-mutants.lock

.PHONY: clean
clean:  ## remove what was made here (not a data directory)
	rm -rf $(VENV) $(VENV)-deployed build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage mutants
	find collector exporters tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else f"expected Python 3.11 or newer, got {sys.version.split()[0]}: make PYTHON=python3.11 ...")'
	echo "Setting up $(VENV), once: this takes a minute" >&2
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(BIN)/python $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(READY_DEV): requirements-dev.lock $(READY)
	echo "Adding the test tools to $(VENV), once" >&2
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	touch $@

$(READY_MUTANTS): requirements-mutants.lock $(READY_DEV)
	echo "Adding the tool that breaks code to $(VENV), once" >&2
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements-mutants.lock
	touch $@

##@ Deploy it

# Every release has a directory of its own; `current` points at one and is swapped at the end, so that an install
# that fails, or is cut off, leaves the running one as it was.
PREFIX := /opt/constat
override DESTDIR := $(abspath $(DESTDIR))
SYSTEM_PYTHON ?= /usr/bin/python3
LOCK ?= requirements.lock
LIB := $(DESTDIR)/usr/local/lib
ETC := $(DESTDIR)/etc/constat
RELEASES := $(DESTDIR)$(PREFIX)/releases
UNITS := constat.target constat-collector.service constat-exporter.service constat-head.service constat-head.timer

.PHONY: install
install: may-install  ## to /opt/constat, with units, users and directories; DESTDIR=... stages it; starts nothing
	release=$$($(SYSTEM_PYTHON) -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')-$$(date -u +%Y%m%dT%H%M%SZ)
	new="$(RELEASES)/$$release"
	source=$$(mktemp -d)
	trap 'rm -rf "$$source"; [ -e "$$new/.complete" ] || rm -rf "$$new"' EXIT
	umask 022
	# Built from a copy: a checkout's own build directory would hand deleted modules on.
	cp -r pyproject.toml README.md LICENSE collector exporters config "$$source"
	mkdir -p "$(RELEASES)"
	$(SYSTEM_PYTHON) -m venv "$$new"
	"$$new/bin/python" $(PIP_INSTALL) --require-hashes -r $(LOCK)
	"$$new/bin/python" $(PIP_INSTALL) --no-deps --no-index --no-build-isolation "$$source"
	if [ -n "$(DESTDIR)" ]; then grep -rlIF "$(DESTDIR)" "$$new/bin" "$$new/pyvenv.cfg" | xargs -r sed -i 's|$(DESTDIR)/|/|g'; fi
	touch "$$new/.complete"
	install -d -m 755 "$(LIB)/systemd/system" "$(LIB)/sysusers.d" "$(LIB)/tmpfiles.d" "$(DESTDIR)/usr/local/bin"
	install -m 644 $(UNITS:%=systemd/%) "$(LIB)/systemd/system"
	install -m 644 systemd/constat.sysusers "$(LIB)/sysusers.d/constat.conf"
	install -m 644 systemd/constat.tmpfiles "$(LIB)/tmpfiles.d/constat.conf"
	if [ -z "$(DESTDIR)" ]; then systemd-sysusers constat.conf; systemd-tmpfiles --create constat.conf; fi
	[ -e "$(ETC)/constat.toml" ] || install -D -m 644 config/constat.toml "$(ETC)/constat.toml"
	install -m 755 systemd/constat.sh "$(DESTDIR)/usr/local/bin/constat"
	before=$$(readlink "$(DESTDIR)$(PREFIX)/current" || true)
	ln -sfn "releases/$$release" "$(DESTDIR)$(PREFIX)/current.new"
	mv -T "$(DESTDIR)$(PREFIX)/current.new" "$(DESTDIR)$(PREFIX)/current"
	# The release before stays, to go back to; older ones go.
	find "$(RELEASES)" -mindepth 1 -maxdepth 1 ! -path "$$new" ! -path "$(DESTDIR)$(PREFIX)/$${before:-none}" -exec rm -rf {} +
	if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	echo "Installed $$release. Edit /etc/constat/constat.toml, see \`constat check\`, then: systemctl enable --now constat.target"

.PHONY: upgrade
upgrade: install  ## install, then restart what was running; settings and data stay as they are
	if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl try-restart constat-collector.service constat-exporter.service; fi

.PHONY: uninstall
uninstall: may-install  ## remove the program and its units; settings, data and the users that own them stay
	if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now $(UNITS) || true; fi
	rm -rf "$(RELEASES)"
	rm -f "$(DESTDIR)$(PREFIX)/current" "$(DESTDIR)/usr/local/bin/constat"
	rmdir --ignore-fail-on-non-empty "$(DESTDIR)$(PREFIX)" 2>/dev/null || true
	rm -f $(UNITS:%="$(LIB)/systemd/system/%") "$(LIB)/sysusers.d/constat.conf" "$(LIB)/tmpfiles.d/constat.conf"
	if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
	echo "Removed. Kept: $(ETC), $(DESTDIR)/var/lib/constat, and the users constat-collector and constat-exporter"

.PHONY: may-install
may-install:
	if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" != 0 ]; then echo "expected root, got uid $$(id -u): sudo make ..., or stage it with DESTDIR=directory" >&2; exit 2; fi

##@ Help

.PHONY: help
help:  ## this list
	awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	echo

# Recipes are silent unless V=1.
$(V).SILENT:
