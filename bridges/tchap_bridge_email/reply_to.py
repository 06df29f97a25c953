"""Where an author asks to be answered (Reply-To), when they wrote from elsewhere. Said and read back here alone.

It is said beside their name, for whoever answers has to see to whom: a form writes from an address that nobody reads,
and so does somebody who borrows a colleague's name. The core gives the words back with the answer.
"""

from tchap_bridge_email import addresses

_ASKS = "demande de répondre à "


def remark(address: str) -> str:
    """``address`` is normalised, and so has no space."""
    return _ASKS + address


def address_in(remark: str | None) -> str | None:
    """What `remark` said at the end of these words; nothing that a stranger chose can say it, for it has spaces."""
    _before, asks, address = (remark or "").rpartition(_ASKS)
    return addresses.normalise(address) if asks else None
