"""A loop is stopped, and everyday repetition is none."""

from datetime import timedelta
from pathlib import Path

import pytest

from tchap_bridges.core.breaker import SAME, WITHIN, Breaker

from .homeserver import WHEN
from .stage import stage


@pytest.mark.parametrize(
    ("texts", "apart", "trips"),
    [
        (["Je suis absent."] * SAME, 1, True),
        (["Je suis absent."] * (SAME - 1), 1, False),
        (["Tout va bien."] * SAME, WITHIN, False),  # a robot's daily line, however fast it comes
        ([f"{'<pont> ' * n}salut" for n in range(1, SAME + 1)], 1, True),  # grows with each turn
        ([f"{'[irc] [pont] ' * n}jean: salut" for n in range(1, SAME + 1)], 1, True),
        ([f"[machine {n}] disque plein" for n in range(SAME)], 1, False),  # a robot that speaks of many things
        ([f"message {n}" for n in range(SAME)], 1, False),
        ([""] * SAME, 1, False),  # files without words
        (["a :  b\n\nc", "A : b c"] * (SAME // 2), 1, True),
    ],
)
def test_what_trips(texts: list[str], apart: float, trips: bool) -> None:
    breaker = Breaker()
    told = [breaker.trips(1, "bob", text, WHEN + timedelta(seconds=n * apart), str(n)) for n, text in enumerate(texts)]
    assert told == [False] * (len(texts) - 1) + [trips]


def test_everybody_may_say_good_morning() -> None:
    breaker = Breaker()
    assert not any(breaker.trips(1, f"personne {n}", "bonjour", WHEN, str(n)) for n in range(3 * SAME))
    assert not any(breaker.trips(n, "bob", "bonjour", WHEN, str(n)) for n in range(3 * SAME))


async def test_who_loops_waits_alone_and_a_member_decides(tmp_path: Path) -> None:
    absent = "Je suis absent jusqu'au 7."
    async with stage(tmp_path) as s:
        for _ in range(SAME + 2):
            await s.net.say(absent)
        log = await s.shown.until(SAME)
        assert [one.text.plain for one in log[:-1]] == [absent] * (SAME - 1)
        assert log[-1].text.plain.startswith("⛔ Bob a dit 10 fois la même chose à #c")
        await s.net.say("Moi, je suis là.", by="eve")
        await s.shown.until(SAME + 1)
        assert s.shown.texts[-1] == "Moi, je suis là."  # nobody else waits
        await s.say("!pont etat")
        await s.shown.until(SAME + 2)
        assert "bob attend d'être accepté" in s.shown.texts[-1]
        s.shown.log.clear()
        await s.say("!pont accepter bob")
        await s.shown.until(4)
        assert s.shown.texts.count(absent) == 3  # what waited is not lost
        await s.net.say("Me revoilà.")
        await s.shown.until(5)
        assert s.shown.texts[-1] == "Me revoilà."


async def test_who_loops_on_is_held_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for _ in range(SAME):
            await s.net.say("ping")
        await s.shown.until(SAME)
        await s.say("!pont accepter bob")
        await s.shown.until(SAME + 2)
        for _ in range(SAME):
            await s.net.say("ping")
        await s.shown.until(2 * SAME + 1)
        assert s.shown.texts[-1].startswith("⛔")


def test_what_is_looked_at_again_counts_once() -> None:
    breaker = Breaker()
    assert not any(breaker.trips(1, "bob", "bonjour", WHEN, "le même") for _ in range(3 * SAME))
