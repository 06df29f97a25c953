"""From what was typed after a command to what its handler is called with; or a refusal that says what was expected.

Each reader takes what it understands from the words and returns it with the words that are left, or None where there
is nothing of the kind. Raises `Misconfigured` where there is, and it may mean several things.
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, time
from typing import Any, Final

from tchap_bridges.bot import Command, Member, Room
from tchap_bridges.dates import Moment, split
from tchap_bridges.dates.meaning import settled
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.parameters import Parameter

Read = tuple[Any, str] | None
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,15}")
_NOON: Final = time(12)
"""The hour of a day that is said without one."""
_ORGANISATION: Final = re.compile(r"\s*\[[^\[\]]*\]$")
"""What follows a name of Tchap; nobody types it."""
_SHOWN: Final = 50


async def read(command: Command, word: str, words: str, room: Room) -> Sequence[Any]:
    """What the handler is called with after the room. ``word`` is what was typed to call it. Raises `Misconfigured`."""
    found: list[Any] = []
    for one in command.parameters:
        if one.last and one.kind is str:
            return [*found, words or one.default]
        taken = await _READERS[one.kind](words, room) if words else None
        if taken is not None:
            value, words = taken
        elif one.needed:
            raise Misconfigured(_missing(one, words), remedy=_("Écrivez : {usage}", usage=usage(command, word)))
        else:
            value = one.default
        found.append(value)
    if words:
        reason = _("je ne sais que faire de « {words} »", words=words[:_SHOWN])
        raise Misconfigured(reason, remedy=_("Écrivez : {usage}", usage=usage(command, word)))
    return found


def usage(command: Command, word: str) -> Phrase:
    """How it is typed: ``!garde jour [note]``."""
    labels = [one.label if one.needed else Phrase("[{label}]", label=one.label) for one in command.parameters]
    values = {f"p{n}": label for n, label in enumerate(labels)}
    return Phrase(" ".join(("!{word}", *(f"{{{name}}}" for name in values))), word=word, **values)


def _missing(one: Parameter, words: str) -> Phrase:
    if words:
        said = words.split(maxsplit=1)[0][:_SHOWN]
        return _("« {word} » n'est pas {kind} ({label})", word=said, kind=_KINDS[one.kind], label=one.label)
    return _("il manque {kind} ({label})", kind=_KINDS[one.kind], label=one.label)


async def _word(words: str, room: Room) -> Read:
    del room
    word, *rest = words.split(maxsplit=1)
    return word, "".join(rest)


async def _integer(words: str, room: Room) -> Read:
    del room
    word, *rest = words.split(maxsplit=1)
    return (int(word), "".join(rest)) if _INTEGER.fullmatch(word) else None


async def _moment(words: str, room: Room) -> Read:
    found = split(words, room.now, room.zone)
    return (settled(found[0], words, room.now, room.zone, room.language), found[1]) if found is not None else None


async def _date(words: str, room: Room) -> Read:
    today = room.now.replace(hour=0, minute=0, second=0, microsecond=0)  # which is a day until it ends
    found = split(words, today, room.zone, hour=_NOON)
    if found is None:
        return None
    moment = settled(found[0], words, today, room.zone, room.language)
    if moment.hour_said:
        raise Misconfigured(_("« {words} » : dites un jour, sans heure", words=moment.words))
    return moment.at.astimezone(room.zone).date(), found[1]


async def _member(words: str, room: Room) -> Read:
    """Somebody of the room, by their id, or by the longest name that the words begin with; no name passes for an id."""
    said = [_folded(word).rstrip(",:;") for word in words.split()]
    bare = [said[0].removeprefix("@"), *said[1:]]
    fitting: dict[int, list[Member]] = {}
    members = await room.members()
    if said[0].startswith("@") and ":" in said[0]:
        found = next((one for one in members if said[0] == _folded(one.person)), None)
        return (found, "".join(words.split(maxsplit=1)[1:])) if found is not None else None
    for one in members:
        names = (_folded(name).split() for name in (one.name, _ORGANISATION.sub("", one.name)))
        length = max(len(name) if name in (said[: len(name)], bare[: len(name)]) else 0 for name in names)
        fitting.setdefault(length, []).append(one)
    longest = max(fitting, default=0)
    if not longest:
        return None
    if len(fitting[longest]) > 1:
        ways = ", ".join(one.person for one in fitting[longest][:5])
        raise Misconfigured(
            _("plusieurs personnes de ce salon s'appellent « {name} »", name=fitting[longest][0].name),
            remedy=_("Dites de qui il s'agit : {ways}", ways=ways),
        )
    (one,) = fitting[longest]
    return one, "".join(words.split(maxsplit=longest)[longest:])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


_READERS: Final[Mapping[type[Any], Callable[[str, Room], Awaitable[Read]]]] = {
    str: _word,
    int: _integer,
    date: _date,
    Moment: _moment,
    Member: _member,
}
_KINDS: Final[Mapping[type[Any], Phrase]] = {
    str: _("un mot"),
    int: _("un nombre entier"),
    date: _("un jour"),
    Moment: _("un moment"),
    Member: _("quelqu'un de ce salon"),
}
