"""Question time on the bench: asked, approved, ranked, taken, merged, exported."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bot_questions import QuestionsBot
from tchap_bot_questions.bot import MOST_WITHDRAWN
from tchap_bot_questions.keeping import MOST_AT_ONCE
from tchap_bridges.core.bots.runner import Runner
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom, Said

ANA, BOB, EVE, MOD = "@ana:exemple.fr", "@bob:exemple.fr", "@eve:exemple.fr", "@mod:exemple.fr"
CANTEEN, LEAVE = "Quand ouvre la cantine ?", "Combien de jours de télétravail ?"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(QuestionsBot) as found:
        yield found


@pytest_asyncio.fixture
async def room(bench: Bench) -> BenchRoom:
    return await opened(bench)


async def opened(bench: Bench, **config: object) -> BenchRoom:
    room = await bench.room(QuestionsBot, **config)
    room.as_power(MOD, 50)
    return room


def shown(room: BenchRoom, number: int) -> Said:
    """The message that shows a question: not one that speaks of it."""
    marks = ("❓", "▶ N°", "✔", "↪", "✖")
    found = [one for one in room.timeline if one.text.startswith(marks) and f"N° {number}" in one.text.split(":")[0]]
    return found[0]


async def ask(room: BenchRoom, user: str, words: str) -> str:
    return await room.say(user, f"!qr {words}")


async def ranking(room: BenchRoom) -> list[str]:
    return (await room.say(BOB, "!qr liste")).split("\n")


async def test_asked_ranked_taken(bench: Bench, room: BenchRoom) -> None:
    assert await ask(room, ANA, CANTEEN) == "❓ N° 1 : Quand ouvre la cantine ? — ana"
    await ask(room, BOB, LEAVE)
    for user in (ANA, BOB, EVE):
        await room.react(user, shown(room, 2), "👍")
    await room.react(EVE, shown(room, 1), "👍🏽")
    await room.react(EVE, shown(room, 1), "🎉")
    assert await ranking(room) == [
        "3 👍 n° 2 : Combien de jours de télétravail ? — bob",
        "1 👍 n° 1 : Quand ouvre la cantine ? — ana",
    ]
    assert await room.say(MOD, "!qr suivante") == "▶ Question n° 2 (3 voix) : Combien de jours de télétravail ? — bob"
    assert shown(room, 2).text.startswith("▶ N° 2, en cours")
    await bench.clock.forward(minutes=3)
    assert "n° 1 (1 voix)" in await room.say(MOD, "!qr suivante")
    assert shown(room, 2).text.startswith("✔ N° 2, répondu")
    await bench.clock.forward(minutes=3)
    assert await room.say(MOD, "!qr suivante") == "Il n'y a plus de question."
    assert await ranking(room) == [
        "Aucune question n'attend de réponse. Pour en poser une : !qr Quand ouvre la cantine ?",
        "2 ont eu leur réponse.",
    ]


async def test_one_person_one_vote(room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    first = await room.react(BOB, shown(room, 1), "👍")
    second = await room.react(BOB, shown(room, 1), "👍🏿")
    assert (await ranking(room))[0].startswith("1 👍")
    await room.redact(BOB, first)
    assert (await ranking(room))[0].startswith("1 👍"), "the other stands"
    await room.redact(MOD, second)
    assert (await ranking(room))[0].startswith("0 👍"), "whoever took it back"
    await room.react(BOB, shown(room, 1), "👍")
    assert (await ranking(room))[0].startswith("1 👍")


async def test_the_words_that_asked_bear_votes_too(bench: Bench, room: BenchRoom) -> None:
    typed = await room.happens(ANA, "m.room.message", {"msgtype": "m.text", "body": f"!qr {CANTEEN}"})
    await room.react(BOB, Said(id=typed, text=""), "👍")
    await room.react(BOB, shown(room, 1), "👍")
    await room.react(EVE, Said(id=typed, text=""), "👍")
    assert (await ranking(room))[0].startswith("2 👍")


async def test_equals_in_the_order_they_were_asked(room: BenchRoom) -> None:
    for n in range(3):
        await ask(room, ANA, f"Question numéro {'abc'[n]} sur le sujet {n} ?")
    assert [one.split(" : ")[0] for one in await ranking(room)] == ["0 👍 n° 1", "0 👍 n° 2", "0 👍 n° 3"]


async def test_a_chosen_one_is_next(bench: Bench, room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    await ask(room, BOB, LEAVE)
    assert "n° 2 (0 voix)" in await room.say(MOD, "!qr suivante 2")
    assert "n'attend pas de réponse" in await room.say(MOD, "!qr suivante 2")
    assert "pas de question n° 9" in await room.say(MOD, "!qr suivante 9")


async def test_two_moderators_at_once_mean_the_same_next(bench: Bench, room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    await ask(room, BOB, LEAVE)
    await room.say(MOD, "!qr suivante")
    assert "vient de passer" in await room.say(ADMIN, "!qr suivante")
    assert shown(room, 2).text.startswith("❓")
    await room.say(MOD, "!qr suivante")
    assert shown(room, 2).text.startswith("▶"), "whoever did it may do it again"


async def test_merged_votes_are_those_of_people(room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    await ask(room, BOB, "À quelle heure ouvre la cantine demain ?")
    for user in (ANA, BOB):
        await room.react(user, shown(room, 1), "👍")
    again = await room.react(BOB, shown(room, 2), "👍")
    await room.react(EVE, shown(room, 2), "👍")
    assert "dites de deux" in await room.say(MOD, "!qr fusionner 1 1")
    assert "réunie à la n° 1 : 3 voix" in await room.say(MOD, "!qr fusionner n°1, et n°2")
    assert shown(room, 2).text.startswith("↪ N° 2, réunie à la n° 1")
    assert (await ranking(room)) == ["3 👍 n° 1 : Quand ouvre la cantine ? — ana"]
    await room.redact(BOB, again)
    assert (await ranking(room))[0].startswith("3 👍"), "bob is still for the first"
    await room.react(ADMIN, shown(room, 2), "👍")
    assert (await ranking(room))[0].startswith("4 👍"), "a vote for what was merged is one for the whole"
    assert "n'attend pas de réponse" in await room.say(MOD, "!qr fusionner 1 2")


async def test_what_was_merged_is_merged_again(room: BenchRoom) -> None:
    for words in (CANTEEN, LEAVE, "Qui prend les notes de la réunion ?"):
        await ask(room, ANA, words)
    await room.react(EVE, shown(room, 3), "👍")
    await room.say(MOD, "!qr fusionner 2 3")
    await room.say(MOD, "!qr fusionner 1 2")
    assert await ranking(room) == ["1 👍 n° 1 : Quand ouvre la cantine ? — ana"]
    await room.react(BOB, shown(room, 3), "👍")
    assert (await ranking(room))[0].startswith("2 👍")


@pytest.mark.parametrize(
    ("first", "second", "near"),
    [
        (CANTEEN, "Quand est-ce que la cantine ouvre ?", True),
        ("Le télétravail le vendredi est-il permis ?", "Télétravail permis les vendredis ?", True),
        (CANTEEN, LEAVE, False),
        (CANTEEN, "Quand ferme le parking ?", False),
        ("Pourquoi ?", "Pourquoi pas ?", False),
    ],
)
async def test_what_may_be_the_same_is_said(room: BenchRoom, first: str, second: str, near: bool) -> None:
    await ask(room, ANA, first)
    said = await ask(room, BOB, second)
    assert ("La n° 1 lui ressemble" in said) == near
    assert ("!qr fusionner 1 2" in said) == near


async def test_the_very_same_is_refused(room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    assert "déjà posée : n° 1" in await ask(room, BOB, "quand OUVRE la cantine")


@pytest.mark.parametrize("words", ["suivnte", "fermer maintenant", "export xlsx", "liste complète"])
async def test_a_mistyped_command_is_no_question(room: BenchRoom, words: str) -> None:
    assert "je ne vois pas de question" in await ask(room, ANA, words)


@pytest.mark.parametrize(
    "words",
    ["Suivante réunion, c'est quand ?", "Fermer la cantine, pourquoi ?", "Pourquoi ?", "Retirer les badges, et où ?"],
)
async def test_a_question_may_begin_like_a_command(room: BenchRoom, words: str) -> None:
    assert words in await ask(room, ANA, words)


async def test_bounds(bench: Bench) -> None:
    room = await opened(bench, per_person=2, longest=40)
    assert "trop long" in await ask(room, ANA, "x" * 50 + " ?")
    await ask(room, ANA, CANTEEN)
    await ask(room, ANA, LEAVE)
    assert "déjà posé 2 questions" in await ask(room, ANA, "Et le parking, alors ?")
    assert "❓" in await ask(room, BOB, "Et le parking, alors ?")


async def test_without_names(bench: Bench) -> None:
    room = await opened(bench, named=False)
    assert await ask(room, ANA, CANTEEN) == "❓ N° 1 : Quand ouvre la cantine ?"
    assert "ana" not in "\n".join(await ranking(room))
    assert "ana" not in await room.say(MOD, "!qr suivante")


async def test_members_ask_and_vote_and_nothing_else(room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    await ask(room, ANA, LEAVE)
    for words in ("suivante", "suivante 1", "fusionner 1 2", "export", "ouvrir", "fermer", "vider", "moderer",
                  "approuver 1", "refuser 1", "export salon", "export md"):  # fmt: skip
        assert "seule une personne qui modère" in await room.say(BOB, f"!qr {words}"), words
    assert "seule une personne qui modère" in await room.say(BOB, "!qr retirer 1")
    assert "✖ N° 1 : retirée" in await room.say(ANA, "!qr retirer 1"), "one's own"
    assert "✖ N° 2 : retirée" in await room.say(MOD, "!qr retirer 2")
    assert CANTEEN not in "\n".join(room.said)


async def test_everybody_s_level_is_nobody_s(room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    room.users_default = 100
    room.levels[BOB] = 100
    assert (await room.say(BOB, "!qr suivante")).startswith("✗")


async def test_open_and_closed(bench: Bench, room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    await room.say(ANA, "!qr privé")
    assert "closes" in await room.say(MOD, "!qr fermer")
    assert "les questions sont closes" in await ask(room, BOB, LEAVE)
    assert "les questions sont closes" in await room.say(BOB, "!qr privé")
    await bench.direct(ANA).say(ANA, "Trop tard pour demander ceci ?")
    assert len([one for one in room.said if one.startswith("❓")]) == 1, "what was asked of her is withdrawn"
    await room.react(BOB, shown(room, 1), "👍")
    assert (await ranking(room)) == ["1 👍 n° 1 : Quand ouvre la cantine ? — ana", "Les questions sont closes."]
    assert "ouvertes" in await room.say(MOD, "!qr ouvrir")
    assert "❓" in await ask(room, BOB, LEAVE)


# Alone


async def test_alone(bench: Bench, room: BenchRoom) -> None:
    assert await room.say(ANA, "!qr privé") == "✓ Je vous écris en privé."
    direct = bench.direct(ANA)
    assert "sans votre nom" in direct.said[0]
    assert "Votre serveur Tchap garde" in direct.said[0]
    assert "✓ Question n° 1 posée" in await direct.say(ANA, "Le directeur part-il vraiment ?")
    assert room.said[-1] == "❓ N° 1 : Le directeur part-il vraiment ?"
    await direct.say(ANA, "Bonjour à tous, encore moi")
    assert len([one for one in room.said if one.startswith("❓")]) == 1, "one answer is one question"
    assert "seule une personne qui modère" in await room.say(ANA, "!qr retirer 1"), "whose it is nobody knows"


async def test_nothing_tells_whose_it_is(bench: Bench, tmp_path: Path) -> None:
    """What we keep of it: the session, unsealed, and every table, as it lies on disk."""
    secret = "Le directeur part-il vraiment ?"
    async with Bench(QuestionsBot, folder=tmp_path) as bench:
        room = await opened(bench)
        await room.say(ANA, "!qr privé")
        await bench.direct(ANA).say(ANA, secret)
        async with bench.db.snapshot() as tx:
            rows = await tx.all("kv_all", space=f"bot:questions {room.id}")
        kept = {row["key"]: Sealer([bytes(range(32))]).open(row["value"], place="kv.value").decode() for row in rows}
        assert set(kept) == {"session"}
        session = kept["session"]
        assert session.count(ANA) == 1
        assert f'"asked":{{"{ANA}":1}}' in session, "that she has asked one, and not which"
    with sqlite3.connect(tmp_path / "bench.db") as db:
        answers = db.execute(
            "SELECT m.body, m.author FROM outbox o JOIN message m ON m.id = o.message WHERE o.action = 'answer'"
        ).fetchall()
    db.close()
    assert [body for body, _author in answers if body is not None] == []


async def test_alone_within_the_same_bounds(bench: Bench) -> None:
    room = await opened(bench, per_person=1, longest=40)
    await room.say(ANA, "!qr privé")
    direct = bench.direct(ANA)
    assert "trop long" in await direct.say(ANA, "x" * 60 + " ?")
    assert "je ne vois pas de question" in await direct.say(ANA, "bonjour")
    assert "posée" in await direct.say(ANA, CANTEEN), "it is asked until it is answered well"
    assert "déjà posé 1 questions" in await ask(room, ANA, LEAVE)


async def test_given_up(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!qr privé")
    await bench.direct(ANA).say(ANA, "annuler")
    await bench.direct(ANA).say(ANA, CANTEEN)
    assert not [one for one in room.said if one.startswith("❓")]


async def test_who_wants_no_direct_conversation_is_told_how(bench: Bench, room: BenchRoom) -> None:
    await room.say(ANA, "!qr privé")
    await bench.direct(ANA).leaves(ANA)
    said = await room.say(ANA, "!qr privé")
    assert "je ne peux pas vous écrire en privé" in said or "Je vous écris" in said


# Approved


async def test_in_the_room_by_a_reaction(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    assert await ask(room, ANA, CANTEEN) == "🕓 N° 1 attend d'être approuvée : ✅ ou ❌ de qui modère."
    notice = room.timeline[-1]
    await room.react(BOB, notice, "✅")
    await room.react(ANA, notice, "✅")
    assert await ranking(room) == [
        "Aucune question n'attend de réponse. Pour en poser une : !qr Quand ouvre la cantine ?",
        "1 attend d'être approuvée.",
    ]
    await room.react(MOD, notice, "✅")
    assert notice.text == "✅ N° 1 : approuvée"
    assert room.said[-1] == "❓ N° 1 : Quand ouvre la cantine ? — ana"
    await room.react(ADMIN, notice, "❌")
    assert (await ranking(room)) == ["0 👍 n° 1 : Quand ouvre la cantine ? — ana"], "once and for all"


async def test_refused(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    await ask(room, ANA, CANTEEN)
    notice = room.timeline[-1]
    await room.react(MOD, notice, "❌")
    assert notice.text == "✖ N° 1 : refusée"
    await room.react(MOD, notice, "✅")
    assert not [one for one in room.said if one.startswith("❓")]


async def test_votes_count_from_when_it_is_shown(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    await ask(room, ANA, CANTEEN)
    await room.react(BOB, room.timeline[-1], "👍")
    await room.say(MOD, "!qr approuver 1")
    assert (await ranking(room))[0].startswith("0 👍")
    await room.react(BOB, shown(room, 1), "👍")
    assert (await ranking(room))[0].startswith("1 👍")


async def test_what_was_asked_alone_is_read_by_moderators_who_want_to(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    await room.say(ANA, "!qr privé")
    await bench.direct(ANA).say(ANA, CANTEEN)
    assert "Qui modère la reçoit par : !qr moderer" in room.said[-1]
    assert CANTEEN not in "\n".join(room.said), "the room does not read it"
    with pytest.raises(KeyError):
        bench.direct(MOD)
    await room.say(MOD, "!qr moderer")
    direct = bench.direct(MOD)
    assert f"N° 1 : {CANTEEN}" in direct.said[-1]
    assert "ana" not in "\n".join(direct.said).lower()
    assert "répondez oui ou non" in await direct.say(MOD, "peut-être")
    assert "approuvée" in await direct.say(MOD, "Oui !")
    assert room.said[-1] == f"❓ N° 1 : {CANTEEN}"
    await room.say(BOB, "!qr privé")
    await bench.direct(BOB).say(BOB, LEAVE)
    assert f"N° 2 : {LEAVE}" in direct.said[-1], "and what comes later"
    assert "moderer" not in room.said[-1]
    await room.say(MOD, "!qr moderer non")
    await direct.say(MOD, "oui")
    assert room.said[-1] != f"❓ N° 2 : {LEAVE}", "it is asked of them no more"
    assert f"❓ N° 2 : {LEAVE}" in await room.say(ADMIN, "!qr approuver 2")


async def test_one_answer_is_enough(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    for moderator in (MOD, ADMIN):
        await room.say(moderator, "!qr moderer")
    await room.say(ANA, "!qr privé")
    await bench.direct(ANA).say(ANA, CANTEEN)
    await bench.direct(MOD).say(MOD, "non")
    await bench.direct(ADMIN).say(ADMIN, "oui")
    assert "✖ N° 1 : refusée" in room.said
    assert not [one for one in room.said if one.startswith("❓")]


async def test_who_moderates_no_more_reads_and_approves_no_more(bench: Bench) -> None:
    room = await opened(bench, moderated=True)
    await room.say(MOD, "!qr moderer")
    await room.say(ANA, "!qr privé")
    await bench.direct(ANA).say(ANA, CANTEEN)
    room.as_power(MOD, 0)
    assert "Vous ne modérez plus" in await bench.direct(MOD).say(MOD, "oui")
    await room.say(BOB, "!qr privé")
    await bench.direct(BOB).say(BOB, LEAVE)
    assert LEAVE not in "\n".join(bench.direct(MOD).said)
    assert not [one for one in room.said if one.startswith("❓")]


async def test_an_answer_to_a_session_that_is_over_judges_nothing(bench: Bench) -> None:
    room = await opened(bench, moderated=True, per_person=50)
    await room.say(MOD, "!qr moderer")
    for n in range(MOST_WITHDRAWN + 2):
        await bench.clock.forward(minutes=1)
        await room.say(ANA, "!qr privé")
        await bench.direct(ANA).say(ANA, f"Sujet {'abcdefghijklmnopqrstuvwxyz'[n]}, la question ?")
    await room.say(MOD, "!qr vider")
    for n in range(MOST_WITHDRAWN + 2):
        await bench.clock.forward(minutes=1)
        await room.say(BOB, f"!qr Autre {'abcdefghijklmnopqrstuvwxyz'[n]}, la question ?")
    await bench.direct(MOD).say(MOD, "oui")
    assert not [one for one in room.said if one.startswith("❓")]


async def test_who_removes_their_own_words_removes_the_question(bench: Bench, room: BenchRoom) -> None:
    typed = await room.happens(ANA, "m.room.message", {"msgtype": "m.text", "body": f"!qr {CANTEEN}"})
    await room.react(BOB, shown(room, 1), "👍")
    await room.redact(ANA, typed)
    assert shown(room, 1).text == "✖ N° 1 : retirée"
    assert CANTEEN not in "\n".join(room.said)
    assert "n'attend de réponse" in (await ranking(room))[0]
    assert "pas de question n° 1" in await room.say(MOD, "!qr suivante 1")


# Exported, emptied


async def test_export(bench: Bench, room: BenchRoom) -> None:
    await ask(room, ANA, CANTEEN)
    assert "en privé" in await room.say(MOD, "!qr export")
    assert bench.direct(MOD).timeline[-1].files == ("questions.csv",)
    await room.say(MOD, "!qr export md")
    assert bench.direct(MOD).timeline[-1].files == ("questions.md",)
    await room.say(MOD, "!qr export salon")
    assert room.timeline[-1].files == ("questions.csv",)


async def test_emptied(bench: Bench, room: BenchRoom) -> None:
    for n in range(MOST_AT_ONCE + 5):
        await ask(room, f"@u{n}:exemple.fr", f"Sujet {'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]} numéro {n} ?")
        await room.react(EVE, shown(room, n + 1), "👍")
    assert "oubliées" in await room.say(MOD, "!qr vider")
    await bench.clock.forward(minutes=1)
    await bench.clock.forward(minutes=1)
    async with bench.db.snapshot() as tx:
        keys = [row["key"] for row in await tx.all("kv_all", space=f"bot:questions {room.id}")]
    assert keys == ["session"]
    assert "❓ N° 1" in await ask(room, ANA, CANTEEN)
    assert (await ranking(room))[0].startswith("0 👍")


async def test_a_call_that_is_made_again_asks_once(
    bench: Bench, room: BenchRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Runner.handle

    async def twice(self: Runner, *arguments: object) -> object:
        await real(self, *arguments)
        return await real(self, *arguments)

    monkeypatch.setattr(Runner, "handle", twice)
    await ask(room, ANA, CANTEEN)
    await room.react(BOB, shown(room, 1), "👍")
    assert await ranking(room) == ["1 👍 n° 1 : Quand ouvre la cantine ? — ana"]


async def test_in_english(bench: Bench, room: BenchRoom) -> None:
    assert await room.say(ANA, "!qa When does the canteen open?") == "❓ No. 1: When does the canteen open? — ana"
    assert "1 votes" not in await room.say(MOD, "!qa next")
    assert room.said[-1].startswith("▶ Question no. 1 (0 votes)")
    assert "I see no question" in await room.say(ANA, "!qa hello")
    assert "writing to you privately" in await room.say(ANA, "!qa private")
    assert "without your name" in await bench.direct(ANA).say(ANA, "Is it true that we move?")


async def test_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as there may be, and no more; the list says how many it leaves out."""
    monkeypatch.setattr("tchap_bot_questions.rules.MOST", 40)
    room = await opened(bench)
    words = [f"{a}{b}{c}" for a in "bc" for b in "aeio" for c in "lmnpr"]
    for n, word in enumerate(words):
        await ask(room, f"@u{n % 10}:exemple.fr", f"Sujet {word} ?")
    assert len([one for one in room.said if one.startswith("❓")]) == 40
    assert "déjà 40 questions" in await ask(room, ANA, "Une de plus, pour voir ?")
    lines = await ranking(room)
    assert len(lines) == 31
    assert lines[-1] == "… et 10 autres."
