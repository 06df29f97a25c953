"""``python -m tchap_bridges.cli``: the same as ``tchap-bridges``."""

from tchap_bridges.cli import main

main()
