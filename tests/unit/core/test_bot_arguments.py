"""What a handler is called with is read from what was typed; what cannot be read is refused, and said how it is."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Annotated, Any

import pytest
import pytest_asyncio

from tchap_bridges.bot import Bot, Member, Room, command
from tchap_bridges.dates import Moment
from tchap_bridges.i18n import _
from tchap_bridges.testing.bench import START, Bench

ANA = "@ana:exemple.fr"
_ANAS = (
    "✗ plusieurs personnes de ce salon s'appellent « Ana LE GOFF [Finances] ». "
    "Dites de qui il s'agit : @ana.l:exemple.fr, @ana.s:exemple.fr"
)
_HOMONYMS = (
    "✗ plusieurs personnes de ce salon s'appellent « Zoé ». Dites de qui il s'agit : @ed1:exemple.fr, @ed2:exemple.fr"
)


class Reader(Bot):
    """Lit ce qu'on lui dit."""

    name = "lecteur"

    @command("nombre", english=["number"])
    async def number(self, room: Room, n: Annotated[int, _("numéro")]) -> str:
        """Un nombre."""
        return repr(n)

    @command("peut-être")
    async def perhaps(self, room: Room, n: int | None = None, rest: str = "rien") -> str:
        """Un nombre, ou non."""
        return f"{n!r} {rest!r}"

    @command("jour")
    async def day(self, room: Room, day: Annotated[date, "jour"], note: str) -> str:
        """Un jour, et le reste."""
        return f"{day:%d/%m/%Y} {note!r}"

    @command("quand")
    async def when(self, room: Room, when: Moment, note: str) -> str:
        """Un moment, et le reste."""
        return f"{when.at.astimezone(room.zone):%d/%m %H:%M} {note!r}"

    @command("garde")
    async def duty(self, room: Room, day: date | None = None) -> str:
        """Un jour, ou aujourd'hui."""
        return f"{day or room.now.date():%d/%m}"

    @command("merci")
    async def thanks(self, room: Room, who: Member, why: str) -> str:
        """Quelqu'un, et pourquoi."""
        return f"{who.person} {why!r}"

    @command("deux")
    async def two(self, room: Room, first: str, second: str = "") -> str:
        """Un mot, et le reste."""
        return f"{first!r} {second!r}"

    @command("rien")
    async def nothing(self, room: Room) -> str:
        """N'attend rien."""
        return "rien"

    @command("nu")
    async def bare(self, room, words) -> str:
        """Sans types."""
        return repr(words)


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(Reader) as found:  # a Monday, 23 November 2026, 9:30
        yield found


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("!nombre 12", "12"),
        ("!nombre -3", "-3"),
        ("!nombre", "✗ il manque un nombre entier (numéro). Écrivez : !nombre numéro"),
        ("!number", "✗ a whole number is missing (number). Write: !number number"),
        ("!nombre douze", "✗ « douze » n'est pas un nombre entier (numéro). Écrivez : !nombre numéro"),
        ("!nombre ٣", "✗ « ٣ » n'est pas un nombre entier (numéro). Écrivez : !nombre numéro"),
        ("!nombre 1_000", "✗ « 1_000 » n'est pas un nombre entier (numéro). Écrivez : !nombre numéro"),
        (
            "!nombre " + "9" * 5000,
            "✗ « " + "9" * 50 + " » n'est pas un nombre entier (numéro). Écrivez : !nombre numéro",
        ),
        ("!nombre 1 2 3", "✗ je ne sais que faire de « 2 3 ». Écrivez : !nombre numéro"),
        ("!lecteur-nombre x", "✗ « x » n'est pas un nombre entier (numéro). Écrivez : !lecteur-nombre numéro"),
        ("!peut-être", "None 'rien'"),
        ("!peut-être 4", "4 'rien'"),
        ("!peut-être 4 et  plus", "4 'et  plus'"),
        ("!peut-être et plus", "None 'et plus'"),
        ("!jour demain réunion", "24/11/2026 'réunion'"),
        ("!jour réunion demain", "24/11/2026 'réunion'"),
        ("!jour aujourd'hui", "23/11/2026 ''"),
        ("!jour 24/12", "24/12/2026 ''"),
        ("!jour demain 9h", "✗ « demain 9h » : dites un jour, sans heure."),
        ("!jour", "✗ il manque un jour (jour). Écrivez : !jour jour [note]"),
        ("!jour jamais", "✗ « jamais » n'est pas un jour (jour). Écrivez : !jour jour [note]"),
        ("!quand demain 9h30 appeler Ana", "24/11 09:30 'appeler Ana'"),
        ("!quand dans 2 heures", "23/11 11:30 ''"),
        ("!garde", "23/11"),
        ("!garde mardi", "24/11"),
        ("!garde qui", "✗ je ne sais que faire de « qui ». Écrivez : !garde [day]"),
        ("!deux a", "'a' ''"),
        ("!deux a  b c", "'a' 'b c'"),
        ("!deux", "✗ il manque un mot (first). Écrivez : !deux first [second]"),
        ("!rien", "rien"),
        ("!rien du tout", "✗ je ne sais que faire de « du tout ». Écrivez : !rien"),
        ("!nu  a  b", "'a  b'"),
        ("!nu", "''"),
    ],
)
async def test_what_is_typed_is_read(bench: Bench, typed: str, said: str) -> None:
    room = await bench.room(Reader)
    assert await room.say(ANA, typed) == said


@pytest.mark.parametrize(
    "typed", ["!jour vendredi prochain", "!quand vendredi prochain 9h", "!garde vendredi prochain"]
)
async def test_what_may_mean_two_days_asks(bench: Bench, typed: str) -> None:
    said = await (await bench.room(Reader)).say(ANA, typed)
    assert "plusieurs façons" in said
    assert "27 novembre" in said
    assert "4 décembre" in said


async def test_today_is_a_day_until_it_ends() -> None:
    async with Bench(Reader, at=START.replace(hour=23, minute=59, second=30)) as bench:
        room = await bench.room(Reader)
        assert await room.say(ANA, "!jour aujourd'hui x") == "23/11/2026 'x'"
        assert await room.say(ANA, "!jour demain x") == "24/11/2026 'x'"


async def test_a_past_day_is_refused_and_never_moved(bench: Bench) -> None:
    assert (await (await bench.room(Reader)).say(ANA, "!jour hier x")).startswith("✗")


async def test_people_are_known_by_name_and_by_id(bench: Bench) -> None:
    room = await bench.room(Reader)
    for user, name in (
        ("@jean:exemple.fr", "Jean"),
        ("@jd:exemple.fr", "Jean Dupont"),
        ("@ed1:exemple.fr", "Zoé"),
        ("@ed2:exemple.fr", "Zoe\u0301"),
        ("@vide:exemple.fr", ""),
        ("@ana.l:exemple.fr", "Ana LE GOFF [Finances]"),
        ("@ana.s:exemple.fr", "Ana LE GOFF [Santé]"),
        ("@luc:exemple.fr", "Luc MARTIN [Santé]"),
        ("@faux:exemple.fr", "@chef:exemple.fr"),
    ):
        room.called(user, name)
    for typed, said in (
        ("Jean pour hier", "@jean:exemple.fr 'pour hier'"),
        ("jean DUPONT  pour hier", "@jd:exemple.fr 'pour hier'"),
        ("@Jean Dupont: bravo", "@jd:exemple.fr 'bravo'"),
        ("Jean: Dupont", "@jd:exemple.fr ''"),
        ("@jd:exemple.fr bravo", "@jd:exemple.fr 'bravo'"),
        ("@jd:exemple.fr", "@jd:exemple.fr ''"),
        ("Jeanne", "✗ « Jeanne » n'est pas quelqu'un de ce salon (who). Écrivez : !merci who [why]"),
        ("", "✗ il manque quelqu'un de ce salon (who). Écrivez : !merci who [why]"),
        (
            "zoé bravo",
            _HOMONYMS,
        ),
        ("@ed2:exemple.fr bravo", "@ed2:exemple.fr 'bravo'"),
        ("Luc Martin bravo", "@luc:exemple.fr 'bravo'"),
        ("Luc Martin [Santé] bravo", "@luc:exemple.fr 'bravo'"),
        ("Ana Le Goff [Santé] bravo", "@ana.s:exemple.fr 'bravo'"),
        ("Ana Le Goff bravo", _ANAS),
        (
            "@chef:exemple.fr bravo",
            "✗ « @chef:exemple.fr » n'est pas quelqu'un de ce salon (who). Écrivez : !merci who [why]",
        ),
    ):
        assert await room.say(ANA, f"!merci {typed}") == said, typed


async def _list(self: Any, room: Room, what: list[str]) -> None: ...
async def _two(self: Any, room: Room, what: int | str) -> None: ...
async def _keyword(self: Any, room: Room, *, what: str) -> None: ...
async def _many(self: Any, room: Room, *what: str) -> None: ...
async def _alone(self: Any) -> None: ...
async def _label(self: Any, room: Room, what: Annotated[int, 3]) -> None: ...
async def _unknown(self: Any, room: Room, what: "Nowhere") -> None: ...  # noqa: F821
def _plain(self: Any, room: Room, what: str) -> None: ...


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (_list, "what cannot be read as list; use one of str, int, date, Moment, Member"),
        (_two, "what cannot be read as"),
        (_keyword, "handler"),
        (_many, "handler"),
        (_alone, "handler"),
        (_label, "cannot be read"),
        (_unknown, "Nowhere"),
        (_plain, "has to be async"),
    ],
)
def test_what_cannot_be_read_is_an_error_when_it_is_loaded(handler: Callable[..., Any], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        command("mot")(handler)


def test_annotations_may_be_text() -> None:
    """As ``from __future__ import annotations`` makes them; the room's may name what only its class knows."""

    async def handler(self: Any, room: "Room[Config]", day: "Annotated[date, 'jour'] | None" = None) -> None: ...  # noqa: F821

    command("mot")(handler)
    (parameter,) = vars(handler)["__command__"].parameters
    assert (parameter.kind, parameter.label, parameter.needed) == (date, "jour", False)
