"""Minutes for the room and a table for whoever asked, on the bench."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bot_polls.counting import distinct
from tchap_bot_polls.keeping import REMEMBERED, Voice
from tchap_bot_polls.tally import Response
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, EVE = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(PollsBot) as bench:
        yield bench


@pytest_asyncio.fixture
async def room(bench: Bench) -> BenchRoom:
    return await bench.room(PollsBot)


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


async def ask(room: BenchRoom, settings: str = "") -> str:
    """A poll from its question to its end; returns what is said at the end."""
    await room.say(ANA, f"!sondage Qui vient ? moi / pas moi {settings}")
    await room.say(BOB, "!vote 1")
    await room.say(EVE, "!vote 2")
    return await room.say(ANA, "!clore")


async def test_both_papers_are_made_when_they_were_asked_for_with_the_question(bench: Bench, room: BenchRoom) -> None:
    room.called(ANA, "Ana *Martin*")
    await ask(room, "pv=oui csv=oui quorum=2")
    files = {one.files[0]: one.data[0].decode("utf-8-sig") for one in room.timeline if one.files == ("pv.md",)}
    minutes = plain(files["pv.md"])
    assert minutes.startswith("# Procès-verbal de vote\n\n**Qui vient ?**\n\n- Salon : Salon d'essai\n")
    assert r"- Ouvert par Ana \*Martin\* le lundi 23 novembre 2026 à 09:30" in minutes
    assert r"- Clos par Ana \*Martin\* le lundi 23 novembre 2026 à 09:30" in minutes
    assert "- Quorum : 2 votants" in minutes
    assert "- 2 votants sur 4 (50 %)" in minutes
    assert "| **moi** | 1 | 50 % |" in minutes
    (table,) = [one for one in bench.direct(ANA).timeline if one.files == ("votes.csv",)]
    assert table.data[0].decode("utf-8-sig").splitlines() == ["Votant;moi;pas moi", "bob;x;", "eve;;x"]


async def test_a_poll_closed_by_its_time_says_so(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, """!sondage On y va ? pv=oui fin="aujourd'hui 17h\"""")
    await bench.clock.to("17:00")
    assert room.timeline[-1].files == ("pv.md",)
    assert "Clos à l'échéance, le lundi 23 novembre 2026 à 17:00" in plain(room.timeline[-1].data[0].decode())


async def test_papers_are_had_afterwards_too(bench: Bench, room: BenchRoom) -> None:
    assert "aucun sondage n'a été clos" in await room.say(BOB, "!pv")
    await ask(room)
    (first,) = room.polls
    await bench.clock.forward(minutes=1)
    await room.say(ANA, "!sondage Autre ?")
    await room.say(ANA, "!clore")
    await room.say(BOB, "!pv")
    assert "**Autre ?**" in room.timeline[-1].data[0].decode()
    await room.say(BOB, "!minutes", answers=first.id)
    assert "**Qui vient ?**" in room.timeline[-1].data[0].decode()
    assert "# Procès-verbal" not in room.timeline[-1].data[0].decode()  # asked for in English


async def test_the_table_is_for_who_asked_and_for_moderators(bench: Bench, room: BenchRoom) -> None:
    await ask(room)
    assert "peut l'avoir" in await room.say(BOB, "!csv")
    assert await room.say(ADMIN, "!csv") == ""
    assert bench.direct(ADMIN).timeline[-1].files == ("votes.csv",)


async def test_who_wants_no_direct_conversation_gets_no_table_and_is_told(bench: Bench, room: BenchRoom) -> None:
    await ask(room, "csv=oui")
    await bench.direct(ANA).leaves(ANA)
    assert "ouvrez une conversation avec moi" in await room.say(ANA, "!csv")


async def test_where_nobody_is_named_the_table_names_nobody() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot, named=False)
        await ask(room, "csv=oui pv=oui")
        papers = [
            data.decode(errors="replace") for one in (*room.timeline, *bench.direct(ANA).timeline) for data in one.data
        ]
        assert "bob" not in "".join(papers)
        assert "Réponse;Voix;%;En tête" in "".join(papers)


async def test_votes_are_forgotten_at_the_end_and_results_in_time(bench: Bench, room: BenchRoom) -> None:
    for _n in range(REMEMBERED + 2):
        await bench.clock.forward(minutes=1)
        await ask(room)
    async with bench.db.snapshot() as tx:
        keys = [row["key"] for row in await tx.all("kv_all", space=f"bot:sondages {room.id}")]
    assert sorted({key.split()[0] for key in keys}) == ["closed"]
    assert len(keys) == REMEMBERED


def voice(sender: str, name: str, network: str = "") -> Voice:
    return Voice(response=Response(id=sender, sender=sender, at=0, answers=("1",)), name=name, network=network)


def test_two_people_are_never_called_the_same() -> None:
    voices = [
        voice("@alex1:x", "Alex"),
        voice("@alex2:x", "Alex"),
        voice("irc alex", "Alex", "irc"),
        voice("irc alex_", "Alex", "irc"),
        voice("@zoe:x", "Zoé"),
        voice("@odd:x", "Alex (irc)"),
        voice("@none:x", " "),
    ]
    names = distinct(voices)
    assert len(set(names.values())) == len(voices)
    assert names["@zoe:x"] == "Zoé"
    assert names["@alex1:x"] == "Alex (@alex1:x)"
    assert names["@none:x"] == "@none:x"


async def test_of_two_with_one_name_the_result_tells_who_chose_what(bench: Bench, room: BenchRoom) -> None:
    room.called(BOB, "Alex")
    room.called(EVE, "Alex")
    result = await ask(room)
    assert "↳ Alex (@bob:exemple.fr)" in result
    assert "↳ Alex (@eve:exemple.fr)" in result
