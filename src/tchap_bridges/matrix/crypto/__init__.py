"""End-to-end encryption: devices of the bot and of ghosts, keys that arrive, events that are sealed and opened.

`olm` stands in for libolm, on vodozemac; `store` keeps what must be kept; `machine` is one account's own.
"""

from tchap_bridges.matrix.crypto import olm

olm.install()  # before anything imports mautrix.crypto
