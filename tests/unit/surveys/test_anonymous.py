"""Anonymous surveys: nothing of ours ties an answer to whoever gave it, and the owner learns no more than is said."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bot_surveys import SurveysBot
from tchap_bridges.store.errors import SealBroken
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench import Bench, BenchRoom

ANA, BOB, CHLOE, DENIS = (f"@{name}:exemple.fr" for name in ("ana", "bob", "chloe", "denis"))
WORDS = "!enquete Moral anonyme=oui\n1*. Moral de 0 à 100\nDate de départ :\nQue changer ?"
PLACES = (
    "inbox.raw",
    "inbox.meta",
    "message.body",
    "outbox.steps",
    "kv.value",
    "question.words",
    "timer.words",
    "blob",
)
SEALER = Sealer([bytes(range(32))])  # of a bench


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(SurveysBot, folder=tmp_path) as found:
        yield found


async def opened(bench: Bench, words: str = WORDS) -> BenchRoom:
    room = await bench.room(SurveysBot)
    for person in (ANA, BOB, CHLOE, DENIS):
        await room.joins(person)
    await room.say(ANA, words)
    await room.say(ANA, "oui")
    return room


async def takes(bench: Bench, room: BenchRoom, person: str, *words: str) -> str:
    await room.say(person, "!repondre")
    for one in words:
        await bench.direct(person).say(person, one)
    return bench.direct(person).said[-1]


async def all_answer(bench: Bench, room: BenchRoom) -> None:
    await takes(bench, room, BOB, "83", "12/03/2031", "anguille", "envoyer")
    await takes(bench, room, CHLOE, "29", "passer", "rhubarbe", "envoyer")
    await takes(bench, room, DENIS, "61", "04/05/2032", "passer", "envoyer")


def kept(folder: Path) -> list[str]:
    """Every row of our tables, in the open, that is not the key of something else."""
    with closing(sqlite3.connect(folder / "bench.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            f"{table} {' '.join(map(_open, row))}" for table in tables for row in db.execute(f"SELECT * FROM {table}")
        ]


def _open(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    for place in PLACES:
        try:
            return SEALER.open(value, place=place).decode("utf-8", "replace")
        except SealBroken:
            continue
    return str(value)


def holding(rows: list[str], *words: str) -> list[str]:
    return [row for row in rows if any(word in row for word in words)]


async def test_people_are_told_what_it_keeps(bench: Bench) -> None:
    room = await opened(bench)
    for told in (room.said[-1], await takes(bench, room, BOB)):
        assert "Anonyme : je retiens qui a répondu" in told
        assert "une réponse libre peut trahir" in told


async def test_no_row_has_an_answer_and_whose_it_is(bench: Bench, tmp_path: Path) -> None:
    room = await opened(bench)
    await takes(bench, room, BOB, "83", "12/03/2031", "anguille")
    before = holding(kept(tmp_path), "anguille")
    assert [row.split()[:2] for row in before] == [["kv", "bot:enquetes"]], (
        "under a name until it is sent, and nowhere else"
    )
    await bench.direct(BOB).say(BOB, "envoyer")
    await takes(bench, room, CHLOE, "29", "passer", "rhubarbe", "envoyer")
    await takes(bench, room, DENIS, "61", "04/05/2032", "passer", "envoyer")
    rows = kept(tmp_path)
    pool = holding(rows, "anguille", "rhubarbe", "2031-03-12", "12/03/2031", "2032-05-04", '"83"', '"29"', '"61"')
    assert len(pool) == 1, "all answers are in one row"
    assert " pool 1 " in pool[0]
    assert not any(person in pool[0] for person in (BOB, CHLOE, DENIS, "bob", "chloe", "denis"))
    assert pool[0].index("rhubarbe") < pool[0].index("04") < pool[0].index("anguille"), "sorted, not as they came"
    (roll,) = holding(rows, " roll 1 ")
    assert all(person in roll for person in (BOB, CHLOE, DENIS))
    assert not holding(rows, " part 1 ")


@pytest.mark.parametrize("order", [(BOB, CHLOE, DENIS), (DENIS, BOB, CHLOE)])
async def test_what_is_kept_is_the_same_whoever_came_first(tmp_path: Path, order: tuple[str, ...]) -> None:
    given = {BOB: ("83", "anguille"), CHLOE: ("29", "rhubarbe"), DENIS: ("61", "melon")}
    async with Bench(SurveysBot, folder=tmp_path) as bench:
        room = await opened(bench)
        for person in order:
            await takes(bench, room, person, given[person][0], "passer", given[person][1], "envoyer")
        rows = kept(tmp_path)
    (pool,), (roll,) = holding(rows, " pool 1 "), holding(rows, " roll 1 ")
    assert pool.endswith('pool 1 [[["29"],[],["rhubarbe"]],[["61"],[],["melon"]],[["83"],[],["anguille"]]]')
    assert roll.endswith(f'roll 1 ["{BOB}","{CHLOE}","{DENIS}"]')


async def test_what_we_say_repeats_no_answer(bench: Bench) -> None:
    room = await opened(bench)
    words = ("83", "12/03/2031", "zanzibar", "3", "retour", "retour", "passer")
    await takes(bench, room, BOB, "quatre-vingt-trois", *words, "demain", "n'importe quoi")
    said = "\n".join(bench.direct(BOB).said)
    for answer in ("83", "2031", "zanzibar", "quatre-vingt", "n'importe"):
        assert answer not in said


async def test_nobody_answers_twice_and_answers_cannot_be_found_again(bench: Bench) -> None:
    room = await opened(bench)
    await takes(bench, room, BOB, "83", "passer", "anguille", "envoyer")
    assert "vous avez déjà répondu" in await room.say(BOB, "!repondre")
    assert "aucune réponse à votre nom" in await room.say(BOB, "!repondre retirer")


async def test_results_come_at_the_end_alone_and_name_nobody(bench: Bench) -> None:
    room = await opened(bench)
    await all_answer(bench, room)
    told = await room.say(ANA, "!enquete resultats")
    assert "qu'une fois close ; 3 réponses jusqu'ici" in told
    assert not told.count("bob")
    nudge = await room.say(ANA, "!enquete relancer")
    assert not any(name in nudge for name in ("bob", "chloe", "denis"))
    room.timeline.clear()
    await room.say(ANA, "!enquete clore")
    everything = "\n".join((*room.said, *bench.direct(ANA).said))
    assert "moyenne 57,67" in everything
    assert "— anguille" in everything
    assert not any(name in everything for name in ("bob", "chloe", "denis"))
    assert "anguille" not in "\n".join(room.said)


async def test_too_few_answers_are_not_told_and_not_kept(bench: Bench, tmp_path: Path) -> None:
    room = await opened(bench)
    await takes(bench, room, BOB, "83", "passer", "anguille", "envoyer")
    await takes(bench, room, CHLOE, "29", "passer", "rhubarbe", "envoyer")
    told = await room.say(ANA, "!enquete clore")
    assert "2 réponses, trop peu pour rester anonymes : elles sont effacées" in told
    assert "moyenne" not in told
    assert "il n'y a pas de réponses" in await room.say(ANA, "!enquete resultats 1")
    assert not holding(kept(tmp_path), "anguille", "rhubarbe")


async def test_who_was_at_it_when_it_ended_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    room = await opened(bench)
    await takes(bench, room, BOB, "83", "passer", "anguille")
    await room.say(ANA, "!enquete clore")
    assert not holding(kept(tmp_path), "anguille", " part 1 ")
    await bench.direct(BOB).say(BOB, "envoyer")
    assert "envoyé" not in bench.direct(BOB).said[-1]
