"""Every command and every setting that the guides tell of polls, typed as they stand there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import ADMIN, Bench

DOCS = Path(__file__).resolve().parents[3] / "docs"
SECTIONS: Final = {
    "fr": DOCS.joinpath("fr/robots.md").read_text("utf-8").split("\n## Sondages\n")[1].split("\n## ")[0],
    "en": DOCS.joinpath("en/bots.md").read_text("utf-8").split("\n## Polls\n")[1].split("\n## ")[0],
}
CODE = re.compile(r"`([^`]+)`")
THREE = "!sondage Qui ? A / B / C"
BEFORE: Final = {
    "!vote Crêperie": ["!sondage Où ? Cantine / Crêperie"],
    "!vote 2 1 3": [f"{THREE} type=classement"],
    "!vote 1 2? 3!": ["!date Quand ? lundi 9h / mardi 9h / jeudi 9h"],
    "!voter": [f"{THREE} secret=oui"],
    "!ballot": [f"{THREE} secret=oui"],
    "!pv": [THREE, "!clore"],
    "!minutes": [THREE, "!clore"],
    "!csv": [THREE, "!clore"],
}
"""What has to be there for a command to have something to do; for others, a poll."""
COMMANDS = sorted(
    {(code, language) for language, text in SECTIONS.items() for code in CODE.findall(text) if code[0] == "!"}
)
SETTINGS = sorted(
    {
        (code, language)
        for language, text in SECTIONS.items()
        for code in CODE.findall(text)
        if "=" in code and code[0] != "!"
    }
)


@pytest.mark.parametrize(("typed", "language"), COMMANDS)
async def test_a_command_of_the_guide_does_something(typed: str, language: str) -> None:
    before: Sequence[str] = BEFORE.get(typed, [THREE])
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        for words in before:
            assert "✗" not in await room.say(ADMIN, words)
        told = len(room.timeline)
        assert "✗" not in await room.say(ADMIN, typed)
        assert len(room.timeline) > told or bench.direct(ADMIN).timeline


@pytest.mark.parametrize(("typed", "language"), SETTINGS)
async def test_a_setting_of_the_guide_is_one(typed: str, language: str) -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        ends = """ fin="vendredi 17h\"""" if typed.startswith(("rappel", "reminder")) else ""
        assert "✗" not in await room.say(ADMIN, f"!sondage Qui ? A / B / C {typed}{ends}")
        assert len(room.timeline) >= 1


def test_both_guides_tell_as_much() -> None:
    assert len(COMMANDS) >= 26
    assert [len([one for one in COMMANDS if one[1] == language]) for language in SECTIONS] == [len(COMMANDS) // 2] * 2
    assert len([one for one in SETTINGS if one[1] == "fr"]) == len([one for one in SETTINGS if one[1] == "en"])
