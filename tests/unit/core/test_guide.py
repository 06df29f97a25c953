"""``!bot regler`` without values: a direct conversation, question by question, and a link for one form."""

import re
from collections.abc import AsyncIterator
from datetime import time, timedelta
from html import unescape

import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from tchap_bridges.bot import Bot, Room, RoomConfig, at, command, field
from tchap_bridges.testing.bench import ADMIN, START, Bench, BenchRoom
from tchap_bridges.web.gate import Gate
from tchap_bridges.web.settings import settings_routes

MOD = "@mod:exemple.fr"


class Duty(Bot):
    """Dit qui est d'astreinte."""

    name = "astreinte"

    class Config(RoomConfig):
        team: str = field("ops", label="Équipe", min_length=1)
        at: time = field(time(9), label="Rappel")
        key: SecretStr | None = field(None, label="Clé")

    @command("qui")
    async def who(self, room: Room[Config], words: str) -> str:
        """Dit qui."""
        secret = room.config.key.get_secret_value() if room.config.key else "sans"
        return f"{room.config.team} {room.config.at:%H:%M} {secret}"


class Plain(Bot):
    """N'a rien à régler."""

    name = "simple"

    @command("simple")
    async def plain(self, room: Room, words: str) -> str:
        """Rien."""
        return "rien"


class Weekly(Bot):
    """Parle quand on le lui a dit."""

    name = "hebdo"

    class Config(RoomConfig):
        when: str = field("tous les lundis à 9h", label="Quand")
        words: str = field("bonjour", label="Mots")

    @at("when")
    async def speak(self, room: Room[Config]) -> str:
        return room.config.words


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(Duty, Plain, Weekly) as bench:
        yield bench


@pytest_asyncio.fixture
async def room(bench: Bench) -> BenchRoom:
    room = await bench.room(Duty, Plain)
    room.as_power(MOD, 50)
    return room


@pytest_asyncio.fixture
async def site(bench: Bench) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    application = web.Application()
    application.add_routes(settings_routes(bench.kernel.crew.forms, language="fr", gate=Gate(lambda: 0.0)))
    async with TestClient(TestServer(application)) as client:
        yield client


def path_in(room: BenchRoom) -> str:
    """The address of the last form that the bot has given."""
    return re.findall(r"https://pont\.exemple\.fr(/\S+)", "\n".join(room.said))[-1]


async def test_it_is_set_question_by_question(bench: Bench, room: BenchRoom) -> None:
    said = await room.say(MOD, "!bot regler astreinte")
    assert "en privé" in said
    assert "https://" not in said
    direct = bench.direct(MOD)
    assert "1/3 Équipe" in direct.said[-1]
    assert "2/3" in await direct.say(MOD, "sécurité")
    assert "9 h 30" in await direct.say(MOD, "neuf heures") or "heure" in direct.said[-1]
    assert "3/3" in await direct.say(MOD, "8h30")
    assert "✓" in await direct.say(MOD, "ok")
    assert await room.say(MOD, "!qui") == "sécurité 08:30 sans"
    assert "mod a changé les réglages du robot astreinte." in room.said


async def test_nothing_is_set_before_the_last_answer(bench: Bench, room: BenchRoom) -> None:
    await room.say(MOD, "!bot regler astreinte")
    await bench.direct(MOD).say(MOD, "sécurité")
    assert await room.say(MOD, "!qui") == "ops 09:00 sans"


async def test_who_has_lost_the_right_sets_nothing(bench: Bench, room: BenchRoom) -> None:
    await room.say(MOD, "!bot regler astreinte")
    direct = bench.direct(MOD)
    for answer in ("sécurité", "8h30"):
        await direct.say(MOD, answer)
    room.as_power(MOD, 0)
    assert "ne pouvez plus" in await direct.say(MOD, "ok")
    assert await room.say(MOD, "!qui") == "ops 09:00 sans"


async def test_who_may_not_is_not_written_to(bench: Bench, room: BenchRoom) -> None:
    assert "modérateur" in await room.say("@ana:exemple.fr", "!bot regler astreinte")
    assert len(bench.rooms) == 1


async def test_what_has_nothing_to_set_says_so(bench: Bench, room: BenchRoom) -> None:
    assert "rien à régler" in await room.say(MOD, "!bot regler simple")
    assert len(bench.rooms) == 1


async def test_who_wants_no_conversation_asks_for_one(bench: Bench, room: BenchRoom) -> None:
    await room.say(MOD, "!bot prive")
    first = bench.direct(MOD)
    assert "quittez" in first.said[-1]
    await first.leaves(MOD)
    await room.say(MOD, "!bot regler astreinte")
    assert bench.direct(MOD) is not first
    assert "1/3" in bench.direct(MOD).said[-1]


async def test_the_form_is_shown_and_sent(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    shown = await site.get(path)
    page = await shown.text()
    assert shown.status == 200
    assert 'value="ops"' in page
    assert "form-action 'self'" in shown.headers["Content-Security-Policy"]
    wrong = await site.post(path, data={"team": "", "at": "8:15"})
    assert wrong.status == 422
    assert await room.say(MOD, "!qui") == "ops 09:00 sans"
    sent = await site.post(path, data={"team": "nuit", "at": "8:15", "key": "s3cret"})
    assert sent.status == 200
    assert await room.say(MOD, "!qui") == "nuit 08:15 s3cret"
    assert any("a changé les réglages" in one for one in room.said)
    async with bench.db.snapshot() as tx:
        record = [(row["who"], row["what"], row["detail"]) for row in await tx.all("audit_list", after=0, limit=99)]
    assert (MOD, "bot set", "astreinte") in record


async def test_words_that_say_no_time_are_asked_again_and_shown_on_the_page(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(ADMIN, "!bot activer hebdo")
    await room.say(MOD, "!bot regler hebdo")
    direct = bench.direct(MOD)
    assert "1/2 Quand" in direct.said[-1]
    path = path_in(direct)
    wrong = await site.post(path, data={"when": "quand il pleut", "words": "salut"})
    assert wrong.status == 422
    assert "« quand il pleut » ne dit pas quand. Exemple : tous les lundis à 9h" in unescape(await wrong.text())
    said = await direct.say(MOD, "quand il pleut")
    assert said == "✗ when : « quand il pleut » ne dit pas quand. Exemple : tous les lundis à 9h"
    assert "2/2 Mots" in await direct.say(MOD, "tous les mardis à 10h")
    assert "✓" in await direct.say(MOD, "salut")
    assert (await site.post(path, data={"when": "tous les mardis à 11h", "words": "salut"})).status == 200
    room.timeline.clear()
    await bench.clock.to(START + timedelta(days=1, hours=1))
    assert room.said == []
    await bench.clock.to("11:00")
    assert room.said == ["salut"]


async def test_a_form_is_sent_once(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    assert (await site.post(path, data={"team": "nuit"})).status == 200
    assert (await site.post(path, data={"team": "jour"})).status == 410
    assert (await site.get(path)).status == 410
    assert await room.say(MOD, "!qui") == "nuit 09:00 sans"


async def test_a_link_is_over_after_an_hour(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    await bench.clock.forward(minutes=59)
    assert (await site.get(path)).status == 200
    await bench.clock.forward(minutes=1)
    over = await site.get(path, headers={"Accept-Language": "en"})
    assert over.status == 410
    assert "no longer" in await over.text()


async def test_a_link_whose_owner_may_not_any_more_sets_nothing(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    room.as_power(MOD, 0)
    assert (await site.post(path, data={"team": "nuit"})).status == 410
    assert await room.say(ADMIN, "!qui") == "ops 09:00 sans"


async def test_a_forged_link_and_one_of_a_bot_that_is_off_lead_nowhere(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    assert (await site.get(path[:-2] + "AA")).status == 410
    await room.say(MOD, "!bot desactiver astreinte")
    assert (await site.get(path)).status == 410


async def test_used_links_are_forgotten_once_they_are_over(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    for _n in range(2):
        await room.say(MOD, "!bot regler astreinte")
        assert (await site.post(path_in(bench.direct(MOD)), data={"team": "nuit"})).status == 200
        await bench.clock.to(bench.clock.at + timedelta(hours=2))
    async with bench.db.snapshot() as tx:
        assert len(await tx.all("kv_all", space="spent")) == 1


async def test_a_link_shows_nothing_to_who_may_not_any_more(
    bench: Bench, room: BenchRoom, site: TestClient[web.Request, web.Application]
) -> None:
    await room.say(MOD, "!bot regler astreinte")
    path = path_in(bench.direct(MOD))
    await room.leaves(MOD)
    assert (await site.get(path)).status == 410


async def test_tokens_are_not_tried_without_end(site: TestClient[web.Request, web.Application]) -> None:
    answers = [(await site.get(f"/reglages/{n}")).status for n in range(61)]
    assert answers == [410] * 60 + [429]


async def test_who_may_no_longer_set_it_is_not_shown_what_is_set(bench: Bench, room: BenchRoom) -> None:
    await room.say(ADMIN, "!bot regler astreinte at=11:45")
    await room.say(MOD, "!bot regler astreinte")
    room.as_power(MOD, 0)
    shown = len(bench.direct(MOD).said)
    assert "ne pouvez plus" in await bench.direct(MOD).say(MOD, "ok")
    assert "11:45" not in "".join(bench.direct(MOD).said[shown:])
