"""Surveys on the bench: made, opened, answered by people each in their own conversation, and told."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bot_surveys import SurveysBot
from tchap_bot_surveys.keeping import AT_ONCE, Surveys
from tchap_bridges.core.bots.kept import Kept
from tchap_bridges.ids import PersonId
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom

ANA, BOB, CHLOE, DENIS = (f"@{name}:exemple.fr" for name in ("ana", "bob", "chloe", "denis"))
CANTEEN = "!enquete Cantine\n1. Y mangez-vous ? Oui / Non\n2*. Note de 1 à 5\nCommentaire libre :"


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(SurveysBot, folder=tmp_path) as found:
        yield found


async def opened(bench: Bench, words: str = CANTEEN) -> BenchRoom:
    room = await bench.room(SurveysBot)
    for person in (ANA, BOB, CHLOE, DENIS):
        await room.joins(person)
    await room.say(ANA, words)
    await room.say(ANA, "oui")
    return room


def _nothing(effect: object) -> None:
    raise AssertionError("a test reads only")


async def answers(bench: Bench, room: BenchRoom, person: str, *words: str) -> str:
    """Somebody begins or goes on, and answers; returns what they were told last."""
    await room.say(person, "!repondre")
    for one in words:
        await bench.direct(person).say(person, one)
    return bench.direct(person).said[-1]


async def test_a_survey_is_read_back_and_opened(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    back = await room.say(ANA, CANTEEN.replace("Cantine", 'Cantine fin="vendredi 17h"'))
    assert "1. Y mangez-vous ? — un choix : Oui / Non" in back
    assert "2. Note de 1 à 5 — une note de 1 à 5, réponse obligatoire" in back
    assert "3. Commentaire libre — réponse libre" in back
    assert "close vendredi 27 novembre 2026 à 17" in back
    assert "répondez « oui » ou « non »" in await room.say(ANA, "peut-être")
    told = await room.say(ANA, "Oui !")
    assert "Enquête n° 1 : Cantine" in told
    assert "3 questions" in told
    assert "Nominative : ana verra" in told
    assert "vendredi 27 novembre 2026" in told
    assert "!repondre 1" in told


async def test_it_is_abandoned_or_opened_later(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    await room.say(ANA, CANTEEN)
    assert "abandonnée" in await room.say(ANA, "non")
    assert "pas d'enquête à ouvrir" in await room.say(ANA, "!enquete ouvrir")
    await room.say(ANA, CANTEEN)
    await bench.clock.forward(hours=1)
    assert await room.say(ANA, "oui") == "", "too late to be an answer"
    assert "Enquête n° 1" in await room.say(ANA, "!enquete ouvrir")
    assert "pas d'enquête à ouvrir" in await room.say(ANA, "!enquete ouvrir")
    assert "pas d'enquête à ouvrir" in await room.say(BOB, "!enquete ouvrir")


async def test_it_is_made_by_dialogue(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    assert "titre" in await room.say(ANA, "!enquete")
    assert "Première question" in await room.say(ANA, "Cantine anonyme=oui")
    assert "1. Note de 1 à 5 — une note de 1 à 5" in await room.say(ANA, "Note de 1 à 5")
    assert "question 2 : une réponse est proposée deux fois" in await room.say(ANA, "Quoi ? A / A")
    assert "2. Quoi ? — un choix : A / B" in await room.say(ANA, "Quoi ? A / B")
    back = await room.say(ANA, "fin")
    assert "Enquête « Cantine », anonyme" in back
    assert "2. Quoi ?" in back
    assert "Enquête n° 1" in await room.say(ANA, "oui")


async def test_all_of_it_may_be_the_answer_to_what_its_title_is(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    await room.say(ANA, "!enquete")
    assert "2. Note de 1 à 5" in await room.say(ANA, CANTEEN.removeprefix("!enquete "))


async def test_a_title_alone_begins_the_dialogue(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    assert "Première question" in await room.say(ANA, "!enquete Courses")
    assert "1. Pain ?" in await room.say(ANA, "Pain ?")


async def test_the_end_must_be_to_come(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    assert "passé" in await room.say(ANA, CANTEEN.replace("Cantine", "Cantine fin=hier"))
    await room.say(ANA, CANTEEN.replace("Cantine", 'Cantine fin="demain 9h"'))
    await bench.clock.forward(days=2)
    assert "est passée" in await room.say(ANA, "!enquete ouvrir")


async def test_questions_come_one_after_another_with_their_place(bench: Bench) -> None:
    room = await opened(bench)
    assert await room.say(BOB, "!repondre") == "", "five hundred people may write it"
    direct = bench.direct(BOB)
    assert "1/3 · Y mangez-vous ?\n1. Oui\n2. Non" in direct.said[-1]
    assert "ana verra vos réponses avec votre nom" in direct.said[-1]
    second = await direct.say(BOB, "oui")
    assert second.startswith("✓ Oui\n2/3 · Note de 1 à 5 (réponse obligatoire)")
    assert "attend une réponse" in await direct.say(BOB, "passer")
    assert "de 1 à 5" in await direct.say(BOB, "6")
    assert "3/3" in await direct.say(BOB, "4")
    review = await direct.say(BOB, "passer")
    assert "1. Y mangez-vous ? — Oui\n2. Note de 1 à 5 — 4\n3. Commentaire libre — (passée)" in review
    assert "C'est envoyé" in await direct.say(BOB, "envoyer")
    assert room.said[-1].startswith("📝 Enquête"), "the room is told of none of it"


async def test_a_reaction_takes_part(bench: Bench) -> None:
    room = await opened(bench)
    announced = room.timeline[-1]
    before = len(room.said)
    await room.react(BOB, announced, "👍")
    with pytest.raises(KeyError):
        bench.direct(BOB)
    await room.react(BOB, announced, "📝")
    assert "1/3" in bench.direct(BOB).said[-1]
    assert len(room.said) == before


async def test_nobody_is_written_to_who_has_not_asked(bench: Bench) -> None:
    room = await opened(bench)
    await room.say(ANA, "!enquete relancer")
    for person in (BOB, CHLOE, DENIS):
        with pytest.raises(KeyError):
            bench.direct(person)


async def test_who_has_declined_is_told_in_the_room_and_has_no_part(bench: Bench) -> None:
    room = await opened(bench)
    announced = room.timeline[-1]
    bench.shy(BOB)
    await room.say(BOB, "!repondre")
    await bench.direct(BOB).leaves(BOB)
    await room.say(BOB, "!repondre retirer")
    assert "décliné" in await room.say(BOB, "!repondre")
    await room.react(BOB, announced, "📝")
    assert "bob : je ne peux pas vous écrire" in room.said[-1]
    assert "aucune réponse à votre nom" in await room.say(BOB, "!repondre retirer")


async def test_it_goes_on_where_they_were_after_a_stop_and_a_restart(tmp_path: Path) -> None:
    async with Bench(SurveysBot, folder=tmp_path) as first:
        room = await opened(first)
        assert "C'est gardé" in await answers(first, room, BOB, "non", "plus tard")
        assert "2/3" in await answers(first, room, BOB)
        await answers(first, room, CHLOE, "oui")
        directs = [first.direct(BOB), first.direct(CHLOE)]
    async with Bench(SurveysBot, folder=tmp_path) as second:
        room = second.rejoin(room)
        bob, chloe = map(second.rejoin, directs)
        assert "3/3" in await bob.say(BOB, "5")
        assert "3/3" in await chloe.say(CHLOE, "1")
        assert "1. Y mangez-vous ? — Non\n2. Note de 1 à 5 — 5" in await bob.say(BOB, "moyen")
        assert "1. Y mangez-vous ? — Oui\n2. Note de 1 à 5 — 1" in await chloe.say(CHLOE, "bien")


async def test_cancelling_keeps_what_was_answered(bench: Bench) -> None:
    room = await opened(bench)
    assert "abandonné" in await answers(bench, room, BOB, "oui", "annuler")
    assert "2/3" in await answers(bench, room, BOB)


async def test_named_answers_can_be_changed_until_the_end_and_count_once(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    assert "2. Note de 1 à 5 — 4" in await answers(bench, room, BOB)
    await answers(bench, room, BOB, "2", "1")
    await room.say(ANA, "!enquete clore")
    assert "1 réponse, moyenne 4," in "\n".join(room.said), "what was changed and not sent does not count"


async def test_what_is_changed_and_sent_counts(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await answers(bench, room, BOB, "2", "1", "envoyer")
    await room.say(ANA, "!enquete clore")
    assert "1 réponse, moyenne 1," in "\n".join(room.said)


async def test_who_withdraws_leaves_nothing(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await answers(bench, room, CHLOE, "oui")
    for person in (BOB, CHLOE):
        assert "plus rien de vous" in await room.say(person, "!repondre retirer")
    await bench.direct(CHLOE).say(CHLOE, "5")
    await room.say(ANA, "!enquete clore")
    assert "est close : 0 réponse." in room.said[-1]
    assert room.timeline[-1].files == ()


async def test_the_room_is_told_totals_and_the_owner_all(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "Trop bruyant", "envoyer")
    await answers(bench, room, CHLOE, "non", "5", "passer", "envoyer")
    await answers(bench, room, DENIS, "oui", "1")
    told = await room.say(ANA, "!enquete clore")
    assert "est close : 2 réponses" in told
    assert "█████░░░░░ Oui — 1 (50" in told
    assert "moyenne 4,5" in told
    assert "bruyant" not in told
    assert "bob" not in told
    assert [file for one in room.timeline for file in one.files] == ["enquete-1-1.png"]
    assert "Trop bruyant" in "\n".join(bench.direct(ANA).said)
    assert bench.direct(ANA).timeline[-1].files == ("enquete-1-1.csv",)
    assert "Cette enquête est close" not in await bench.direct(DENIS).say(DENIS, "moyen"), "no question is open"
    assert "est close" in await room.say(DENIS, "!repondre 1")
    assert "aucune enquête" in await room.say(DENIS, "!repondre")


async def test_it_ends_when_it_is_due(bench: Bench) -> None:
    room = await opened(bench, CANTEEN.replace("Cantine", 'Cantine fin="vendredi 17h"'))
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await answers(bench, room, CHLOE, "oui")
    await bench.clock.to(bench.clock.at.replace(day=27, hour=16, minute=59))
    assert "est close" not in room.said[-1]
    await bench.clock.forward(minutes=1)
    assert "est close : 1 réponse" in "\n".join(room.said)
    assert bench.direct(ANA).timeline[-1].files == ("enquete-1-1.csv",)


async def test_the_end_is_put_off_and_what_is_said_before_it_counts(bench: Bench) -> None:
    room = await opened(bench, CANTEEN.replace("Cantine", 'Cantine fin="vendredi 17h"'))
    assert "n° 1 sera close mercredi 2 décembre" in await room.say(ANA, "!enquete clore n° 1 2 décembre 17h")
    assert "sera close jeudi 3 décembre 2026" in await room.say(ANA, "!enquete clore 3 décembre 17h")
    await bench.clock.forward(days=7)
    assert "C'est envoyé" in await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await bench.clock.forward(days=4)
    assert "est close : 1 réponse" in "\n".join(room.said)
    assert len([one for one in room.said if "est close" in one]) == 1


async def test_an_end_that_was_put_off_in_the_last_moment_is_none(bench: Bench) -> None:
    """Its call may be on its way already."""
    room = await opened(bench, CANTEEN.replace("Cantine", 'Cantine fin="vendredi 17h"'))
    words = Sealer([bytes(range(32))]).seal(b"1", place="timer.words")
    stale = {"bot": "enquetes", "key": "stale", "due_at": bench.clock.milliseconds(), "handler": "due", "words": words}
    async with bench.db.transaction() as tx:
        await tx.run("timer_set", room=room.id, **stale)
    await bench.clock.forward(minutes=1)
    assert "est close" not in room.said[-1]
    await bench.clock.forward(days=7)
    assert "est close" in room.said[-1]


async def test_changes_that_were_not_sent_are_forgotten_at_the_end(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await answers(bench, room, BOB, "3", "secret")
    await room.say(ANA, "!enquete clore")
    part = await Surveys(Kept(bench.db, Sealer([bytes(range(32))]), f"bot:enquetes {room.id}", _nothing)).part(
        1, PersonId(BOB)
    )
    assert part is not None
    assert part.sent == part.walk.answers == (("1",), ("4",), ("bien",))


async def test_results_before_the_end_are_for_the_owner_alone(bench: Bench) -> None:
    room = await opened(bench)
    assert "pas de réponses" in await room.say(ANA, "!enquete resultats")
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    assert "qu'à ana" in await room.say(ADMIN, "!enquete resultats")
    assert "je vous écris" in await room.say(ANA, "!enquete resultats")
    assert "moyenne 4" in bench.direct(ANA).said[0]
    assert [one.files for one in bench.direct(ANA).timeline[1:]] == [("enquete-1-1.png",), ("enquete-1-1.csv",)]


async def test_an_owner_who_wants_no_conversation_is_told_in_the_room(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await room.say(ANA, "!enquete resultats")
    await bench.direct(ANA).leaves(ANA)
    assert "décliné" in await room.say(ANA, "!enquete resultats")
    await room.say(ANA, "!enquete clore")
    assert "ana n'a pas reçu le tableau des réponses" in room.said[-1]


async def test_an_owner_who_has_left_the_room_is_sent_nothing(bench: Bench) -> None:
    room = await opened(bench, CANTEEN.replace("Cantine", 'Cantine fin="demain 17h"'))
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await room.leaves(ANA)
    await bench.clock.forward(days=2)
    assert "ana n'a pas reçu le tableau des réponses" in room.said[-1]
    with pytest.raises(KeyError):
        bench.direct(ANA)


async def test_the_longest_survey_and_answers_find_room_in_an_event(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    await room.joins(BOB)
    questions = "\n".join(f"{n}. {'é' * 290} :" for n in range(1, 21))
    await room.say(ANA, f"!enquete Long\n{questions}")
    assert "Enquête n° 1" in await room.say(ANA, "oui")
    review = await answers(bench, room, BOB, *["\U0001f600" * 2000] * 20)
    assert "Vos réponses" in review
    assert max(len(said.encode()) for said in (*room.said, *bench.direct(BOB).said)) < 50_000
    options = " / ".join(f"{n} {'é' * 250}" for n in range(20))
    assert "trop longues" in await room.say(ANA, f"!enquete Long\nQuoi ? {options}\nQui ? {options}\nOù ? {options}")


async def test_only_the_owner_or_a_moderator_ends_it_or_calls_for_answers(bench: Bench) -> None:
    room = await opened(bench)
    for words in ("!enquete clore", "!enquete relancer", "!enquete clore demain"):
        assert "cela revient à ana" in await room.say(BOB, words)
    assert "attend vos réponses" in await room.say(ADMIN, "!enquete relancer")
    assert "est close" in await room.say(ADMIN, "!enquete clore")


async def test_who_has_begun_and_not_ended_is_called(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await answers(bench, room, CHLOE, "oui")
    await answers(bench, room, DENIS, "oui")
    await room.leaves(DENIS)
    told = await room.say(ANA, "!enquete relancer")
    assert told.endswith("\nchloe")
    assert "1 réponse jusqu'ici" in told
    assert "une relance par heure" in await room.say(ANA, "!enquete relancer")
    await bench.clock.forward(hours=1)
    assert "chloe" in await room.say(ANA, "!enquete relancer")


async def test_several_surveys_are_told_apart(bench: Bench) -> None:
    room = await opened(bench)
    first = room.timeline[-1]
    await room.say(ANA, "!enquete Vœux\nUn mot ?")
    await room.say(ANA, "oui")
    await room.say(BOB, "!repondre")
    await room.say(CHLOE, "!repondre 1")
    await room.say(DENIS, "!repondre", answers=first.id)
    assert ["Vœux" in bench.direct(one).said[-1] for one in (BOB, CHLOE, DENIS)] == [True, False, False]
    assert "il n'y a pas d'enquête n° 7" in await room.say(BOB, "!repondre 7")
    listed = await room.say(BOB, "!enquete liste")
    assert "n° 1 — Cantine" in listed
    assert "n° 2 — Vœux" in listed
    await room.say(ANA, "!enquete clore 1")
    assert "n° 1 — Cantine (0 réponse). Close." in await room.say(BOB, "!enquete liste")


async def test_two_surveys_of_one_person_do_not_mix(bench: Bench) -> None:
    room = await opened(bench)
    await room.say(ANA, "!enquete Vœux\nUn mot ?")
    await room.say(ANA, "oui")
    await room.say(BOB, "!repondre 1")
    await room.say(BOB, "!repondre 2")
    direct = bench.direct(BOB)
    canteen = direct.timeline[0]
    assert "2/3" in await direct.say(BOB, "oui", answers=canteen.id)
    assert "1. Un mot ? — paix" in await direct.say(BOB, "paix", answers=direct.timeline[1].id)


async def test_everything_is_forgotten_in_time(bench: Bench) -> None:
    room = await opened(bench)
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await room.say(ANA, "!enquete clore")
    await bench.clock.forward(days=29)
    assert "je vous écris" in await room.say(ANA, "!enquete resultats 1")
    await bench.clock.forward(days=2)
    assert "il n'y a pas d'enquête" in await room.say(ANA, "!enquete resultats 1")
    async with bench.db.snapshot() as tx:
        kept = [row["key"] for row in await tx.all("kv_all", space=f"bot:enquetes {room.id}")]
    assert kept == ["last"]


async def test_many_parts_are_forgotten_some_at_a_time(bench: Bench) -> None:
    room = await opened(bench, "!enquete Mot\nUn mot ?")
    for n in range(AT_ONCE + 2):
        await room.say(f"@p{n}:exemple.fr", "!repondre")
        await bench.direct(f"@p{n}:exemple.fr").say(f"@p{n}:exemple.fr", "paix")
    for person in ("@p0:exemple.fr", "@p1:exemple.fr"):
        await bench.direct(person).say(person, "envoyer")
    await room.say(ANA, "!enquete clore")
    async with bench.db.snapshot() as tx:
        space = f"bot:enquetes {room.id}"
        parts = [row["key"] for row in await tx.all("kv_all", space=space) if row["key"].startswith("part ")]
        assert parts == ["part 1 @p0:exemple.fr", "part 1 @p1:exemple.fr"]
    assert "est close : 2 réponses" in "\n".join(room.said)


async def test_an_answer_reads_nobody_else_s(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it takes no longer when hundreds take part."""
    room = await opened(bench)

    async def none(kept: Kept, prefix: str = "") -> Mapping[str, str]:
        raise AssertionError(f"all of {prefix!r} is read")

    monkeypatch.setattr(Kept, "all", none)
    assert "C'est envoyé" in await answers(
        bench, room, BOB, "oui", "9", "4", "retour", "5", "bien", "2", "3", "envoyer"
    )


async def test_one_that_was_due_while_the_bot_was_off_ends_when_it_is_on_again(bench: Bench) -> None:
    room = await opened(bench, CANTEEN.replace("Cantine", 'Cantine fin="demain 17h"'))
    await answers(bench, room, BOB, "oui", "4", "bien", "envoyer")
    await room.say(ADMIN, "!bot desactiver enquetes")
    await bench.clock.forward(days=2)
    await room.say(ADMIN, "!bot activer enquetes")
    assert "est close" in await room.say(CHLOE, "!repondre 1")
    await bench.clock.to("04:30")
    assert "est close : 1 réponse" in "\n".join(room.said)


async def test_a_room_may_leave_surveys_to_its_moderators(bench: Bench) -> None:
    room = await bench.room(SurveysBot, everybody=False)
    assert "modère" in await room.say(BOB, CANTEEN)
    assert "Enquête « Cantine »" in await room.say(ADMIN, CANTEEN)


async def test_in_english(bench: Bench) -> None:
    room = await bench.room(SurveysBot)
    back = await room.say(ANA, '!survey Canteen until="friday 5pm"\n1*. Do you eat there (yes/no)?\nAny comment:')
    assert "1. Do you eat there? — one choice: Yes / No, must be answered" in back
    told = await room.say(ANA, "yes")
    assert "Survey no. 1: Canteen" in told
    await room.say(BOB, "!answer")
    direct = bench.direct(BOB)
    assert "1/2 · Do you eat there? (must be answered)" in direct.said[-1]
    assert "an answer" in await direct.say(BOB, "skip")
    await direct.say(BOB, "y")
    assert "Your answers:" in await direct.say(BOB, "skip")
    assert "sent" in await direct.say(BOB, "send")
    await bench.clock.forward(days=5)
    assert "is closed: 1 answer" in "\n".join(room.said)
