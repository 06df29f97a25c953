"""End-to-end encryption: devices of the bot and of ghosts, keys that arrive, events that are sealed and opened.

`crypto` is the whole; `olm` stands in for libolm, on vodozemac; `store` keeps what must be kept; `accounts` are our
own; `inbox` hears of keys; `encryption` seals and opens events, `attachments` files.
"""

from tchap_bridges.matrix.crypto import olm

olm.install()  # before anything imports mautrix.crypto

from tchap_bridges.matrix.crypto.crypto import Crypto  # noqa: E402

__all__ = ["Crypto"]
