"""Direct conversations: whom the bridge writes to alone, whether they want it, and what they answer."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.bot import Bot, Room, command, on
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.events import Message
from tchap_bridges.i18n import _
from tchap_bridges.ids import PersonId, RoomId, UserId
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB = "@ana:exemple.fr", "@bob:exemple.fr"


class Guess(Bot):
    """Devine un nombre."""

    name = "devine"

    @command("prive")
    async def private(self, room: Room, words: str) -> str:
        """Demande en privé."""
        told = await room.ask("Quel nombre ?", "guessed", words, private=True, secret=words == "secret", key=words)
        return "je vous écris" if told else "vous ne voulez rien de moi"

    @command("ici")
    async def here(self, room: Room, words: str) -> None:
        """Demande ici."""
        await room.ask("Quel nombre ?", "guessed", words)

    @command("dire")
    async def told(self, room: Room, words: str) -> str:
        """Dit quelque chose à quelqu'un, en privé."""
        person, _space, text = words.partition(" ")
        return "dit" if await room.tell(PersonId(person), text) else "refusé"

    @command("oublie")
    async def forget(self, room: Room, words: str) -> str:
        """Retire la question."""
        await room.withdraw(words)
        return "oublié"

    @command("moi")
    async def mine(self, room: Room, words: str) -> str:
        """Garde un mot de quelqu'un, quel que soit le salon."""
        kept = room.kv_of(room.caller.person)
        before = await kept.get("mot")
        await kept.set("mot", words)
        return before or "rien"

    async def guessed(self, room: Room, answer: str, words: str) -> str:
        if not answer.isdecimal():
            raise Misconfigured(_("« {answer} » n'est pas un nombre", answer=answer))
        if answer == "0":
            await room.ask("Encore ?", "guessed", words, private=room.private, key=words)
            return "zéro"
        await room.say(f"{room.caller.name} a deviné")
        return f"{answer}, {words}, {'en privé' if room.private else 'ici'}"

    @on(Message)
    async def heard(self, room: Room, event: Message) -> str:
        return f"entendu : {event.text.plain}"


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(Guess, folder=tmp_path) as bench:
        yield bench


@pytest_asyncio.fixture
async def room(bench: Bench) -> BenchRoom:
    room = await bench.room(Guess)
    await room.joins(ANA)
    await room.joins(BOB)
    return room


async def test_somebody_is_asked_in_their_conversation_and_answers_there(bench: Bench, room: BenchRoom) -> None:
    assert await room.say(ANA, "!prive x") == "je vous écris"
    direct = bench.direct(ANA)
    assert direct.said == ["Quel nombre ?"]
    assert await direct.say(ANA, "7") == "7, x, en privé"
    assert room.said[-1] == "ana a deviné"


async def test_what_is_told_waits_until_they_have_come_in(bench: Bench, room: BenchRoom) -> None:
    bench.shy(ANA)
    await room.say(BOB, f"!dire {ANA} un")
    await room.say(BOB, f"!dire {ANA} deux")
    assert bench.direct(ANA).said == []
    await bench.direct(ANA).joins(ANA)
    assert bench.direct(ANA).said == ["un", "deux"]


async def test_there_is_one_conversation(bench: Bench, room: BenchRoom) -> None:
    await room.say(BOB, f"!dire {ANA} un")
    first = bench.direct(ANA)
    await room.say(BOB, f"!dire {ANA} deux")
    assert bench.direct(ANA) is first
    assert first.said == ["un", "deux"]


async def test_who_declines_is_told_nothing_and_not_invited_again(bench: Bench, room: BenchRoom) -> None:
    bench.shy(ANA)
    await room.say(BOB, f"!dire {ANA} un")
    first = bench.direct(ANA)
    await first.leaves(ANA)
    assert await room.say(BOB, f"!dire {ANA} deux") == "refusé"
    assert bench.direct(ANA) is first
    await first.joins(ANA)
    assert first.said == []


async def test_who_leaves_revokes(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    await bench.direct(ANA).leaves(ANA)
    assert await room.say(ANA, "!prive x") == "vous ne voulez rien de moi"


async def test_a_third_person_ends_it(bench: Bench, room: BenchRoom) -> None:
    await room.say(BOB, f"!dire {ANA} un")
    first = bench.direct(ANA)
    await first.joins(BOB)
    await room.say(BOB, f"!dire {ANA} deux")
    assert first.said == ["un"]
    assert bench.direct(ANA) is not first
    assert bench.direct(ANA).said == ["deux"]


async def test_a_wrong_answer_is_asked_for_again(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    direct = bench.direct(ANA)
    assert "n'est pas un nombre" in await direct.say(ANA, "sept")
    assert await direct.say(ANA, "7") == "7, x, en privé"
    assert "7" not in await direct.say(ANA, "8")


async def test_an_answer_may_bring_the_next_question(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    direct = bench.direct(ANA)
    assert await direct.say(ANA, "0") == "Encore ?\nzéro"
    assert await direct.say(ANA, "3") == "3, x, en privé"


async def test_it_can_be_given_up(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    assert "abandonné" in await bench.direct(ANA).say(ANA, "Annuler")
    assert "7" not in await bench.direct(ANA).say(ANA, "7")


async def test_a_question_is_withdrawn(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    await room.say(BOB, "!oublie x")
    await bench.direct(ANA).say(ANA, "7")
    assert "ana a deviné" not in room.said


async def test_of_two_questions_the_one_that_is_answered_is_meant_and_else_the_last(
    bench: Bench, room: BenchRoom
) -> None:
    await room.say(ANA, "!prive x")
    await room.say(ANA, "!prive y")
    direct = bench.direct(ANA)
    first, _second = direct.timeline
    assert await direct.say(ANA, "7", answers=first.id) == "7, x, en privé"
    assert await direct.say(ANA, "8") == "8, y, en privé"


async def test_in_the_room_the_next_words_are_the_answer(room: BenchRoom) -> None:
    assert await room.say(ANA, "!ici z") == "Quel nombre ?"
    assert await room.say(BOB, "12") == "entendu : 12"
    assert "7, z, ici" in await room.say(ANA, "7")
    assert await room.say(ANA, "8") == "entendu : 8"


async def test_in_the_room_what_answers_somebody_else_is_no_answer(room: BenchRoom) -> None:
    theirs = await room.happens(BOB, "m.room.message", {"msgtype": "m.text", "body": "bonjour"})
    await room.say(ANA, "!ici z")
    assert await room.say(ANA, "7", answers=theirs) == "entendu : 7"
    assert "7, z, ici" in await room.say(ANA, "7")


async def test_in_the_room_it_is_awaited_for_ten_minutes(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!ici z")
    await bench.clock.forward(minutes=11)
    assert await room.say(ANA, "7") == "entendu : 7"


async def test_who_has_left_the_room_cannot_answer_for_it(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    await room.leaves(ANA)
    assert "plus dans le salon" in await bench.direct(ANA).say(ANA, "7")
    assert "ana a deviné" not in room.said


async def test_nobody_else_answers(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    await room.say(BOB, "!prive x")
    assert await bench.direct(BOB).say(BOB, "9") == "9, x, en privé"
    assert room.said.count("ana a deviné") == 0


async def test_a_bot_that_is_off_is_not_answered(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    await room.say(ADMIN, "!bot desactiver devine")
    await bench.direct(ANA).say(ANA, "7")
    assert "ana a deviné" not in room.said


async def test_what_is_no_answer_is_told_once_what_to_do(bench: Bench, room: BenchRoom) -> None:
    await room.say(BOB, f"!dire {ANA} un")
    assert "!aide" in await bench.direct(ANA).say(ANA, "bonjour")
    assert await bench.direct(ANA).say(ANA, "bonjour ?") == ""


async def test_conversations_and_questions_outlive_a_restart(tmp_path: Path) -> None:
    async with Bench(Guess, folder=tmp_path) as first:
        room = await first.room(Guess)
        await room.say(ANA, "!prive x")
        await room.say(ANA, "!ici z")
        direct = first.direct(ANA)
    async with Bench(Guess, folder=tmp_path) as second:
        again, there = second.rejoin(room), second.rejoin(direct)
        assert await there.say(ANA, "7") == "7, x, en privé"
        assert "8, z, ici" in await again.say(ANA, "8")


async def test_a_secret_answer_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Bench(Guess, folder=tmp_path) as bench:
        room = await bench.room(Guess)
        await room.say(ANA, "!prive secret")
        await bench.direct(ANA).say(ANA, "treize")
        await bench.direct(ANA).say(ANA, "4217")
    with sqlite3.connect(tmp_path / "bench.db") as db:
        kept = db.execute("SELECT count(*) FROM inbox WHERE raw IS NOT NULL AND source = 'matrix'").fetchone()[0]
        every = db.execute("SELECT count(*) FROM inbox").fetchone()[0]
        elsewhere = "SELECT count(*) FROM message WHERE author IS NOT NULL AND room <> ?"
        theirs = db.execute(elsewhere, (room.id,)).fetchone()
    assert every - kept == 2
    assert theirs == (0,)


async def test_what_is_kept_of_somebody_is_theirs_in_every_room(bench: Bench, room: BenchRoom) -> None:
    other = await bench.room(Guess)
    await room.say(ANA, "!moi a")
    assert await other.say(ANA, "!moi b") == "a"
    assert await other.say(BOB, "!moi c") == "rien"


async def test_a_conversation_that_is_encrypted_now_is_replaced(bench: Bench, room: BenchRoom) -> None:
    await room.say(BOB, f"!dire {ANA} un")
    first = bench.direct(ANA)
    await first.happens(ANA, "m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}, state_key="")
    await room.say(BOB, f"!dire {ANA} deux")
    assert first.said == ["un"]
    assert bench.direct(ANA).said == ["deux"]


async def test_a_conversation_that_is_replaced_goes_on_between_two_alone(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!prive x")
    directs, old, new = bench.kernel.directs, bench.direct(ANA).id, RoomId("!new:exemple.fr")
    for _attempt in range(2):  # what is rolled back is done again
        with suppress(NotReady):
            async with bench.db.transaction() as tx:
                await directs.follow(tx, old, new, {UserId(ANA)})
                raise NotReady(_("réessayez"))
    async with bench.db.transaction() as tx:
        await directs.follow(tx, old, new, {UserId(ANA)})
    assert (directs.whose(old), directs.whose(new)) == (None, ANA)
    async with bench.db.transaction() as tx:
        await directs.follow(tx, new, old, {UserId(ANA), UserId(BOB)})
    assert (directs.whose(old), directs.whose(new)) == (None, None)


async def test_nobodys_name_adds_a_line_to_what_a_bot_says(room: BenchRoom) -> None:
    room.called(ANA, "Ana\n⚠ Tous : \u202e" + "x" * 300)
    await room.say(ANA, "!ici x")
    await room.say(ANA, "7")
    (said,) = [one for one in room.said if one.endswith("a deviné")]
    assert said.startswith("Ana ⚠ Tous : xxx")
    assert len(said) < 120


async def test_words_that_break_something_are_not_kept_open(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await bench.room(Guess)
    monkeypatch.setattr(bench.kernel.directs, "whose", lambda _room: int("mot secret"))
    await room.say(ANA, "bonjour")
    async with bench.db.snapshot() as tx:
        (dead,) = await tx.all("inbox_dead_list", limit=9)
    assert dead["error"] == "ValueError"
