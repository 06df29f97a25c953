"""Every command and every setting that the guides show is typed as it stands there."""

import re
from pathlib import Path

import pytest

from tchap_bot_feeds.bot import FeedsBot
from tchap_bot_feeds.settings import FeedsConfig
from tchap_bridges.roomconfig.fields import fields_of
from tchap_bridges.testing.bench import ADMIN, Bench

from .site import Site, item, rss
from .test_bot import LocalFeeds

DOCS = Path(__file__).resolve().parents[3] / "docs"
GUIDES = {language: DOCS.joinpath(name).read_text("utf-8") for language, name in
          (("fr", "fr/robot-flux.md"), ("en", "en/bot-feeds.md"))}  # fmt: skip
TYPED = re.compile(r"`(![^`]+)`|^    (!.+)$", re.MULTILINE)
COMMANDS = sorted(
    {(found[1] or found[2], language) for language, text in GUIDES.items() for found in TYPED.finditer(text)}
)
VALUE = re.compile(r"`(\w+=[^`]+)`")
URL = re.compile(r"https://\S+")


@pytest.mark.parametrize(("typed", "language"), COMMANDS)
async def test_a_command_does_something(typed: str, language: str) -> None:
    async with Site() as site, Bench(LocalFeeds) as bench:
        site.pages |= {"/f": rss(item(1)), "/g": rss(item(1)), "/new": rss(item(1))}
        room = await bench.room(LocalFeeds)
        for path in ("f", "g"):
            await room.say(ADMIN, f"!flux {site.url}/{path}")
        said = await room.say(ADMIN, URL.sub(f"{site.url}/new", typed))
        assert said
        assert "✗" not in said, said


@pytest.mark.parametrize("language", GUIDES)
async def test_a_setting_is_one(language: str) -> None:
    table = GUIDES[language].split("| --")[0]
    keys = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    words = {one.name: one.key("en" if language == "en" else "fr") for one in fields_of(FeedsConfig)}
    assert keys == set(words.values())
    (digest,) = re.findall(rf"^\| `{words['digest']}` \| [^`]*(`.*`) \|", table, re.MULTILINE)
    async with Bench(FeedsBot) as bench:
        room = await bench.room(FeedsBot)
        values = [*VALUE.findall(table), *(f"digest={value}" for value in re.findall(r"`([^`]+)`", digest))]
        assert len(values) >= 3
        for value in values:
            assert "✗" not in await room.say(ADMIN, f"!bot regler flux {value}"), value


def test_the_guides_show_every_command() -> None:
    for language, verbs in (("fr", {"liste", "lire", "retirer"}), ("en", {"list", "read", "remove"})):
        assert verbs <= {typed.split()[1] for typed, told in COMMANDS if told == language}
