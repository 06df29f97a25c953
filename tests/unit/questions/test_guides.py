"""Every command and every setting that the guides show is typed as it stands there."""

import re
from pathlib import Path

import pytest

from tchap_bot_questions import QuestionsBot
from tchap_bot_questions.settings import QuestionsConfig
from tchap_bridges.roomconfig.fields import fields_of
from tchap_bridges.testing.bench import ADMIN, Bench

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDES = {language: DOCS.joinpath(name).read_text("utf-8") for language, name in
          (("fr", "fr/robot-questions.md"), ("en", "en/bot-questions.md"))}  # fmt: skip
TYPED = re.compile(r"`(![^`…]+)`|^    (!.+)$", re.MULTILINE)
COMMANDS = sorted(
    {(found[1] or found[2], language) for language, text in GUIDES.items() for found in TYPED.finditer(text)}
)
TOPICS = ("Les congés, comment ?", "Le parking, pourquoi ?", "La salle, laquelle ?", "Le budget, combien ?",
          "Les badges, par qui ?", "La cantine, à quand ?", "Le réseau, en panne ?")  # fmt: skip


@pytest.mark.parametrize(("typed", "language"), COMMANDS)
async def test_a_command_does_something(typed: str, language: str) -> None:
    async with Bench(QuestionsBot) as bench:
        room = await bench.room(QuestionsBot)
        judged = typed.split()[1] in {"approuver", "refuser", "approve", "refuse"}
        await room.say(ADMIN, f"!bot regler questions moderated={'oui' if judged else 'non'}")
        for n, topic in enumerate(TOPICS):
            await room.say(f"@u{n}:exemple.fr", f"!qr {topic}")
        told = len(room.timeline)
        assert "✗" not in await room.say(ADMIN, typed)
        assert len(room.timeline) > told


@pytest.mark.parametrize("language", GUIDES)
def test_every_setting_is_told(language: str) -> None:
    keys = set(re.findall(r"^\| `(\w+)` \|", GUIDES[language], re.MULTILINE))
    assert keys == {one.key("en" if language == "en" else "fr") for one in fields_of(QuestionsConfig)}


def test_both_guides_show_as_much() -> None:
    counts = [len([one for one in COMMANDS if one[1] == language]) for language in GUIDES]
    assert counts == [len(COMMANDS) // 2] * 2
    assert counts[0] >= 18
