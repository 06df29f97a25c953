"""Two people at once, through the whole core and a restart: each has what the plain walk gives them alone."""

import random
from pathlib import Path

import pytest

from tchap_bot_surveys import SurveysBot, asking, walk
from tchap_bot_surveys.answering import Typed
from tchap_bot_surveys.keeping import Surveys
from tchap_bot_surveys.walk import Walk, Word
from tchap_bridges.core.bots.kept import Kept
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import PersonId
from tchap_bridges.store.sealing import Sealer
from tchap_bridges.testing.bench import START, Bench, BenchRoom

ANA, BOB, CHLOE = (f"@{name}:exemple.fr" for name in ("ana", "bob", "chloe"))
SEALER = Sealer([bytes(range(32))])  # of a bench
SURVEY = "Cantine\n1. Y mangez-vous ? Oui / Non\n2*. Note de 1 à 5\n3. Jours (plusieurs) : lundi / mardi\nUn mot :"
QUESTIONS = asking.read(SURVEY, Translator("fr")).questions
WORDS = (
    "oui",
    "non",
    "3",
    "5",
    "lundi",
    "1, 2",
    "retour",
    "passer",
    "effacer",
    "recommencer",
    "plus tard",
    "rien",
    "42",
)

REVIEWING = ("retour", "2", "recommencer", "plus tard", "rien")
"""What does not send: then there would be nothing left to compare."""


class Alone:
    """Somebody's walk, without anybody else. ``asked``: whether a question is open to them."""

    def __init__(self) -> None:
        self.walk: Walk = walk.begun(QUESTIONS)
        self.asked = False

    def says(self, words: str) -> None:
        if not self.asked:
            return
        try:
            step = walk.said(QUESTIONS, self.walk, Typed(words=words, when=START, zone=START.tzinfo, language="fr"))
        except Misconfigured:
            return
        self.walk = step.walk
        self.asked = step.word not in {Word.LATER, Word.SEND}


async def kept(bench: Bench, room: BenchRoom, person: str) -> Walk | None:
    effects: list[object] = []
    surveys = Surveys(Kept(bench.db, SEALER, f"bot:enquetes {room.id}", effects.append))
    part = await surveys.part(1, PersonId(person))
    assert not effects
    return part.walk if part is not None else None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("anonymous", ["oui", "non"])
async def test_nobody_s_answers_reach_another(tmp_path: Path, seed: int, anonymous: str) -> None:
    chance = random.Random(f"{seed} {anonymous}")
    people = {BOB: Alone(), CHLOE: Alone()}
    rooms: list[BenchRoom] = []
    for restart in range(2):
        async with Bench(SurveysBot, folder=tmp_path) as bench:
            if restart:
                room, *directs = map(bench.rejoin, rooms)
            else:
                room = await bench.room(SurveysBot)
                await room.say(ANA, f"!enquete {SURVEY.replace('Cantine', f'Cantine anonyme={anonymous}')}")
                await room.say(ANA, "oui")
                for person, alone in people.items():
                    await room.say(person, "!repondre")
                    alone.asked = True
                directs = [bench.direct(person) for person in people]
            there = dict(zip(people, directs, strict=True))
            for _step in range(25):
                person = chance.choice(list(people))
                if not people[person].asked:
                    await room.say(person, "!repondre")
                    people[person].asked = True
                words = chance.choice(REVIEWING if people[person].walk.reviews else WORDS)
                await there[person].say(person, words)
                people[person].says(words)
                assert {one: await kept(bench, room, one) for one in people} == {
                    one: alone.walk for one, alone in people.items()
                }
            rooms = [room, *directs]
