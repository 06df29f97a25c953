"""A session as a file: a table, or a page in Markdown. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bot_questions.model import Question, State
from tchap_bridges.i18n import Phrase, Translator, _, ngettext
from tchap_bridges.sheet import Row, csv_of

_STATES: Final[Mapping[State, Phrase]] = {
    State.WAITING: _("à approuver"),
    State.SHOWN: _("posée"),
    State.STAGE: _("en cours"),
    State.ANSWERED: _("répondue"),
    State.MERGED: _("réunie"),
    State.REFUSED: _("refusée"),
    State.REMOVED: _("retirée"),
}
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~])")


def csv(
    questions: Sequence[Question], votes: Mapping[int, int], t: Translator, zone: ZoneInfo, *, named: bool
) -> bytes:
    return csv_of(_rows(questions, votes, t, zone, named=named), t.language)


def _rows(
    questions: Sequence[Question], votes: Mapping[int, int], t: Translator, zone: ZoneInfo, *, named: bool
) -> Iterator[Row]:
    heads = [_("N°"), _("Question"), _("Voix"), _("État"), _("Réunie à"), _("Posée le"), *([_("Par")] if named else [])]
    yield [*map(t, heads)]
    for one in questions:
        yield [
            str(one.number),
            one.text,
            str(votes.get(one.number, 0)),
            t(_STATES[one.state]),
            str(one.into or ""),
            f"{one.at.astimezone(zone):%Y-%m-%d %H:%M}" if one.at else "",
            *([one.name] if named else []),
        ]


def markdown(questions: Sequence[Question], votes: Mapping[int, int], t: Translator, *, named: bool) -> bytes:
    lines = [f"# {t(_('Questions'))}", ""]
    for one in questions:
        count = votes.get(one.number, 0)
        said = t(ngettext("{n} voix", "{n} voix", count))
        by = f" — {_plain(one.name)}" if named and one.name else ""
        into = f" {t(_('à la n° {n}', n=one.into))}" if one.into else ""
        lines.append(f"{one.number}. {_plain(one.text)}{by} ({said}, {t(_STATES[one.state])}{into})")
    return "\n".join((*lines, "")).encode()


def _plain(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
