"""Polls as Matrix has them: what their events mean, and the contents of ours. Pure.

Source: MSC3381. It is in no version of the specification: the unstable names are written, for they are what clients
read, and both are read, one inside the other too. Whatever anybody wrote there may be absent or of any type.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tchap_bridges.events import Author, Option, PollEnded, PollStarted, PollVote
from tchap_bridges.ids import ChatId, MessageId
from tchap_bridges.matrix.text import clean_text

Content = dict[str, Any]

START: Final = "org.matrix.msc3381.poll.start"
RESPONSE: Final = "org.matrix.msc3381.poll.response"
END: Final = "org.matrix.msc3381.poll.end"
TEXT: Final = "org.matrix.msc1767.text"
DISCLOSED: Final = "org.matrix.msc3381.poll.disclosed"
UNDISCLOSED: Final = "org.matrix.msc3381.poll.undisclosed"

STARTS: Final = frozenset({START, "m.poll.start"})
RESPONSES: Final = frozenset({RESPONSE, "m.poll.response"})
ENDS: Final = frozenset({END, "m.poll.end"})
KINDS: Final = STARTS | RESPONSES | ENDS
"""The types of all the events of polls."""

MOST_OPTIONS: Final = 20
NO_ANSWER: Final = ""
"""What stands for an answer that is none. No option has this id: whoever gives it spoils their vote."""

_POLLS: Final = (START, "m.poll", "m.poll.start")
_SELECTIONS: Final = (RESPONSE, "m.selections", "m.poll.response")
_DISCLOSED: Final = frozenset({DISCLOSED, "m.disclosed", "m.poll.disclosed"})
_TEXTS: Final = (TEXT, "m.text", "org.matrix.msc1767.message", "m.message", "body")
_MANY: Final = 1 << 16  # more answers than an event can hold
_REDACT: Final = 50


def read(
    kind: str,
    content: Mapping[str, Any],
    relation: tuple[str, MessageId | None],
    *,
    id: MessageId,  # noqa: A002
    chat: ChatId,
    author: Author,
    at: datetime,
) -> PollStarted | PollVote | PollEnded | None:
    """The event of a poll, of a type that is one of `KINDS`; None for what is none.

    ``relation`` is what the event says of another: how it relates to it, and the other's id.
    """
    how, target = relation
    if kind in STARTS:
        edits = target if how == "m.replace" else None
        poll = _map(_first(kind, _map(content.get("m.new_content")) if how == "m.replace" else content, _POLLS))
        options = _options(poll.get("answers"))
        if not options or (how == "m.replace" and edits is None):
            return None
        return PollStarted(
            id=id,
            chat=chat,
            author=author,
            at=at,
            question=_words(poll.get("question")),
            options=options,
            most=_most(poll.get("max_selections")),
            disclosed=_text(poll.get("kind")) in _DISCLOSED,
            edits=edits,
        )
    if how != "m.reference" or target is None:
        return None
    if kind in RESPONSES:
        answers = _answers(kind, content)
        return PollVote(id=id, chat=chat, author=author, at=at, poll=target, answers=answers)
    return PollEnded(id=id, chat=chat, author=author, at=at, poll=target)


def redact_level(powers: Mapping[str, Any]) -> int:
    """The level from which one may remove others' messages, and so end their polls: of ``m.room.power_levels``.

    As clients have it, the level to send a redaction at all is no part of it.
    """
    level = powers.get("redact")
    return level if isinstance(level, int) and not isinstance(level, bool) else _REDACT


def start(question: str, options: Sequence[Option], most: int, *, disclosed: bool) -> Content:
    """Ask, as an event of type `START`; ``most`` is how many options one person may choose.

    Raises ValueError when no client would show all of it: no option or more than 20, an id that is empty or not the
    only one of its kind, ``most`` under 1.
    """
    if not 1 <= len(options) <= MOST_OPTIONS:
        raise ValueError(f"a poll has 1 to {MOST_OPTIONS} options, not {len(options)}")
    if len({option.id for option in options} - {NO_ANSWER}) != len(options):
        raise ValueError("every option needs an id of its own")
    if most < 1:
        raise ValueError(f"one person chooses at least 1 option, not {most}")
    lines = (f"{place}. {option.text}" for place, option in enumerate(options, 1))
    return {
        TEXT: "\n".join((question, *lines)),
        START: {
            "kind": DISCLOSED if disclosed else UNDISCLOSED,
            "max_selections": most,
            "question": {TEXT: question},
            "answers": [{"id": option.id, TEXT: option.text} for option in options],
        },
    }


def response(poll: MessageId, answers: Iterable[str]) -> Content:
    """Vote, as an event of type `RESPONSE`; no answers take a vote back."""
    return {"m.relates_to": _reference(poll), RESPONSE: {"answers": list(answers)}}


def end(poll: MessageId, text: str) -> Content:
    """End a poll, as an event of type `END`; ``text`` is for clients that know no polls."""
    return {"m.relates_to": _reference(poll), TEXT: text, END: {}}


def _reference(poll: MessageId) -> Content:
    return {"rel_type": "m.reference", "event_id": poll}


def _options(answers: Any) -> tuple[Option, ...]:
    """The first of each id among the first twenty; an option without words is called by its id."""
    found: dict[str, Option] = {}
    for answer in _list(answers)[:MOST_OPTIONS]:
        ids = (_answer(_map(answer).get(name)) for name in ("id", "m.id"))
        if (id_ := next(filter(None, ids), NO_ANSWER)) and id_ not in found:
            found[id_] = Option(id=id_, text=_words(answer) or id_)
    return tuple(found.values())


def _answers(kind: str, content: Mapping[str, Any]) -> tuple[str, ...]:
    given = _first(kind, content, _SELECTIONS)
    answers = given.get("answers") if isinstance(given, dict) else given
    return tuple(map(_answer, answers)) if isinstance(answers, list) else (NO_ANSWER,)


def _answer(value: Any) -> str:
    """An id that can be kept and compared anywhere: others are none."""
    return value if isinstance(value, str) and clean_text(value) == value else NO_ANSWER


def _most(value: Any) -> int:
    return max(1, min(value, _MANY)) if isinstance(value, int) else 1


def _first(kind: str, content: Mapping[str, Any], names: Sequence[str]) -> Any:
    """What stands under one of the names; those of the event's own kind, unstable or stable, are looked at first."""
    unstable = kind.startswith("org.")
    ordered = sorted(names, key=lambda name: name.startswith("org.") is not unstable)
    return next((content[name] for name in ordered if name in content), None)


def _words(block: Any) -> str:
    """The plain text of something extensible: a string, or the same in several formats, under any name it has had."""
    for name in _TEXTS:
        said = _map(block).get(name)
        plain = said if isinstance(said, str) else next(filter(None, map(_plain, _list(said))), "")
        if text := clean_text(plain).strip():
            return text
    return ""


def _plain(part: Any) -> str:
    plain = _map(part).get("mimetype", "text/plain") == "text/plain"
    return _text(_map(part).get("body")) if plain else ""


# Fields that may be anything


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
