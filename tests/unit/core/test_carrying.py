"""What is told of a network, by what its connection declares."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tchap_bridges.bridge import Ability, Carried, Connection, Deletes, Edits, Limits, carried
from tchap_bridges.core.carrying import INSTEAD, NAMES, line
from tchap_bridges.i18n import Translator

from .network import NetConnection
from .stage import stage
from .test_commands import answer


class Silent(Connection, Edits):
    """Declares nothing but what it inherits."""

    async def run(self) -> None: ...
    async def send(self, message): ...  # type: ignore[no-untyped-def, override]
    async def edit(self, edit): ...  # type: ignore[no-untyped-def, override]


class Telling(Silent, Deletes):
    limits = Limits(repeatable=False)
    carries: Mapping[Ability, Carried] = MappingProxyType(
        {Ability.EDITS: Carried.OTHERWISE, Ability.DELETIONS: Carried.SERVER, Ability.FILES: Carried.YES}
    )

    async def delete(self, deletion): ...  # type: ignore[no-untyped-def, override]


@pytest.mark.parametrize(
    ("connection", "ability", "how"),
    [
        (Silent, Ability.EDITS, Carried.YES),
        (Silent, Ability.DELETIONS, Carried.NO),
        (Silent, Ability.FILES, Carried.NO),
        (Silent, Ability.EXACTLY_ONCE, Carried.YES),
        (Telling, Ability.EDITS, Carried.OTHERWISE),
        (Telling, Ability.DELETIONS, Carried.SERVER),
        (Telling, Ability.FILES, Carried.YES),
        (Telling, Ability.EXACTLY_ONCE, Carried.NO),
    ],
)
def test_how_far(connection: type[Connection], ability: Ability, how: Carried) -> None:
    assert carried(connection, ability) is how
    assert carried(connection(), ability) is how


def test_a_live_connection_knows_more_than_its_class() -> None:
    live = Telling()
    live.carries = {**Telling.carries, Ability.DELETIONS: Carried.NO}
    assert carried(live, Ability.DELETIONS) is Carried.NO
    assert carried(Telling, Ability.DELETIONS) is Carried.SERVER


def test_every_ability_has_words() -> None:
    assert set(NAMES) == set(INSTEAD) == set(Ability)


def test_one_line() -> None:
    told = line(Telling(), Translator("fr"))
    assert "\n" not in told
    assert told.startswith(
        "✓ fichiers ; ≈ corrections (une ligne dit ce qui change), suppressions (selon le serveur) ; ✗ "
    )
    assert "yes" not in line(Silent(), Translator("en"))
    assert line(Silent(), Translator("en")).startswith("✓ edits ; ✗ threads, replies, deletions")


async def test_a_room_reads_it_of_each_link(tmp_path: Path) -> None:
    async with stage(tmp_path, nets=("net", "irc")) as play:
        await play.link("#autre", net="irc")
        assert (await answer(play, "!pont etat")).count("✓ corrections, suppressions, réactions ; ✗ fils") == 2
        assert carried(NetConnection, Ability.EDITS) is Carried.YES
