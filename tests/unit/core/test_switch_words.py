"""``!bot`` as it is typed by who has read nothing: mistakes are answered by what was meant, or what there is."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tchap_bridges.bot import Bot, Command, Power, Room, command, webhook
from tchap_bridges.i18n import Phrase
from tchap_bridges.testing.bench import ADMIN, Bench, BenchRoom


class Surveys(Bot):
    """Enquêtes."""

    name = "enquetes"

    @command("enquête", english=["survey"])
    async def ask(self, room: Room, words: str) -> str:
        """Fait une enquête."""
        del room
        return f"enquête {words}".strip()


class Post(Bot):
    """Courrier."""

    name = "courrier"

    @command("courrier-lire", "lettre", english=["letter"])
    async def read(self, room: Room, words: str) -> str:
        """Lit."""
        del room, words
        return "lu"

    @webhook(verify="path")
    async def came(self, room: Room, body: str) -> str:
        del room
        return body


@pytest_asyncio.fixture
async def room() -> AsyncIterator[BenchRoom]:
    async with Bench(Surveys, Post) as bench:
        yield await bench.room()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("!bot activer", "✗ de quel robot s'agit-il ? Robots : enquetes, courrier. Exemple : !bot activer enquetes"),
        ("!bot activer enquete", "✗ je ne connais pas de robot « enquete ». Vouliez-vous dire !bot activer enquetes ?"),
        ("!bots enable surveys", "✗ I know no bot “surveys”. Did you mean !bots enable enquetes?"),
        ("!bots set", "✗ which bot do you mean? Bots: enquetes, courrier. Example: !bots set enquetes"),
        (
            "!bot activer zut",
            "✗ je ne connais pas de robot « zut ». Robots : enquetes, courrier. Exemple : !bot activer enquetes",
        ),
        (
            "!bot activé courrier",
            "✗ « !bot activé courrier » n'est pas une commande. Vouliez-vous dire !bot activer courrier ?",
        ),
        (
            "!bot zut",
            ("✗ « !bot zut » n'est pas une commande. "
             "Possibles : activer, desactiver, regler, aide, webhook, prive. Exemple : !bot activer enquetes"),
        ),
        (
            "!bot courrier",
            ("!courrier-lire — Lit.\n"
             "!bot webhook creer courrier — fait une adresse, où un autre programme lui écrit"),
        ),
        ("!lettres", "✗ « !lettres » n'est pas une commande. Vouliez-vous dire !lettre ?"),
    ],
)  # fmt: skip
async def test_a_mistake_says_what_was_meant(room: BenchRoom, typed: str, said: str) -> None:
    assert await room.say(ADMIN, typed) == said


@pytest.mark.parametrize("typed", ["!bot", "!bot liste", "!bot aide", "!BOT Liste"])
async def test_the_list(room: BenchRoom, typed: str) -> None:
    off = await room.say(ADMIN, typed)
    assert off == "○ enquetes — Enquêtes.\n○ courrier — Courrier.\nPour en activer un : !bot activer enquetes"
    await room.say(ADMIN, "!bot activer enquetes")
    assert (await room.say(ADMIN, typed)).endswith(
        "\nCe qu'on peut dire à un robot : !bot aide enquetes\nPour en activer un : !bot activer courrier"
    )


async def test_what_is_meant_for_the_room_is_sent_there_from_a_direct_conversation() -> None:
    async with Bench(Surveys) as bench:
        room = await bench.room(Surveys)
        await room.say(ADMIN, "!bot prive")
        direct = bench.direct(ADMIN)
        said = await direct.say(ADMIN, "!enquete lundi")
        assert said == (
            "✗ le robot enquetes n'est pas actif dans cette conversation directe. "
            "Écrivez cela dans le salon où il l'est."
        )


@pytest.mark.parametrize(
    "typed",
    ["!bot activer Enquêtes", "!bot ACTIVER enquetes", "!bot àctiver enquetes", "!bot\u00a0activer\u202fenquetes"],
)
async def test_accents_and_capitals_of_names_do_not_count(room: BenchRoom, typed: str) -> None:
    assert "✓ enquetes est actif" in await room.say(ADMIN, typed)


@pytest.mark.parametrize("typed", ["!enquête lundi", "!enquete lundi", "!Enquete lundi", "!enquetes-enquete lundi"])
async def test_nor_do_those_of_the_first_word_of_a_command(room: BenchRoom, typed: str) -> None:
    await room.say(ADMIN, "!bot activer enquetes")
    assert await room.say(ADMIN, typed) == "enquête lundi"


async def test_a_long_help_has_the_first_command_of_each_bot() -> None:
    class Many(Bot):
        """Beaucoup."""

        name = "nombreux"
        commands = tuple(
            Command(words=(f"c{n}",), english=frozenset(), who=Power.MEMBER, handler=f"do{n}", help=Phrase("Fait."))
            for n in range(13)
        )

    async with Bench(Surveys, Many) as bench:
        room = await bench.room(Surveys, Many)
        said = (await room.say(ADMIN, "!aide")).splitlines()[-3:]
        assert said == ["!enquête — Fait une enquête.", "!c0 — Fait.", "!bot aide nombreux — ses 12 autres commandes"]
