"""How questions are shown in a room. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from tchap_bot_questions.model import Question, Session, State
from tchap_bridges.i18n import Phrase, Translator, _, ngettext

MOST_LISTED: Final = 30
_LONGEST: Final = 160
"""Characters of a question in the list."""


def line(question: Question, *, named: bool) -> Phrase:
    """A question as it stands in the room."""
    n, text = question.number, _with_name(question, question.text, named=named)
    match question.state:
        case State.WAITING | State.SHOWN:
            return _("❓ N° {n} : {text}", n=n, text=text)
        case State.STAGE:
            return _("▶ N° {n}, en cours : {text}", n=n, text=text)
        case State.ANSWERED:
            return _("✔ N° {n}, répondu : {text}", n=n, text=text)
        case State.MERGED:
            return _("↪ N° {n}, réunie à la n° {into} : {text}", n=n, into=question.into, text=text)
        case State.REFUSED:
            return _("✖ N° {n} : refusée", n=n)
        case State.REMOVED:
            return _("✖ N° {n} : retirée", n=n)


def staged(question: Question, votes: int, *, named: bool) -> Phrase:
    """It is its turn."""
    text = _with_name(question, question.text, named=named)
    return ngettext(
        "▶ Question n° {number} ({n} voix) : {text}",
        "▶ Question n° {number} ({n} voix) : {text}",
        votes,
        number=question.number,
        text=text,
    )


def ranking(
    session: Session, ranked: Sequence[Question], votes: Mapping[int, int], t: Translator, *, named: bool
) -> str:
    """What is being answered, then what comes next, the most wanted first."""
    lines = [line(one, named=named) for one in session.in_state(State.STAGE)]
    lines += [_listed(one, votes.get(one.number, 0), named=named) for one in ranked[:MOST_LISTED]]
    if len(ranked) > MOST_LISTED:
        lines.append(ngettext("… et {n} autre.", "… et {n} autres.", len(ranked) - MOST_LISTED))
    if not lines:
        lines.append(_("Aucune question n'attend de réponse. Pour en poser une : !qr Quand ouvre la cantine ?"))
    if waiting := len(session.in_state(State.WAITING)):
        lines.append(ngettext("{n} attend d'être approuvée.", "{n} attendent d'être approuvées.", waiting))
    if answered := len(session.in_state(State.ANSWERED)):
        lines.append(ngettext("{n} a eu sa réponse.", "{n} ont eu leur réponse.", answered))
    if not session.open:
        lines.append(_("Les questions sont closes."))
    return "\n".join(map(t, lines))


def hint(near: Question, question: Question | None = None) -> Phrase:
    if question is None:
        return _("La n° {n} lui ressemble : {text}", n=near.number, text=near.text)
    return _(
        "La n° {n} lui ressemble : {text}\nQui modère peut les réunir : !qr fusionner {n} {other}",
        n=near.number,
        text=near.text,
        other=question.number,
    )


def _listed(question: Question, votes: int, *, named: bool) -> Phrase:
    short = question.text if len(question.text) <= _LONGEST else f"{question.text[: _LONGEST - 1]}…"
    text = _with_name(question, short, named=named)
    return _("{votes} 👍 n° {n} : {text}", votes=votes, n=question.number, text=text)


def _with_name(question: Question, text: str, *, named: bool) -> str:
    return f"{text} — {question.name}" if named and question.name else text
