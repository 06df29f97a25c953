"""The guides show what works: every command and every form of a question in them is tried."""

import re
from pathlib import Path

import pytest

from tchap_bot_surveys import SurveysBot, asking
from tchap_bot_surveys.model import Kind
from tchap_bot_surveys.walk import WORDS
from tchap_bridges.i18n import Language, Translator

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDES: list[tuple[Path, Language]] = [(DOCS / "fr/robot-enquetes.md", "fr"), (DOCS / "en/bot-surveys.md", "en")]
COMMAND = re.compile(r"`!((?:enquete|repondre|survey|answer)[^`]*)`")
SURVEY = re.compile(r"^    !(?:enquete|survey) ((?:.+\n(?:    )?)+)", re.MULTILINE)


@pytest.mark.parametrize(("guide", "language"), GUIDES)
def test_every_command_is_one(guide: Path, language: Language) -> None:
    words = {word for command in SurveysBot.commands for word in command.words}
    english = {word for command in SurveysBot.commands for word in command.english}
    shown = set(COMMAND.findall(guide.read_text("utf-8")))
    assert len(shown) >= 9
    for one in shown:
        first, *more = one.split()
        named = f"{first} {more[0]}" if more and not more[0].isdecimal() else first
        assert named in words, one
        assert (named in english) is (language == "en"), one
    told = {" ".join(one.split()[:2]) for one in shown}
    wanted = {command.shown(language) for command in SurveysBot.commands}
    assert wanted <= told | {one.split()[0] for one in shown}, "a command is not told of"


@pytest.mark.parametrize(("guide", "language"), GUIDES)
def test_the_example_is_a_survey(guide: Path, language: Language) -> None:
    (example,) = SURVEY.findall(guide.read_text("utf-8"))
    asked = asking.read(example, Translator(language))
    assert [one.kind for one in asked.questions] == [Kind.ONE, Kind.SCALE, Kind.SEVERAL, Kind.TEXT]
    assert [one.required for one in asked.questions] == [False, True, False, False]
    assert asked.closes


@pytest.mark.parametrize(("guide", "language"), GUIDES)
def test_every_form_of_a_question_is_what_is_said(guide: Path, language: Language) -> None:
    text = guide.read_text("utf-8")
    section = text.split("## ")[2]
    kinds = [Kind.ONE, Kind.SEVERAL, Kind.SCALE, Kind.NUMBER, Kind.DATE, Kind.TEXT]
    rows = [row for row in section.splitlines() if row.startswith("| `")]
    assert len(rows) == len(kinds)
    for row, kind in zip(rows, kinds, strict=True):
        for form in re.findall(r"`([^`]+)`", row.split(" | ")[0]):
            (question,) = asking.read(f"Titre\n{form}", Translator(language)).questions
            assert question.kind is kind, form


@pytest.mark.parametrize(("guide", "language"), GUIDES)
def test_every_word_is_understood(guide: Path, language: Language) -> None:
    text = guide.read_text("utf-8")
    rows = [row.split(" | ")[0] for row in text.splitlines() if row.startswith(("| «", '| "'))]
    quoted = re.compile(r"« ([^»]+) »" if language == "fr" else r'"([^"]+)"')
    said = {word for row in rows for word in quoted.findall(row)}
    assert len(said) == 6
    assert said - set(WORDS) == {"annuler" if language == "fr" else "cancel"}, "which the core hears"
