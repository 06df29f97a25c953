"""Every way in which a connection fails, and what the core does about it.

::

    BridgeError
    ├── NotReady(retry_after)          reconnect, or send again, with back-off
    ├── BadCredentials                 stop this connection, tell the admins, no storm of attempts
    ├── Misconfigured(where, remedy)   refuse to start, or refuse the command
    │   └── NotAllowed(rule)           whoever asks may not: refused, and kept in the audit
    ├── RemoteViolation                the peer sent nonsense: log, count, drop that item
    └── Undeliverable(reason, certain) a notice in the room; certain=False (it may have arrived) is never resent blindly
        └── Unsupported(ability)       the network cannot do this

Each ``reason`` and ``remedy`` is a sentence for a person, in French (the source language of the catalogue).
Any other exception is a bug of ours: the item becomes a dead letter, the queue goes on.
"""


class BridgeError(Exception):
    """The root: something a bridge may raise and the core knows how to take."""


class NotReady(BridgeError):
    """It did not work now and may work later. ``retry_after`` is in seconds, None leaves it to the core's back-off."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class BadCredentials(BridgeError):
    """The other side knows us no longer. Trying again would lock the account."""

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class Misconfigured(BridgeError):
    """``where`` (a configuration key, a command's argument) is wrong; ``remedy`` says how to mend it."""

    def __init__(self, reason: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where
        self.remedy = remedy


class NotAllowed(Misconfigured):
    """Whoever asks may not. ``rule`` is what the audit keeps of why: levels and settings, never content."""

    def __init__(self, reason: str, *, rule: str = "", remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.rule = rule


class RemoteViolation(BridgeError):
    """The peer sent what its protocol forbids. The item is dropped and counted; the connection may go on."""


class Undeliverable(BridgeError):
    """This one thing cannot be delivered, and trying again will not help.

    ``certain=False`` means that it may have arrived all the same: it is then reported as uncertain.
    """

    def __init__(self, reason: str, *, remedy: str = "", certain: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.certain = certain


class Unsupported(Undeliverable):
    """The network has no such thing. ``ability`` is the class of the contract that the connection lacks."""

    def __init__(self, ability: str, reason: str, *, remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.ability = ability
