"""Secret polls on the bench: where they are voted, what is told, and what is left of them on the disk."""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest_asyncio
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tchap_bot_polls import PollsBot
from tchap_bridges.ids import UserId
from tchap_bridges.store.sealing import Sealer, derive
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, EVE = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(PollsBot) as bench:
        yield bench


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


async def votes(bench: Bench, room: BenchRoom, who: str, answer: str) -> str:
    """Somebody asks to vote, and does; returns what they are told then."""
    await room.say(who, "!voter")
    return await bench.direct(who).say(who, answer)


async def test_the_room_reads_what_the_secret_is_worth_and_no_poll_is_shown(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    said = await room.say(ANA, "!sondage Qui préside ? Ana / Bob secret=oui")
    assert not room.polls
    assert said.splitlines()[:3] == ["🗳 Vote secret — Qui préside ?", "1. Ana", "2. Bob"]
    for words in ("message direct", "votre serveur Matrix garde", "ne se change pas", "réseaux reliés ne peuvent pas"):
        assert words in said


async def test_votes_are_cast_alone_and_told_together(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui préside ? Ana / Bob secret=oui pv=oui")
    assert await room.say(BOB, "!voter") == ""  # nothing in the room
    asked = bench.direct(BOB).said[-1]
    assert "2. Bob" in asked
    assert "qui exploite le serveur, ou ce robot" in asked
    assert (
        await bench.direct(BOB).say(BOB, "2")
        == "✓ Votre vote est compté, sans votre nom. Vous pouvez supprimer votre message."
    )
    await room.react(EVE, room.timeline[0], "🗳️")
    await bench.direct(EVE).say(EVE, "1")
    await votes(bench, room, ANA, "2")
    result = plain(await room.say(ANA, "!clore"))
    assert "✓ Bob — 2 voix (67 %)" in result
    assert "3 votants sur 4 (75 %)" in result
    (minutes,) = [one.data[0].decode() for one in room.timeline if one.files == ("pv.md",)]
    assert "| **Bob** | 2 | 67 %" in plain(minutes)
    assert "Qui a choisi quoi" not in minutes
    assert "bob" not in result + minutes
    assert "eve" not in result + minutes


async def test_a_vote_is_final(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await votes(bench, room, BOB, "2")
    assert "déjà voté" not in "".join(room.said)
    await room.say(BOB, "!voter")
    assert bench.direct(BOB).said[-1].startswith("Vous avez déjà voté")
    await bench.direct(BOB).say(BOB, "1")
    await votes(bench, room, EVE, "2")
    assert "✓ B — 2 voix" in plain(await room.say(ANA, "!clore"))


async def test_what_is_no_vote_may_be_said_again(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B / C secret=oui type=classement")
    await room.say(BOB, "!voter")
    assert "de 1 à 3" in await bench.direct(BOB).say(BOB, "moi")
    assert "Exemple" in bench.direct(BOB).said[-1]
    assert "✓" in await bench.direct(BOB).say(BOB, "2 1 3")
    assert "1 votant" in plain(await room.say(ANA, "!clore"))


async def test_there_is_no_other_way_to_vote(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    question = room.timeline[0]
    assert "Écrivez : !voter" in await room.say(BOB, "!vote 1")
    await room.say(BOB, "1", answers=question.id)
    await room.react(BOB, question, "1️⃣")
    await room.vote(BOB, question, "1")
    assert "Personne n'a voté" in plain(await room.say(ANA, "!clore"))


async def test_each_command_means_the_last_poll_of_its_kind(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await bench.clock.forward(seconds=1)
    await room.say(ANA, "!sondage Quoi ? C / D")
    await votes(bench, room, BOB, "1")
    assert "✓ eve : D" in await room.say(EVE, "!vote 2")
    assert "n'est pas secret" in await room.say(EVE, "!voter", answers=room.polls[0].id)
    assert "✓ D — 1 voix" in await room.say(ANA, "!clore")
    assert "Écrivez : !voter" in await room.say(EVE, "!vote 2")
    assert "✓ A — 1 voix" in await room.say(ANA, "!clore")
    await room.say(ANA, "!sondage Quoi ? C / D")
    assert "n'est pas secret" in await room.say(EVE, "!voter")


async def test_a_secret_question_that_is_removed_leaves_neither_roll_nor_ballots(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await votes(bench, room, BOB, "1")
    await room.say(EVE, "!voter")
    await room.redact(ADMIN, room.timeline[0].id)
    async with bench.db.snapshot() as tx:
        assert not await tx.all("kv_all", space=f"bot:sondages {room.id}")
    assert "compté" not in await bench.direct(EVE).say(EVE, "1")  # the question was taken back


async def test_who_answers_after_the_end_is_told_that_it_does_not_count(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await room.say(BOB, "!voter")
    await room.say(ANA, "!clore")
    told = len(room.said)
    await bench.direct(BOB).say(BOB, "1")
    assert len(room.said) == told
    assert "aucun sondage" in await room.say(BOB, "!voter")


async def test_who_wants_no_direct_conversation_is_told_in_the_room(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await room.say(BOB, "!voter")
    await bench.direct(BOB).leaves(BOB)
    assert "ouvrez une conversation avec moi" in await room.say(BOB, "!voter")


async def test_a_result_that_tells_who_chose_what_says_so(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    for voters, warning in (([BOB], "son vote"), ([BOB, EVE], "ce que l'autre"), ([ANA, BOB, EVE], "même réponse")):
        await room.say(ANA, "!sondage Qui ? A / B secret=oui")
        for who in voters:
            await votes(bench, room, who, "1")
        assert warning in plain(await room.say(ANA, "!clore"))
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    for who, vote in ((ANA, "1"), (BOB, "1"), (EVE, "2")):
        await votes(bench, room, who, vote)
    assert "⚠" not in await room.say(ANA, "!clore")


async def test_of_a_secret_poll_without_its_quorum_no_count_is_told(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui quorum=2 pv=oui csv=oui")
    await votes(bench, room, BOB, "1")
    before = len(room.timeline)
    await room.say(ANA, "!clore")
    said = room.timeline[before:]
    papers = [data.decode() for one in (*said, *bench.direct(ANA).timeline) for data in one.data]
    assert "quorum de 2 n'est pas atteint" in plain(said[0].text)
    assert not any(
        "voix" in plain(text).lower().replace("| voix |", "") and "1" in text.split() for text in [said[0].text]
    )
    assert [one.files for one in said] == [(), ("pv.md",)]  # no picture
    assert not any("| A |" in plain(text) or "A;" in text for text in papers)


async def test_reminders_call_whoever_is_not_on_the_roll(bench: Bench) -> None:
    room = await bench.room(PollsBot)
    await room.say(ANA, "!sondage Qui ? A / B secret=oui")
    await votes(bench, room, BOB, "1")
    assert await room.say(ANA, "!relancer") == "🔔 Admin, ana : votre vote est attendu : « Qui ? »"


# What is left on the disk: everything that begins like a sealed value is opened with the key, wherever it stands in the
# file. The cipher is a counter mode: what is cut off, or overwritten further on, is read all the same.

KEY = bytes(range(32))  # the bench's
BEGINS = Sealer([KEY]).seal(b"", place="")[:5]
ORDERS = [" ".join(order) for order in permutations("12345")][7:119:9]


def opened(raw: bytes) -> Iterator[bytes]:
    at = raw.find(BEGINS)
    while at >= 0:
        nonce, rest = raw[at + 5 : at + 17], raw[at + 17 : at + 17 + 4096]
        if len(nonce) == 12:
            yield Cipher(AES(derive(KEY, "sealing: content")), CTR(nonce + b"\0\0\0\2")).decryptor().update(rest)
        at = raw.find(BEGINS, at + 1)


def on_disk(folder: Path) -> Iterator[bytes]:
    for file in sorted(folder.glob("bench.db*")):
        raw = file.read_bytes()
        yield raw
        yield from opened(raw)


def dumped(folder: Path, bench: Bench) -> Iterator[str]:
    """Every value of every table, opened where it is sealed."""
    with closing(sqlite3.connect(folder / "bench.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in db.execute(f'SELECT * FROM "{name}"'):
                for value in row:
                    sealed = isinstance(value, bytes) and value.startswith(BEGINS)
                    yield " ".join(map(str, opened(value))) if sealed else str(value)


async def test_of_a_vote_nothing_on_the_disk_tells_whose_it_was(tmp_path: Path) -> None:
    people = [f"@p{n:02}:exemple.fr" for n in range(len(ORDERS))]
    async with Bench(PollsBot, folder=tmp_path) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage Qui ? A / B / C / D / E secret=oui type=classement pv=oui csv=oui")
        for who, order in zip(people[:-1], ORDERS[:-1], strict=True):
            assert "✓" in await votes(bench, room, who, order)
        await room.say(people[-1], "!voter")
        last = {"msgtype": "m.text", "body": ORDERS[-1]}
        await bench.direct(people[-1]).waits(people[-1], "m.room.message", last)
        before = [text for text in dumped(tmp_path, bench) if ORDERS[-1] in text]
        assert len(before) == 1  # as it came, and nobody has looked at it
        assert people[-1] in before[0]
        await bench.settle()
        await bench.db.fold()

        found = list(on_disk(tmp_path))
        assert not [one for one in found if any(order.encode() in one for order in ORDERS)]
        rolls = {one for one in found if one.startswith(b'["@p00:')}
        ballots = [one for one in found if one.startswith(b'[["')]
        assert [json.loads(one[: one.index(b"]") + 1]) for one in rolls] == [people]
        (sealed,) = ballots  # and no older one, whose difference from it would be a vote
        assert json.loads(sealed[: sealed.index(b"]]") + 2]) == sorted(order.split() for order in ORDERS)

        result = await room.say(ANA, "!clore")
        await bench.db.fold()
        after = list(on_disk(tmp_path))
        assert not [one for one in after if one.startswith((b'["@p00:', b'[["'))]
        papers = [
            data.decode(errors="replace") for one in room.timeline for data in one.data if one.files == ("pv.md",)
        ]
        papers += [data.decode() for one in bench.direct(ANA).timeline for data in one.data]
        assert len(papers) == 2
        assert not [who for who in people if who[1:4] in "".join((result, *papers))]


async def test_nothing_is_left_of_what_was_said_for_a_vote_and_was_none(tmp_path: Path) -> None:
    """Other words for a vote that was cast, a vote that comes too late, or to another question than was meant."""
    async with Bench(PollsBot, folder=tmp_path) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage Qui ? A / B / C / D / E secret=oui type=classement")
        for who in (BOB, EVE):
            await room.say(who, "!voter")
        direct = bench.direct(BOB)
        cast = await direct.happens(BOB, "m.room.message", {"msgtype": "m.text", "body": "5 4 3 2 1"})
        other = {
            "msgtype": "m.text",
            "body": "* 5 4 3 1 2",
            "m.new_content": {"msgtype": "m.text", "body": "5 4 3 1 2"},
            "m.relates_to": {"rel_type": "m.replace", "event_id": cast},
        }
        await direct.happens(BOB, "m.room.message", other)
        await direct.say(BOB, "5 4 3 2 1")
        await bench.direct(EVE).say(EVE, "4 5 3 2 1 0")  # refused, and asked again
        await direct.say(BOB, "!vote 5 4 3 2 1")
        await room.say(ANA, "!clore")
        await bench.direct(EVE).say(EVE, "4 5 3 2 1")
        assert not [text for text in dumped(tmp_path, bench) for vote in ("5 4 3", "4 5 3") if vote in text]


async def test_a_vote_for_a_bot_that_is_switched_off_meanwhile_is_not_kept(tmp_path: Path) -> None:
    async with Bench(PollsBot, folder=tmp_path) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage Qui ? A / B / C / D / E secret=oui type=classement")
        await room.say(BOB, "!voter")
        await bench.direct(BOB).waits(BOB, "m.room.message", {"msgtype": "m.text", "body": "5 4 3 2 1"})
        bench.kernel.crew.hearing.switched(room.id, "sondages", on=False)
        await bench.settle()
        assert not [text for text in dumped(tmp_path, bench) if "5 4 3" in text]


async def test_a_vote_that_answers_somebody_elses_question_is_not_kept(tmp_path: Path) -> None:
    async with Bench(PollsBot, folder=tmp_path) as bench:
        room = await bench.room(PollsBot)
        await room.say(ADMIN, "!sondage Qui ? A / B / C / D / E secret=oui type=classement")
        await room.say(ADMIN, "!voter")
        await room.say(ADMIN, "!bot regler sondages")  # asks as well, and later
        direct = bench.direct(ADMIN)
        await direct.say(ADMIN, "5 4 3 2 1")
        assert not [text for text in dumped(tmp_path, bench) if "5 4 3" in text]


async def test_of_two_answers_at_once_one_counts_and_neither_is_kept(tmp_path: Path) -> None:
    """The second was on its way while the first was being counted; its author has left meanwhile, or has not."""
    async with Bench(PollsBot, folder=tmp_path) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, "!sondage Qui ? A / B / C / D / E secret=oui type=classement")
        for who in (BOB, EVE):
            await room.say(who, "!voter")
            for vote in ("5 4 3 2 1", "5 4 3 1 2"):
                await bench.direct(who).waits(who, "m.room.message", {"msgtype": "m.text", "body": vote})
            if who == EVE:
                room.names.pop(UserId(EVE))
            await bench.settle()
        assert not [text for text in dumped(tmp_path, bench) if "5 4 3" in text]
        assert "1 votant" in plain(await room.say(ANA, "!clore"))
