"""A session as a file."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tchap_bot_questions import table
from tchap_bot_questions.model import Question, State
from tchap_bridges.i18n import Translator

PARIS = ZoneInfo("Europe/Paris")
QUESTIONS = (
    Question(
        number=1,
        text='=HYPERLINK("x") *gras* ?',
        state=State.ANSWERED,
        name="Ana; [Finances]",
        at=datetime(2026, 11, 23, 8, 30, tzinfo=UTC),
    ),
    Question(number=2, text="Posée en privé ?", state=State.MERGED, private=True, into=1),
)


def test_a_table() -> None:
    data = table.csv(QUESTIONS, {1: 3}, Translator("fr"), PARIS, named=True)
    assert data.decode("utf-8-sig").splitlines() == [
        "N°;Question;Voix;État;Réunie à;Posée le;Par",
        '1;"\'=HYPERLINK(""x"") *gras* ?";3;répondue;;2026-11-23 09:30;"Ana; [Finances]"',
        "2;Posée en privé ?;0;réunie;1;;",
    ]
    english = table.csv(QUESTIONS, {1: 3}, Translator("en"), PARIS, named=False).decode("utf-8-sig")
    assert english.splitlines()[0] == "No.,Question,Votes,State,Merged into,Asked on"
    assert "Ana" not in english


def test_a_page() -> None:
    page = table.markdown(QUESTIONS, {1: 3}, Translator("fr"), named=True).decode()
    assert page == (
        "# Questions\n\n"
        '1. =HYPERLINK\\("x"\\) \\*gras\\* ? — Ana; \\[Finances\\] (3 voix, répondue)\n'
        "2. Posée en privé ? (0 voix, réunie à la n° 1)\n"
    )
