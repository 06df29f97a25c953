"""Who is in which channel, under which name and rank: lines in, changes out.

Only channels that we are in are known; a line about another one changes nothing. A line must be given once and in the
order of its arrival; what comes out of a chathistory batch is the past, and must not be given at all.

Sources: RFC 2812 sections 3.1 to 3.3 and 5.1, modern.ircdocs.horse, and the IRCv3 specifications extended-join,
multi-prefix, userhost-in-names, account-notify, chghost, setname, channel-rename.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tchap_bridge_irc import changes
from tchap_bridge_irc.changes import Change, Member, Mode
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.wire import Line, Source


@dataclass(slots=True)
class _Person:
    who: Source
    account: str = ""
    realname: str = ""


@dataclass(slots=True)
class _Channel:
    name: str
    ranks: dict[str, str] = field(default_factory=dict)  # folded nick to symbols
    names: dict[str, str] | None = None  # a NAMES that has begun
    topic: str = ""
    topic_by: str = ""
    topic_at: int | None = None
    modes: dict[str, str] = field(default_factory=dict)
    created: int | None = None

    def has(self, nick: str) -> bool:
        return nick in self.ranks or (self.names is not None and nick in self.names)


class Channels:
    """All channels of one session. ``me``: our own nick, as welcomed."""

    def __init__(self, me: str, support: Isupport | None = None) -> None:
        self._support = support or Isupport()
        self._channels: dict[str, _Channel] = {}
        self._people: dict[str, _Person] = {}
        self._me = Source(me)
        self._handlers: dict[str, Callable[[Line], Iterator[Change]]] = {
            "JOIN": self._join,
            "PART": self._part,
            "KICK": self._kick,
            "QUIT": self._quit,
            "NICK": self._nick,
            "TOPIC": self._topic,
            "MODE": self._mode,
            "RENAME": self._rename,
            "ACCOUNT": self._account,
            "CHGHOST": self._chghost,
            "SETNAME": self._setname,
            "324": self._told_modes,
            "329": self._told_created,
            "331": self._told_topic,
            "332": self._told_topic,
            "333": self._told_topic_by,
            "353": self._told_names,
            "366": self._told_all_names,
            "396": self._visible_host,
        }

    # What is known

    @property
    def me(self) -> Source:
        """Ourselves as others see us; user and host are '' until a line of ours came back (or 396)."""
        return self._me

    def names(self) -> tuple[str, ...]:
        """The channels that we are in, as the server spells them."""
        return tuple(channel.name for channel in self._channels.values())

    def __contains__(self, channel: str) -> bool:
        return self._fold(channel) in self._channels

    def members(self, channel: str) -> tuple[Member, ...]:
        """Who is in a channel, ourselves included; none when we are not in it."""
        known = self._channels.get(self._fold(channel))
        return tuple(self._member(nick, ranks) for nick, ranks in known.ranks.items()) if known else ()

    def member(self, channel: str, nick: str) -> Member | None:
        """One of them, or None."""
        known, folded = self._channels.get(self._fold(channel)), self._fold(nick)
        return self._member(folded, known.ranks[folded]) if known and folded in known.ranks else None

    def account(self, nick: str) -> str:
        """The account of somebody that we share a channel with, '' when it is not known."""
        person = self._people.get(self._fold(nick))
        return person.account if person else ""

    def topic(self, channel: str) -> tuple[str, str, int | None]:
        """A channel's topic, who set it and when (seconds since 1970); '' and None where nobody told."""
        known = self._channels.get(self._fold(channel))
        return (known.topic, known.topic_by, known.topic_at) if known else ("", "", None)

    def modes(self, channel: str) -> dict[str, str]:
        """A channel's modes that are no lists and no ranks: letter to parameter, '' for a flag."""
        known = self._channels.get(self._fold(channel))
        return dict(known.modes) if known else {}

    # What arrives

    def use(self, support: Isupport) -> None:
        """The server said more of itself (005): names that are equal from now on are one."""
        self._support = support
        self._channels = {self._fold(channel.name): channel for channel in self._channels.values()}
        people = {self._fold(person.who.nick): person for person in self._people.values()}
        for channel in self._channels.values():
            channel.ranks = {
                self._fold(self._people[nick].who.nick): ranks
                for nick, ranks in channel.ranks.items()
                if nick in self._people
            }
        self._people = people

    def receive(self, line: Line) -> Sequence[Change]:
        """What a line changes. Never raises, whatever the line; one that lacks what it needs changes nothing."""
        handler = self._handlers.get(line.command)
        found = tuple(handler(line)) if handler else ()
        if line.source.host and self._is_me(line.source.nick):
            self._me = line.source if line.command not in ("NICK", "CHGHOST") else self._me
        return found

    def _join(self, line: Line) -> Iterator[Change]:
        who, me = line.source, self._is_me(line.source.nick)
        account = "" if line.param(1) == "*" else line.param(1)
        for name in line.param(0).split(","):
            if not name or not who.nick:
                continue
            if me:
                self._channels[self._fold(name)] = _Channel(name)
            channel = self._channels.get(self._fold(name))
            if channel is None:
                continue
            nick = self._fold(who.nick)
            channel.ranks[nick] = ""
            if channel.names is not None:
                channel.names[nick] = ""
            if me:
                self._forget()
            person = self._people.setdefault(nick, _Person(who))
            person.who = who
            if len(line.params) > 2:
                person.account, person.realname = account, line.param(2)
            yield changes.Joined(channel.name, who, person.account, person.realname, me)

    def _part(self, line: Line) -> Iterator[Change]:
        for name in line.param(0).split(","):
            channel = self._channels.get(self._fold(name))
            if channel and self._remove(channel, line.source.nick):
                who = self._known(line.source)
                yield changes.Left(channel.name, who, line.param(1), self._is_me(who.nick))
        self._forget(line.source.nick)

    def _kick(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(0)))
        for nick in line.param(1).split(","):
            if channel and self._remove(channel, nick):
                who = self._known(Source(nick))
                yield changes.Kicked(channel.name, who, line.source, line.param(2), self._is_me(nick))
                self._forget(nick)

    def _quit(self, line: Line) -> Iterator[Change]:
        nick = line.source.nick
        left = tuple(channel.name for channel in self._where(self._fold(nick)))
        for name in left:
            self._remove(self._channels[self._fold(name)], nick)
        if left:
            yield changes.Quit(self._known(line.source), left, line.param(0))
        self._forget(nick)

    def _nick(self, line: Line) -> Iterator[Change]:
        old, new = line.source.nick, line.param(0)
        if not old or not new:
            return
        me = self._is_me(old)
        if me:
            self._me = Source(new, self._me.user, self._me.host)
        before, after = self._fold(old), self._fold(new)
        here = self._where(before)
        for channel in here:
            for names in (channel.ranks, channel.names or {}):
                if before in names:
                    names[after] = names.pop(before)
        person = self._people.pop(before, None)
        if person:
            was = self._fuller(line.source, person.who)
            person.who = Source(new, was.user, was.host)
            self._people[after] = person
            yield changes.Renicked(was, new, tuple(channel.name for channel in here), me)
        elif me:
            yield changes.Renicked(line.source, new, (), me)

    def _topic(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(0)))
        if channel:
            channel.topic, channel.topic_by, channel.topic_at = line.param(1), str(line.source), None
            yield changes.TopicSet(channel.name, line.param(1), line.source)

    def _told_topic(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(1)))
        if channel:
            channel.topic = "" if line.command == "331" else line.param(2)
            yield changes.TopicSet(channel.name, channel.topic)

    def _told_topic_by(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(1)))
        if channel:
            channel.topic_by, channel.topic_at = line.param(2), _number(line.param(3))
        yield from ()

    def _mode(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(0)))
        if channel:
            modes = tuple(self._modes_of(line.params[1:]))
            for mode in modes:
                self._set(channel, mode)
            if modes:
                yield changes.ModesSet(channel.name, line.source, modes)

    def _told_modes(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(1)))
        if channel:
            channel.modes.clear()
            for mode in self._modes_of(line.params[2:]):
                self._set(channel, mode)
        yield from ()

    def _told_created(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(1)))
        if channel:
            channel.created = _number(line.param(2))
        yield from ()

    def _told_names(self, line: Line) -> Iterator[Change]:
        """353 ``<client> [<symbol>] <channel> :[prefixes]nick[!user@host] …``"""
        channel = self._channels.get(self._fold(line.param(-2)))
        if channel:
            channel.names = channel.names or {}
            for word in line.param(-1).split():
                who = Source.parse(word.lstrip(self._support.prefix.symbols))
                ranks = word[: len(word) - len(str(who))] if who.nick else ""
                nick = self._fold(who.nick)
                if nick:
                    channel.names[nick] = self._support.prefix.ordered(ranks)
                    person = self._people.setdefault(nick, _Person(who))
                    person.who = self._fuller(who, person.who)
        yield from ()

    def _told_all_names(self, line: Line) -> Iterator[Change]:
        channel = self._channels.get(self._fold(line.param(1)))
        if channel and channel.names is not None:
            channel.ranks, channel.names = channel.names, None
            channel.ranks.setdefault(self._fold(self._me.nick), "")
            self._people.setdefault(self._fold(self._me.nick), _Person(self._me))
            self._forget()
            yield changes.Listed(channel.name, self.members(channel.name))

    def _rename(self, line: Line) -> Iterator[Change]:
        old, new = line.param(0), line.param(1)
        channel = self._channels.pop(self._fold(old), None) if old and new else None
        if channel:
            before, channel.name = channel.name, new
            self._channels[self._fold(new)] = channel
            self._forget()
            yield changes.ChannelRenamed(before, new, line.source, line.param(2))

    def _account(self, line: Line) -> Iterator[Change]:
        person = self._people.get(self._fold(line.source.nick))
        if person and line.params:
            person.account = "" if line.param(0) == "*" else line.param(0)
            yield changes.Identified(self._fuller(line.source, person.who), person.account)

    def _chghost(self, line: Line) -> Iterator[Change]:
        old, new = line.source, Source(line.source.nick, line.param(0), line.param(1))
        if len(line.params) < 2:
            return
        if self._is_me(old.nick):
            self._me = new
        person = self._people.get(self._fold(old.nick))
        if person:
            person.who = new
            yield changes.Moved(old, new)

    def _setname(self, line: Line) -> Iterator[Change]:
        person = self._people.get(self._fold(line.source.nick))
        if person:
            person.realname = line.param(0)
            yield changes.RealnameSet(self._fuller(line.source, person.who), person.realname)

    def _visible_host(self, line: Line) -> Iterator[Change]:
        """396 ``<client> <host or user@host> :is now your displayed host``"""
        user, at, host = line.param(1).rpartition("@")
        self._me = Source(self._me.nick, user if at else self._me.user, host)
        yield from ()

    # Details

    def _fold(self, name: str) -> str:
        return self._support.fold(name)

    def _is_me(self, nick: str) -> bool:
        return self._support.same(nick, self._me.nick)

    def _where(self, folded: str) -> tuple[_Channel, ...]:
        return tuple(channel for channel in self._channels.values() if channel.has(folded))

    def _member(self, folded: str, ranks: str) -> Member:
        person = self._people.get(folded) or _Person(Source(folded))
        return Member(person.who, ranks, person.account, person.realname)

    def _known(self, who: Source) -> Source:
        person = self._people.get(self._fold(who.nick))
        return self._fuller(who, person.who) if person else who

    @staticmethod
    def _fuller(one: Source, other: Source) -> Source:
        """The first, with user and host of the second when it has none itself."""
        return one if one.host else Source(one.nick, other.user, other.host)

    def _remove(self, channel: _Channel, nick: str) -> bool:
        folded = self._fold(nick)
        was = channel.has(folded)
        for names in (channel.ranks, channel.names or {}):
            names.pop(folded, None)
        if self._is_me(nick):
            self._channels.pop(self._fold(channel.name), None)
        return was

    def _forget(self, nick: str = "") -> None:
        """People in none of our channels are strangers again: an account may be another one's tomorrow.

        One of them; or all that it concerns, when we left a channel or saw who is in it.
        """
        if nick and not self._is_me(nick):
            folded = self._fold(nick)
            if not self._where(folded):
                self._people.pop(folded, None)
            return
        here: set[str] = set()
        for channel in self._channels.values():
            here.update(channel.ranks, channel.names or ())
        for stranger in self._people.keys() - here:
            del self._people[stranger]

    def _modes_of(self, params: Sequence[str]) -> Iterator[Mode]:
        kinds, ranks = self._support.chanmodes, self._support.prefix.modes
        words = iter(params[1:])
        added = True
        for letter in params[0] if params else "":
            if letter in "+-":
                added = letter == "+"
            elif (
                letter in kinds.lists
                or letter in kinds.always
                or letter in ranks
                or (letter in kinds.set_only and added)
            ):
                yield Mode(added, letter, next(words, ""))
            else:
                yield Mode(added, letter)

    def _set(self, channel: _Channel, mode: Mode) -> None:
        symbol = self._support.prefix.symbol(mode.mode)
        if symbol:
            for ranks in filter(None, (channel.ranks, channel.names)):
                nick = self._fold(mode.param)
                if nick in ranks:
                    left = ranks[nick].replace(symbol, "")
                    ranks[nick] = self._support.prefix.ordered(left + symbol if mode.added else left)
        elif mode.mode in self._support.chanmodes.lists:
            return
        elif mode.added:
            channel.modes[mode.mode] = mode.param
        else:
            channel.modes.pop(mode.mode, None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
