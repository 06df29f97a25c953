"""Which bot a word calls: one word of two bots, words of the bridge, commands below a word, and help that says it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bot_echo import EchoBot
from tchap_bridges.bot import Bot, Power, Room, command
from tchap_bridges.core.bots.registry import Bots, called
from tchap_bridges.core.builtin import BUILTIN
from tchap_bridges.errors import Misconfigured
from tchap_bridges.testing.bench import ADMIN, Bench

from .stage import stage

BOB = "@bob:exemple.fr"


class Polls(Bot):
    """Sondages."""

    name = "sondages"

    @command("vote", english=["ballot"])
    async def vote(self, room: Room, words: str) -> str:
        """Vote."""
        return f"sondage {words}"


class Questions(Bot):
    """Questions."""

    name = "qr"

    @command("vote")
    async def vote(self, room: Room, words: str) -> str:
        """Vote."""
        return f"question {words}"


class Greedy(Bot):
    """Veut les mots du pont."""

    name = "avide"

    @command("aide", "pont", "bots")
    async def take(self, room: Room, words: str) -> str:
        """Prend."""
        return f"avide {words}"


class Book(Bot):
    """Carnet."""

    name = "carnet"

    @command("carnet", english=["book"])
    async def book(self, room: Room, words: str) -> str:
        """Écrit."""
        if words.startswith("!"):
            raise Misconfigured("non", remedy="Autrement.")
        if words.startswith("?"):
            raise Misconfigured("non")
        return f"écrit {words}"

    @command("carnet liste", english=["book list"])
    async def listed(self, room: Room, words: str) -> str:
        """Montre."""
        return f"montre {words} {room.language}"

    @command("carnet liste longue")
    async def long(self, room: Room) -> str:
        """Montre tout."""
        return "montre tout"

    @command("carnet vider", who=Power.MODERATOR)
    async def clear(self, room: Room) -> str:
        """Vide."""
        return "vidé"


class Below(Bot):
    """N'a que des commandes sous un mot."""

    name = "file"

    @command("file ajouter", english=["file add"])
    async def add(self, room: Room, words: str) -> str:
        """Ajoute."""
        return f"ajouté {words}"

    @command("file vider", "file tout vider", "file évacuer")
    async def clear(self, room: Room) -> str:
        """Vide."""
        return "vidée"


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench(Polls, Questions, Greedy, Book, Below) as found:
        yield found


async def test_the_bare_word_calls_the_one_that_is_on(bench: Bench) -> None:
    room, other = await bench.room(Polls), await bench.room(Questions)
    assert await room.say(BOB, "!vote 2") == "sondage 2"
    assert await other.say(BOB, "!vote 2") == "question 2"
    assert await room.say(BOB, "!sondages-vote 2") == "sondage 2"
    assert "le robot qr n'est pas actif" in await room.say(BOB, "!qr-vote 2")


async def test_where_both_are_on_a_hint_names_both(bench: Bench) -> None:
    room = await bench.room(Polls, Questions)
    said = await room.say(BOB, "!vote 2")
    assert said == "✗ « !vote » est un mot de plusieurs robots d'ici. Dites !sondages-vote ou !qr-vote."
    assert await room.say(BOB, "!sondages-vote 2") == "sondage 2"
    assert await room.say(BOB, "!QR-Vote  2") == "question 2"
    assert await room.say(BOB, "!ballot 2") == "sondage 2", "a word that only one of them has"


async def test_where_none_is_on_both_are_named(bench: Bench) -> None:
    said = await (await bench.room()).say(BOB, "!vote 2")
    assert "sondages, qr" in said
    assert "!bot activer sondages" in said


async def test_whoever_switches_the_second_one_on_is_told(bench: Bench) -> None:
    room = await bench.room(Polls)
    said = await room.say(ADMIN, "!bot activer qr")
    assert "!qr-vote — Vote." in said
    assert "« !vote » est un mot de plusieurs robots d'ici : !sondages-vote ou !qr-vote." in said
    await room.say(ADMIN, "!bot desactiver sondages")
    assert await room.say(BOB, "!vote 2") == "question 2"
    assert "!vote — Vote." in await room.say(BOB, "!aide")


async def test_the_bridges_own_words_are_never_a_bots(bench: Bench) -> None:
    room = await bench.room(Greedy)
    assert "Commandes de ce salon" in await room.say(BOB, "!aide")
    assert "avide" not in await room.say(BOB, "!pont liste")
    assert (await room.say(BOB, "!bots")).startswith("○")
    assert await room.say(BOB, "!avide-aide moi") == "avide moi"
    assert "!avide-aide — Prend." in await room.say(BOB, "!aide")


async def test_what_is_builtin_is_all_that_the_bridge_answers(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        desk = s.kernel.desk
        assert set(desk.words) == BUILTIN


async def test_help_shows_what_is_on_and_names_what_is_off(bench: Bench) -> None:
    room = await bench.room(Book)
    said = await room.say(BOB, "!aide")
    assert "!carnet liste — Montre." in said
    assert "!vote" not in said
    assert "!bot activer sondages — " in said
    assert "arrêtés ici : sondages, qr, avide, file" in said
    assert "!book list — Montre." in await room.say(BOB, "!help")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("!carnet", "écrit "),
        ("!carnet du jour", "écrit du jour"),
        ("!carnet liste", "montre  fr"),
        ("!Carnet  LISTE  x  y", "montre x  y fr"),
        ("!carnet liste\nx", "montre x fr"),
        ("!carnet listes", "écrit listes"),
        ("!book list x", "montre x en"),
        ("!carnet-carnet liste x", "montre x fr"),
        ("!carnet liste longue", "montre tout"),
        ("!carnet liste longue vie", "✗ je ne sais que faire de « vie ». Écrivez : !carnet liste longue"),
        ("!carnet !liste", "✗ non. Autrement. Vouliez-vous dire !carnet liste ?"),
        ("!carnet ?lise", "✗ non. Vouliez-vous dire !carnet liste ?"),
        ("!carnet ?", "✗ non."),
        ("!file ajouter  a  b", "ajouté a  b"),
        ("!file tout vider", "vidée"),
        ("!file Evacuer", "vidée"),
        ("!file ÉVACUER", "vidée"),
        ("!file e\u0301vacuer", "vidée"),
        (
            "!file",
            "✗ « !file » n'est pas une commande. Possibles : !file ajouter, !file vider.",
        ),
        ("!file-file", "✗ « !file-file » n'est pas une commande. Possibles : !file-file ajouter, !file-file vider."),
        (
            "!file ajuter une chose longue à dire",
            "✗ « !file ajuter une chose longue à dire » n'est pas une commande. Vouliez-vous dire !file ajouter ?",
        ),
        ("!file ajuter a", "✗ « !file ajuter a » n'est pas une commande. Vouliez-vous dire !file ajouter ?"),
        ("!file-file vidre", "✗ « !file-file vidre » n'est pas une commande. Vouliez-vous dire !file-file vider ?"),
    ],
)
async def test_commands_below_a_word(bench: Bench, typed: str, said: str) -> None:
    room = await bench.room(Book, Below)
    assert await room.say(BOB, typed) == said


async def test_a_refusal_hints_at_the_command_that_was_meant(bench: Bench) -> None:
    class Picky(Bot):
        """Difficile."""

        name = "difficile"

        @command("dis")
        async def say(self, room: Room, words: str) -> str:
            """Dit."""
            raise Misconfigured("non", remedy="Autrement.")

        @command("dis tout")
        async def all(self, room: Room) -> str:
            """Dit tout."""
            return "tout"

    async with Bench(Picky) as own:
        room = await own.room(Picky)
        assert await room.say(BOB, "!dis toutt") == "✗ non. Autrement. Vouliez-vous dire !dis tout ?"
        assert await room.say(BOB, "!dis rien") == "✗ non. Autrement."
        assert await room.say(BOB, "!dis") == "✗ non. Autrement."


async def test_each_command_below_has_its_own_power(bench: Bench) -> None:
    room = await bench.room(Book)
    assert (await room.say(BOB, "!carnet vider")).startswith("✗")
    assert await room.say(BOB, "!carnet liste") == "montre  fr"
    room.as_power(BOB, 50)
    assert await room.say(BOB, "!carnet vider") == "vidé"
    assert (await room.say("@eve:exemple.fr", "!Carnet-carnet  VIDER")).startswith("✗"), "however it is typed"


def test_an_own_word_is_no_prefix() -> None:
    """``qr-vote`` of a bot ``qr`` that has ``vote`` too."""

    class Both(Bot):
        """Les deux."""

        name = "qr"

        @command("vote")
        async def one(self, room: Room) -> None:
            """Un."""

        @command("qr-vote")
        async def two(self, room: Room) -> None:
            """Deux."""

    found = called("qr", Both(), "qr-vote", "")
    assert found is not None
    assert found[0].handler == "two"


def test_words_follow_what_is_installed() -> None:
    bots = Bots({"echo": EchoBot()})
    told: list[str] = []
    bots.watch(told.append)
    bots.develop("sondages", Polls())
    assert list(bots) == ["echo", "sondages"]
    assert bots.words["vote"] == bots.words["sondages-vote"] == ["sondages"]
    bots.develop("echo", Polls())
    assert len(bots) == 2
    assert bots.words["vote"] == ["echo", "sondages"]
    assert "écho" not in bots.words
    bots.drop("echo")
    assert isinstance(bots["echo"], EchoBot), "the installed one again"
    bots.drop("sondages")
    assert "vote" not in bots.words
    assert "sondages" not in bots
    assert told == ["sondages", "echo", "echo", "sondages"]


@pytest.mark.parametrize("word", ["", "Vote", "a.b", "a  b", " a", "1er", "-a", "a b!"])
def test_words_that_cannot_be_typed_are_refused_at_once(word: str) -> None:
    with pytest.raises(TypeError, match="lower case"):
        command(word)


def test_one_word_calls_one_handler() -> None:
    with pytest.raises(TypeError, match="!a would call both"):

        class Double(Bot):
            """Double."""

            @command("a")
            async def one(self, room: Room) -> None: ...

            @command("b", english=["a"])
            async def two(self, room: Room) -> None: ...


def test_a_method_that_is_overridden_has_its_newest_words() -> None:
    class Other(Polls):
        """Autrement."""

        name = "autre"

        @command("scrutin")
        async def vote(self, room: Room, words: str) -> str:
            """Vote."""
            return words

    assert [one.words for one in Other.commands] == [("scrutin",)]
    assert [one.words for one in Polls.commands] == [("vote", "ballot")]


def test_no_bot_is_called_as_the_one_that_sets_the_others() -> None:
    class Impostor(Bot):
        """Se fait passer pour un autre."""

        name = "reglages"

    with pytest.raises(Misconfigured, match="reglages"):
        Bots({"reglages": Impostor()})
