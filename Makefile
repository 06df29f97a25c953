# Short names for what one does here; each makes what it needs first. `make` alone tells them.

export PYTHONUTF8 := 1
python := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test check bench faults setup synapse servers samples agents
.NOTPARALLEL:

help: ## tell what can be done
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@echo
	@echo '  ARGS="…" is handed on, as in: make demo ARGS=--once'

demo: synapse ## see a list, an IRC channel and a Slack channel live in one room: real servers, real conversations
	@scripts/setup email irc slack sondages enquetes flux
	@scripts/setup-servers --try ngircd
	@.venv/bin/tchap-bridges demo $(ARGS)

# Some two hundred processes are started: where bytecode may not be kept, each would compile the bridge anew.
test: setup synapse servers samples agents check ## everything that must pass, against real servers
	PYTHONDONTWRITEBYTECODE= $(python) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup ## style, types and the borders between the parts
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports

bench: setup synapse servers ## measure, and print a table
	@scripts/setup-heisenbridge
	$(python) -m bench $(ARGS)

faults: setup synapse servers ## kill, cut and repeat at random; lost=0 dup=0 disorder=0
	$(python) tests/faults/run.py $(ARGS)

setup: ## .venv, with what developers need
	@scripts/setup dev

synapse: ## .venv-synapse, with the homeserver that demo and tests use
	@scripts/setup-synapse

servers: ## the mail, IRC, alert, database and antivirus servers of the tests, from Debian
	@scripts/setup-servers

samples: ## what GitHub and GitLab publish of their webhooks, for the tests
	@scripts/setup-samples

agents: ## real clients for the tests of encryption: matrix-js-sdk, matrix-nio
	@scripts/setup-agents
