"""A loop is stopped, and everyday repetition is none."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tchap_bridges.core.breaker import SAME, WITHIN, Breaker

from .stage import WHEN, stage


@pytest.mark.parametrize(
    ("texts", "apart", "trips"),
    [
        (["Je suis absent."] * SAME, 1, True),
        (["Je suis absent."] * (SAME - 1), 1, False),
        (["Tout va bien."] * SAME, WITHIN, False),  # a robot's daily line, however fast it comes
        ([f"{'<pont> ' * n}salut" for n in range(SAME)], 1, True),  # grows with each turn
        ([f"{'[irc] ' * n}jean: salut" for n in range(SAME)], 1, True),
        ([f"message {n}" for n in range(SAME)], 1, False),
        ([""] * SAME, 1, False),  # files without words
        (["a :  b\n\nc", "A : b c"] * (SAME // 2), 1, True),
    ],
)
def test_what_trips(texts: list[str], apart: float, trips: bool) -> None:
    breaker = Breaker()
    told = [breaker.trips(1, "bob", text, WHEN + timedelta(seconds=n * apart)) for n, text in enumerate(texts)]
    assert told == [False] * (len(texts) - 1) + [trips]


def test_everybody_may_say_good_morning() -> None:
    breaker = Breaker()
    assert not any(breaker.trips(1, f"personne {n}", "bonjour", WHEN) for n in range(3 * SAME))
    assert not any(breaker.trips(n, "bob", "bonjour", WHEN) for n in range(3 * SAME))


async def test_a_loop_pauses_the_link_and_the_room_is_told_why(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        for _ in range(SAME + 3):
            await s.net.say("Je suis absent jusqu'au 7.")
        log = await s.shown.until(SAME)
        assert [one.text.plain for one in log[:-1]] == ["Je suis absent jusqu'au 7."] * (SAME - 1)
        assert log[-1].text.plain.startswith("⛔ #c est mis en pause : Bob y a dit 10 fois la même chose")
        s.shown.log.clear()
        await s.say("!pont etat")
        assert "en pause" in (await s.shown.until(1))[-1].text.plain
        assert "une boucle est probable" in s.shown.texts[-1]
        await s.say("!pont reprendre #c")
        await s.shown.until(2)
        await s.net.say("Me revoilà.")
        await s.shown.until(3)
        assert s.shown.texts[-1] == "Me revoilà."
        await asyncio.sleep(0)
