"""What happens in channels, as values: what `channels` makes of lines and `netsplit` gathers.

Channels are named as the server spells them; `Isupport.fold` says which spellings are equal. ``me`` is true when it
happened to ourselves. Texts are as they came, formatting codes and all.
"""

from dataclasses import dataclass

from tchap_bridge_irc.wire import Source


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a channel. ``ranks``: symbols such as "@+", highest first. What is not known is ''."""

    who: Source
    ranks: str = ""
    account: str = ""
    realname: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """``who`` came in. ``account`` is '' when there is none or the server does not tell (IRCv3 extended-join)."""

    channel: str
    who: Source
    account: str = ""
    realname: str = ""
    me: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """``who`` went out of one channel (PART)."""

    channel: str
    who: Source
    reason: str = ""
    me: bool = False


@dataclass(frozen=True, slots=True)
class Kicked:
    """``who`` was put out by ``by``."""

    channel: str
    who: Source
    by: Source
    reason: str = ""
    me: bool = False


@dataclass(frozen=True, slots=True)
class Quit:
    """``who`` left the network, and with it these channels: those that we are in too."""

    who: Source
    channels: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Renicked:
    """``old`` is called ``new`` from now on, in these channels."""

    old: Source
    new: str
    channels: tuple[str, ...]
    me: bool = False


@dataclass(frozen=True, slots=True)
class TopicSet:
    """A channel's topic: changed just now by ``by``, or told at our joining, when ``by`` is None."""

    channel: str
    topic: str
    by: Source | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode set or unset, with its parameter where it has one."""

    added: bool
    mode: str
    param: str = ""


@dataclass(frozen=True, slots=True)
class ModesSet:
    """A channel's modes and ranks were changed by ``by``."""

    channel: str
    by: Source
    modes: tuple[Mode, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """Who is in a channel, whole (NAMES to its end)."""

    channel: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ChannelRenamed:
    """A channel has another name, with all that it was (IRCv3 channel-rename)."""

    old: str
    new: str
    by: Source
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """``who`` logged in to ``account``, or out when it is '' (IRCv3 account-notify)."""

    who: Source
    account: str


@dataclass(frozen=True, slots=True)
class Moved:
    """``old`` has another user name or host, and is the same person (IRCv3 chghost)."""

    old: Source
    new: Source


@dataclass(frozen=True, slots=True)
class RealnameSet:
    """``who`` gave another real name (IRCv3 setname)."""

    who: Source
    realname: str


Change = (
    Joined
    | Left
    | Kicked
    | Quit
    | Renicked
    | TopicSet
    | ModesSet
    | Listed
    | ChannelRenamed
    | Identified
    | Moved
    | RealnameSet
)
