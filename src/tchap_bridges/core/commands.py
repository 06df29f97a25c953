"""Words that begin with ``!``: who is meant by them, in which language, and what is said back.

The language of the answer is that of the word: ``!pont`` is answered in French, ``!bridge`` in English.
"""

import difflib
import re
import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tchap_bridges.core import clock
from tchap_bridges.core.ports import Tx
from tchap_bridges.errors import Misconfigured, Undeliverable
from tchap_bridges.i18n import Language, Translator, _
from tchap_bridges.ids import RoomId, UserId

Apply = Callable[[Tx], Awaitable[str | None]]
"""Changes what the command changes and returns what is said; runs in the transaction that ends the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One command as somebody typed it. ``key`` is the same when the command runs again after a crash."""

    key: str
    message: int
    room: RoomId
    user: UserId
    user_name: str
    word: str
    arguments: tuple[str, ...]
    options: Mapping[str, str]
    rest: str
    translator: Translator


async def audit(tx: Tx, call: Call, what: str, detail: str = "", rule: str = "") -> None:
    """The record of who changed what. Never content."""
    await tx.run("audit_add", at=clock.now(), who=call.user, what=what, room=call.room, detail=detail, rule=rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A family of commands: its words by language, how it is shown in help, and who answers it.

    ``raw``: what follows the word is anybody's text, taken as it stands. ``help``: for a room.
    """

    words: Mapping[str, Language]
    raw: bool = False
    help: Callable[[Language, RoomId], Sequence[tuple[str, str]]]
    answer: Callable[[Call], Awaitable[Apply]]


def word_of(text: str) -> tuple[str, str] | None:
    """The command's word, lower case, and what follows it; None when the text is no command."""
    bare = text.lstrip()
    said = bare[1:].strip()
    if not bare.startswith("!") or not said[:1].isalpha():
        return None
    word, *rest = said.split(maxsplit=1)
    return word.lower(), "".join(rest)


def near(word: str, known: Iterable[str]) -> str | None:
    """What somebody may have meant to type."""
    found = difflib.get_close_matches(word, list(known), 1, cutoff=0.8)
    return found[0] if found else None


def split(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """``argument … key=value``, as they follow a command's word: the arguments, and the options.

    Quotes keep words together, and any space parts them: a keyboard may write a non-breaking one.
    Raises `Misconfigured` for a quote left open.
    """
    try:
        spaced = re.sub(r"[^\S\n]", " ", text)
        tokens = shlex.split(spaced.replace("’", "'").replace("'", "\\'"))
    except ValueError:
        raise Misconfigured(
            _("il manque un guillemet fermant"), remedy=_('Écrivez par exemple "Direction du numérique".')
        ) from None
    arguments, options = [], {}
    for token in tokens:
        name, equals, value = token.partition("=")
        if equals and name.isidentifier():
            options[name.lower()] = value
        else:
            arguments.append(token)
    return tuple(arguments), options


def refusal(error: Misconfigured | Undeliverable, words: Translator) -> str:
    """A refusal as the room reads it: what is wrong, and how to mend it."""
    reason = words(error.reason)
    where = words(error.where) if isinstance(error, Misconfigured) and error.where else ""
    said = f"✗ {where} : {reason}" if where else f"✗ {reason}"
    if not said.endswith((".", "!", "?")):
        said += "."
    return f"{said} {words(error.remedy)}" if error.remedy else said
