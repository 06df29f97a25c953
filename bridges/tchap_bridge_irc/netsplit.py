"""Hundreds of quits as one event: people behind a link between two servers that broke, and their coming back.

Changes from `channels` in; the same changes out, except that those of a netsplit are held and come out as one `Parted`
or `Rejoined` per channel. Time is passed in, as seconds of any clock that only grows. Nothing is lost: a quit that
looks like a netsplit and is alone comes out too, as a `Parted` of one.

Sources: RFC 2812 section 3.1.7 (a quit's reason is the names of both servers), IRCv3 netsplit and netjoin batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tchap_bridge_irc.changes import Change, Joined, Quit
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.names import is_host

QUIET = 2.0
"""Seconds without another quit of the same netsplit after which it is told."""
LONGEST = 10.0
"""Seconds after the first quit at which it is told in any case."""
REMEMBERED = 3600.0
"""Seconds during which somebody's return is a return, and no joining."""


@dataclass(frozen=True, slots=True)
class Parted:
    """``people`` of ``channel`` are behind the broken link ``near`` ↔ ``far``. They did not leave."""

    channel: str
    near: str
    far: str
    people: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejoined:
    """``people`` are back in ``channel`` after the link ``near`` ↔ ``far`` was mended."""

    channel: str
    near: str
    far: str
    people: tuple[str, ...]


@dataclass(slots=True)
class _Held:
    """What is gathered: per channel, as the server spells it, the nicks."""

    first: float
    last: float
    channels: dict[str, list[str]] = field(default_factory=dict)

    @property
    def due(self) -> float:
        """When it is complete."""
        return min(self.last + QUIET, self.first + LONGEST)


@dataclass(slots=True)
class _Away:
    servers: tuple[str, str]
    since: float
    channels: set[str]


def servers_of(reason: str) -> tuple[str, str] | None:
    """Both servers of a netsplit by a quit's reason, ``a.example b.example``; None when it is another reason.

    ``*.net *.split`` is how networks say it that hide their servers. Somebody may quit with such words on purpose; the
    worst that comes of it is that they are told of in other words.
    """
    near, space, far = reason.partition(" ")
    if not space or near == far or not (_server(near) and _server(far)):
        return None
    return near, far


def _server(name: str) -> bool:
    return is_host(f"x{name[1:]}" if name.startswith("*.") else name)


class Netsplits:
    """Gathers the netsplits of one session."""

    def __init__(self, support: Isupport | None = None) -> None:
        self._support = support or Isupport()
        self._parting: dict[tuple[str, str], _Held] = {}
        self._joining: dict[tuple[str, str], _Held] = {}
        self._away: dict[str, _Away] = {}

    def use(self, support: Isupport) -> None:
        """The server said more of itself; people who are away keep the name they had."""
        self._support = support

    @property
    def due(self) -> float | None:
        """When to call `told` next; None: nothing is held."""
        held = (*self._parting.values(), *self._joining.values())
        return min((one.due for one in held), default=None)

    def take(self, change: Change, now: float, servers: tuple[str, str] | None = None) -> Sequence[Change]:
        """A change, which comes back unless it is held. ``servers``: the parameters of the batch that it was in."""
        match change:
            case Quit():
                split = servers or servers_of(change.reason)
                if split is None:
                    return (change,)
                self._part(change, split, now)
                return ()
            case Joined(me=False):
                away = self._back(change, now)
                split = servers or (away.servers if away else None)
                if split is None:
                    return (change,)
                _hold(self._joining, split, now, change.channel, change.who.nick)
                return ()
            case _other:
                return (change,)

    def told(self, now: float) -> Sequence[Parted | Rejoined]:
        """What is complete by now: one event per channel. Nobody comes back before it was told that they are away."""
        for servers, held in self._joining.items():
            if held.due <= now and servers in self._parting:
                self._parting[servers].last = self._parting[servers].first = now - LONGEST
        parted = [
            Parted(channel, *servers, tuple(people))
            for servers, held in _complete(self._parting, now)
            for channel, people in held.channels.items()
        ]
        rejoined = [
            Rejoined(channel, *servers, tuple(people))
            for servers, held in _complete(self._joining, now)
            for channel, people in held.channels.items()
        ]
        for nick in [nick for nick, away in self._away.items() if now - away.since > REMEMBERED]:
            del self._away[nick]
        return (*parted, *rejoined)

    def ended(self, now: float) -> Sequence[Parted | Rejoined]:
        """A batch or the session has ended: all that is held, at once."""
        due = self.due
        return self.told(max(now, due + LONGEST) if due is not None else now)

    def _part(self, change: Quit, servers: tuple[str, str], now: float) -> None:
        fold = self._support.fold
        self._away[fold(change.who.nick)] = _Away(servers, now, {fold(channel) for channel in change.channels})
        for channel in change.channels:
            _hold(self._parting, servers, now, channel, change.who.nick)

    def _back(self, change: Joined, now: float) -> _Away | None:
        """Who went away with a netsplit and comes to a channel they were in. Once for each of these."""
        nick, channel = self._support.fold(change.who.nick), self._support.fold(change.channel)
        away = self._away.get(nick)
        if away is None or channel not in away.channels or now - away.since > REMEMBERED:
            return None
        away.channels.discard(channel)
        if not away.channels:
            del self._away[nick]
        return away


def _hold(
    all_held: dict[tuple[str, str], _Held], servers: tuple[str, str], now: float, channel: str, nick: str
) -> None:
    held = all_held.setdefault(servers, _Held(now, now))
    held.last = now
    held.channels.setdefault(channel, []).append(nick)


def _complete(all_held: dict[tuple[str, str], _Held], now: float) -> Sequence[tuple[tuple[str, str], _Held]]:
    return [(servers, all_held.pop(servers)) for servers in list(all_held) if all_held[servers].due <= now]
