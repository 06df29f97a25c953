"""What a server says of itself in numeric 005: which names are equal, what is a channel, how long things may be.

Sources: draft-hardy-irc-isupport-00, modern.ircdocs.horse "RPL_ISUPPORT Parameters", IRCv3 UTF8ONLY. What a server does
not say has the default that those name; what it says wrongly counts as not said.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from tchap_bridge_irc.wire import LINE_BYTES, Line

_Table = dict[int, str]
_ASCII: _Table = {ord(capital): capital.lower() for capital in string.ascii_uppercase}
_STRICT: _Table = {**_ASCII, ord("["): "{", ord("]"): "}", ord("\\"): "|"}
_RFC1459: _Table = {**_STRICT, ord("~"): "^"}
_CASEMAPPINGS = {"ascii": _ASCII, "rfc1459": _RFC1459, "rfc1459-strict": _STRICT, "strict-rfc1459": _STRICT}

_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")
_NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]*")
_NOT_IN_CHANNELS = frozenset(" ,\x07\0\r\n\ufffd")


@dataclass(frozen=True, slots=True)
class Prefix:
    """Ranks in a channel, highest first: ``modes`` "ov" are shown as ``symbols`` "@+"."""

    modes: str
    symbols: str

    def symbol(self, mode: str) -> str:
        """The symbol of a mode, '' when it is no rank."""
        at = self.modes.find(mode)
        return self.symbols[at] if at >= 0 else ""

    def ordered(self, symbols: str) -> str:
        """These symbols, highest first, each once."""
        return "".join(symbol for symbol in self.symbols if symbol in symbols)


@dataclass(frozen=True, slots=True)
class ChannelModes:
    """The four kinds of channel modes, CHANMODES=A,B,C,D (modern.ircdocs.horse, "CHANMODES")."""

    lists: str
    """A: a list such as bans; always with a parameter, without one it only asks."""
    always: str
    """B: a parameter when set and when unset (a key)."""
    set_only: str
    """C: a parameter when set (a limit)."""
    flags: str
    """D: never one."""


@dataclass(frozen=True, slots=True)
class Isupport:
    """The server's tokens, values unescaped. `updated` gives another one; nothing changes in place."""

    tokens: Mapping[str, str] = field(default_factory=dict)

    def updated(self, line: Line) -> "Isupport":
        """After another 005, ``<client> <tokens…> :are supported by this server``. "-TOKEN" takes one back."""
        tokens = dict(self.tokens)
        for word in line.params[1:-1]:
            key, _equals, value = word.partition("=")
            if key.startswith("-"):
                tokens.pop(key[1:].upper(), None)
            elif key:
                tokens[key.upper()] = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value)
        return Isupport(tokens)

    # Names

    @property
    def casemapping(self) -> str:
        """ "ascii", "rfc1459" or "rfc1459-strict". Not said is rfc1459; one that we do not know is ascii.

        ASCII folds least: to hold two names for different that are equal shows a message in no room, the other way
        round would show it in somebody else's (CVE-2022-39203).
        """
        said = self.tokens.get("CASEMAPPING", "rfc1459").lower()
        known = said if said in _CASEMAPPINGS else "ascii"
        return "rfc1459-strict" if known == "strict-rfc1459" else known

    def fold(self, name: str) -> str:
        """What all equal spellings of a nick or channel have in common. Changes ASCII only: never `str.lower`."""
        return name.translate(_CASEMAPPINGS[self.casemapping])

    def same(self, one: str, other: str) -> bool:
        """Whether both are the same nick, or the same channel."""
        return self.fold(one) == self.fold(other)

    def unsure(self, name: str, casemapping: str) -> bool:
        """Whether a name that was folded by another casemapping may be somebody else's here (CVE-2022-39203)."""
        ours, theirs = _CASEMAPPINGS[self.casemapping], _CASEMAPPINGS.get(casemapping, _ASCII)
        return any(ord(c) == capital or c == small for capital, small in ours.items() ^ theirs.items() for c in name)

    def is_channel(self, name: str) -> bool:
        """Whether this is a channel's name: one of CHANTYPES first, no space, comma, BEL, or broken character."""
        return name[:1] != "" and name[0] in self.chantypes and _NOT_IN_CHANNELS.isdisjoint(name)

    def valid_channel(self, name: str) -> bool:
        """`is_channel`, and not longer than the server takes: for a name that somebody typed."""
        return self.is_channel(name) and len(name.encode(errors="replace")) <= self.channellen

    def valid_nick(self, name: str) -> bool:
        """Whether we may ask for this nick: RFC 2812 section 2.3.1, at most NICKLEN long.

        Other people's nicks may be more than that, and are taken as they come.
        """
        return _NICK.fullmatch(name) is not None and len(name) <= self.nicklen

    def target(self, name: str) -> tuple[str, str]:
        """A message's target as (STATUSMSG symbol or '', name): "@#ops" is what only operators of #ops see."""
        if name[:1] and name[0] in self.statusmsg and self.is_channel(name[1:]):
            return name[0], name[1:]
        return "", name

    # Values

    @property
    def chantypes(self) -> str:
        """What a channel's name begins with. An empty value means that there are no channels."""
        return self.tokens.get("CHANTYPES", "#&")

    @property
    def prefix(self) -> Prefix:
        """Ranks in channels; an empty value means that there are none."""
        said = self.tokens.get("PREFIX", "(ov)@+")
        modes, bracket, symbols = said.removeprefix("(").partition(")")
        if said and (not said.startswith("(") or not bracket or len(modes) != len(symbols)):
            return Prefix("ov", "@+")
        return Prefix(modes, symbols)

    @property
    def chanmodes(self) -> ChannelModes:
        """The kinds of channel modes; further kinds than four are passed over, as is asked for."""
        said = self.tokens.get("CHANMODES", "b,k,l,imnpst").split(",")
        lists, always, set_only, flags = (*said, "", "", "", "")[:4]
        return ChannelModes(lists, always, set_only, flags)

    @property
    def statusmsg(self) -> str:
        """Symbols that may stand before a channel to reach only such members. Only those that are ranks."""
        return "".join(symbol for symbol in self.tokens.get("STATUSMSG", "") if symbol in self.prefix.symbols)

    @property
    def nicklen(self) -> int:
        """Characters of a nick. RFC 1459 has nine; servers that say nothing take 30 nowadays, and cut."""
        return self._number("NICKLEN", 30)

    @property
    def channellen(self) -> int:
        """Bytes of a channel's name, 200 by RFC 1459 section 1.3."""
        return self._number("CHANNELLEN", 200)

    @property
    def topiclen(self) -> int | None:
        """Bytes of a topic; None: as long as the line allows."""
        return self._number("TOPICLEN", 0) or None

    @property
    def linelen(self) -> int:
        """Bytes of a line without tags, CRLF included. Never less than 512."""
        return max(self._number("LINELEN", LINE_BYTES), LINE_BYTES)

    @property
    def modes(self) -> int:
        """How many modes with a parameter one MODE may have; 3 by RFC 1459 section 4.2.3."""
        return self._number("MODES", 3)

    @property
    def targmax(self) -> Mapping[str, int | None]:
        """How many targets a command may have; None: any number. A command that is not in it: one."""
        items = (item.partition(":") for item in self.tokens.get("TARGMAX", "").split(",") if item)
        return {command.upper(): _number(n) for command, _colon, n in items}

    @property
    def network(self) -> str:
        """How the network calls itself, '' when it does not say."""
        return self.tokens.get("NETWORK", "")

    @property
    def utf8only(self) -> bool:
        """The server refuses what is not UTF-8. We never send anything else."""
        return "UTF8ONLY" in self.tokens

    def _number(self, token: str, default: int) -> int:
        return _number(self.tokens.get(token, "")) or default


def _number(said: str) -> int | None:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 6 else None
