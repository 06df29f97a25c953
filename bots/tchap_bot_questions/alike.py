"""Which questions may be the same: by the words that they share, endings and small words aside. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from tchap_bot_questions.model import Question
from tchap_bridges.dates.words import fold

SHARED: Final = 0.5
"""Of all the words of both; and `LEAST` of them."""
LEAST: Final = 2
_STEM: Final = 5
_WORD: Final = re.compile(r"\w+")
_SMALL: Final = frozenset(
    fold(word)
    for word in """
    est-ce que qui quoi quel quelle quels quelles quand comment pourquoi combien dans pour avec sans sera seront sont
    etes etre avez avoir aura auront allez nous vous leur leurs cette cela mais donc plus tout tous toute toutes
    the what when where which why how will would does with from that this have been they your
    """.split()  # noqa: SIM905  a list of words reads as one
)


def same(text: str, questions: Sequence[Question]) -> Question | None:
    """One that has these very words."""
    return next((one for one in questions if _WORD.findall(fold(one.text)) == _WORD.findall(fold(text))), None)


def alike(text: str, questions: Sequence[Question]) -> Question | None:
    """The nearest of those that may well ask the same."""
    words = _stems(text)
    near = [(shared, one) for one in questions if (shared := _shared(words, _stems(one.text))) >= SHARED]
    return max(near, key=lambda found: found[0])[1] if near else None


def _shared(some: set[str], others: set[str]) -> float:
    both = some & others
    return len(both) / len(some | others) if len(both) >= LEAST else 0.0


def _stems(text: str) -> set[str]:
    return {word[:_STEM] for word in _WORD.findall(fold(text)) if len(word) > 3 and word not in _SMALL}
