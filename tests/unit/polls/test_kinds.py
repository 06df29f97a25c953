"""Rankings and dates on the bench: what is asked, how people vote, what is told."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tchap_bot_polls import PollsBot
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, EVE = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr"


@pytest_asyncio.fixture
async def room() -> AsyncIterator[BenchRoom]:
    async with Bench(PollsBot) as bench:
        yield await bench.room(PollsBot)


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


async def test_what_is_ranked_is_a_numbered_text_for_a_clients_poll_keeps_no_order(room: BenchRoom) -> None:
    said = await room.say(ANA, "!sondage On mange où ? Cantine / Crêperie / Pique-nique type=classement")
    assert not room.polls
    assert said.splitlines()[:4] == ["📊 On mange où ?", "1. Cantine", "2. Crêperie", "3. Pique-nique"]
    assert "!vote 2 1 3" in said


async def test_a_ranking_is_counted_in_rounds_that_are_told(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Où ? A / B / C type=ranked")
    question = room.timeline[0]
    for who, order in ((ANA, "1 3"), (ADMIN, "1, 3, 2"), (BOB, "2 > 3"), (EVE, "2 3 1"), ("@zoe:exemple.fr", "3 2 1")):
        assert "✓" in await room.say(who, f"!vote {order}")
    assert "Zoe" not in "".join(room.said)
    await room.react(ANA, question, "2️⃣")  # says no order
    result = plain(await room.say(ANA, "!clore"))
    assert "✓ B — 3 voix (60 %)" in result
    assert "Tour 1 : A 2, B 2, C 1 ; éliminée : C" in result
    assert "Tour 2 : A 2, B 3" in result
    assert room.ended == {}  # there is no poll that a client would show as ended


async def test_a_ranking_is_said_back_and_the_last_one_counts(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Où ? A / B / C type=classement")
    assert "✓ ana : B > A" in await room.say(ANA, "!vote 2 1")
    assert "✓ ana : C > A > B" in await room.say(ANA, "!vote 3 1 2")
    assert "✓ C — 1 voix" in await room.say(ANA, "!clore")


@pytest.mark.parametrize(
    ("vote", "answer"),
    [
        ("2 2", "deux fois"),
        ("4", "de 1 à 3"),
        ("0", "de 1 à 3"),
        ("", "!vote 2 1"),
        ("B A", "de 1 à 3"),
        ("2? 1", "que des dates"),
        ("1 2 3 " * 80, "de 1 à 3"),
        ("²", "de 1 à 3"),
        ("213", "de 1 à 3"),
    ],
)
async def test_an_order_that_is_none_is_refused_with_an_example(room: BenchRoom, vote: str, answer: str) -> None:
    await room.say(ANA, "!sondage Où ? A / B / C type=classement")
    assert answer in await room.say(BOB, f"!vote {vote}")
    assert "0 votant" in await room.say(ANA, "!clore")


async def test_an_answer_to_the_question_that_is_numbers_is_a_vote(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Où ? A / B / C type=classement")
    await room.say(BOB, "2 1", answers=room.timeline[0].id)
    await room.say(EVE, "2 1")  # answers nobody
    await room.say(ADMIN, "vers 2 ?", answers=room.timeline[0].id)
    assert "✓ B — 1 voix" in await room.say(ANA, "!clore")


async def test_dates_are_said_back_whole_and_asked_twice(room: BenchRoom) -> None:
    said = await room.say(ANA, "!date Réunion ? lundi 9h / mardi 14h30 / vendredi")
    (poll,) = room.polls
    assert [(one.id, plain(one.text)) for one in poll.options] == [
        ("1", "lundi 30 novembre 2026 à 9 h 00"),
        ("2", "mardi 24 novembre 2026 à 14 h 30"),
        ("3", "vendredi 27 novembre 2026"),
        ("1?", "lundi 30 novembre 2026 à 9 h 00 (si besoin)"),
        ("2?", "mardi 24 novembre 2026 à 14 h 30 (si besoin)"),
        ("3?", "vendredi 27 novembre 2026 (si besoin)"),
    ]
    assert poll.most == 6
    assert "!vote 1 2? 3!" in said


@pytest.mark.parametrize("typed", ["1 2? 3!", "1 2 ? 3 !", "1, 2?, 3!", "3! 1 2\u202f?"])
async def test_dates_are_voted_by_signs(room: BenchRoom, typed: str) -> None:
    await room.say(ANA, "!date Réunion ? lundi 9h / mardi 14h / vendredi 10h")
    told = plain(await room.say(BOB, f"!vote {typed}"))
    assert "lundi 30 novembre 2026 à 9 h 00 (oui)" in told
    assert "mardi 24 novembre 2026 à 14 h 00 (si besoin)" in told
    assert "vendredi 27 novembre 2026 à 10 h 00 (non)" in told


async def test_the_date_that_suits_most_is_found_however_people_say_so(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Réunion ? lundi 9h / mardi 14h type=date")
    (poll,) = room.polls
    await room.vote(ANA, poll, "1?", "2")
    await room.vote(EVE, poll, "2", "2?")  # ticked twice: they can
    await room.react(BOB, poll, "1️⃣")
    await room.react(BOB, poll, "2️⃣")
    await room.say(ADMIN, "!vote 1 2!")
    result = plain(await room.say(ANA, "!clore"))
    assert "✓ mardi 24 novembre 2026 à 14 h 00 — 3 oui, 0 si besoin (75 %)" in result
    assert "lundi 30 novembre 2026 à 9 h 00 — 2 oui, 1 si besoin (50 %)" in result


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("Réunion ? lundi 9h", "pas de choix"),
        ("Réunion ?", "pas de choix"),
        ("Réunion ? lundi 9h / bientôt", "ne dit pas un moment"),
        ("Réunion ? lundi 9h / lundi à 9 heures", "deux fois"),
        ("Réunion ? lundi 9h / 1er janvier 2020", "passé"),
        ("Réunion ? lundi 9h / mardi 9h egalite=partage", "la première proposée"),
        ("Réunion ? lundi 9h / mardi 9h type=classement", "que des dates"),
    ],
)
async def test_dates_that_cannot_be_asked(room: BenchRoom, typed: str, answer: str) -> None:
    assert answer in await room.say(ANA, f"!date {typed}")
    assert not room.polls


async def test_strokes_in_a_date_part_no_dates(room: BenchRoom) -> None:
    await room.say(ANA, "!date Réunion ? 24/12 9h, 28/12 9h")
    assert [plain(one.text) for one in room.polls[0].options[:2]] == [
        "jeudi 24 décembre 2026 à 9 h 00",
        "lundi 28 décembre 2026 à 9 h 00",
    ]


async def test_more_than_ten_dates_are_a_numbered_text(room: BenchRoom) -> None:
    days = " / ".join(f"{day} décembre 9h" for day in range(1, 12))
    said = plain(await room.say(ANA, f"!date Réunion ? {days}"))
    assert not room.polls
    assert "11. vendredi 11 décembre 2026 à 9 h 00" in said
    assert "Pour voter, dites les numéros" in said
    await room.say(BOB, "!vote 11")
    assert "✓ vendredi 11 décembre 2026 à 9 h 00 — 1 oui" in plain(await room.say(ANA, "!clore"))


async def test_a_tie_is_shared_or_the_firsts(room: BenchRoom) -> None:
    for rule, outcome in (("partage", "Égalité entre A et B"), ("premier", "Réponse retenue : A (à égalité")):
        await room.say(ANA, f"!sondage Quoi ? A / B egalite={rule}")
        await room.say(ANA, "!vote 1")
        await room.say(BOB, "!vote 2")
        assert outcome in plain(await room.say(ANA, "!clore"))


async def test_several_choices_are_typed_too(room: BenchRoom) -> None:
    said = await room.say(ANA, "!sondage Quels jours ? lundi / mardi / jeudi choix=2")
    assert "2 au plus : !vote 1 3" in said
    assert "2 choix au plus" in await room.say(BOB, "!vote 1 2 3")
    assert "✓ bob : lundi, jeudi" in await room.say(BOB, "!vote 3 1") or "✓ bob : jeudi, lundi" in room.said[-1]
    await room.react(BOB, room.polls[0], "2️⃣")  # a third
    await room.vote(EVE, room.polls[0], "1", "2", "3")  # cut to two
    result = plain(await room.say(ANA, "!clore"))
    assert [line.split(" — ")[1][:6] for line in result.splitlines() if "voix" in line] == [
        "2 voix",
        "1 voix",
        "1 voix",
    ]


async def test_a_keycap_that_is_taken_back_leaves_the_one_set_since(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Quoi ? A / B")
    (poll,) = room.polls
    first = await room.react(BOB, poll, "1️⃣")
    second = await room.react(BOB, poll, "2️⃣")
    await room.redact(BOB, first)
    one = await room.react(EVE, poll, "1️⃣")
    await room.react(EVE, poll, "2️⃣")
    await room.redact(EVE, one)
    third = await room.react(ANA, poll, "1️⃣")
    await room.redact(ANA, third)
    assert second
    assert "✓ B — 2 voix" in await room.say(ANA, "!clore")


async def test_a_number_that_is_no_answer_is_no_vote(room: BenchRoom) -> None:
    await room.say(ANA, "!sondage Quand ? " + " / ".join(f"jour {n}" for n in range(1, 21)))
    for words in ("2026", "12h", "2.", "2-3"):
        await room.say(BOB, words, answers=room.polls[0].id)
    assert "Personne n'a voté" in plain(await room.say(ANA, "!clore"))


async def test_of_a_question_that_is_removed_nothing_comes_any_more() -> None:
    async with Bench(PollsBot) as bench:
        room = await bench.room(PollsBot)
        await room.say(ANA, """!sondage On y va ? fin="aujourd'hui 17h" rappel=1h""")
        await room.vote(BOB, room.polls[0], "1")
        told = len(room.said)
        await room.redact(ADMIN, room.polls[0].id)
        await bench.clock.forward(days=1)
        assert len(room.said) == told
        assert "aucun sondage" in await room.say(ANA, "!vote 1")
        async with bench.db.snapshot() as tx:
            assert not await tx.all("kv_all", space=f"bot:sondages {room.id}")
