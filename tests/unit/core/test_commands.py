"""What a room admin types, and what is said back."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tchap_bot_echo import EchoBot
from tchap_bridges.bridge import Asker, Chat, Destination, Direction, Proves
from tchap_bridges.core.commands import split, word_of
from tchap_bridges.core.ports import RoomFacts
from tchap_bridges.ids import ChatId

from . import network
from .homeserver import ALICE, EVERYBODY, ROOM
from .network import NetConnection
from .stage import Stage, stage


async def answer(s: Stage, text: str, **data: Any) -> str:
    before = len(s.shown.log)
    await s.say(text, **data)
    log = await s.shown.until(before + 1)
    said: str = log[-1].text.plain
    return said


def facts(**changes: Any) -> RoomFacts:
    room = RoomFacts(
        room=ROOM,
        name="Salon",
        encrypted=False,
        tchap=True,
        rule="unrestricted",
        public=False,
        users_default=0,
        levels={ALICE: 100},
        invite_level=50,
        version="11",
        present=EVERYBODY,
    )
    return dataclasses.replace(room, **changes)


async def test_a_link_is_made_listed_paused_and_withdrawn(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        assert "n'est relié à rien" in await answer(s, "!pont liste")
        assert await answer(s, "!pont net #c") == "✓ Ce salon est relié à #c (dans les deux sens)."
        assert "déjà relié" in await answer(s, "!pont net #c")
        assert await answer(s, "!pont liste") == "1. #c — dans les deux sens — actif"
        assert "en pause" in await answer(s, "!pont pause")
        await s.net.say("perdu")
        await s.say("perdu aussi")
        assert "reprend" in await answer(s, "!pont reprendre 1")
        assert s.net.shown.texts == []
        assert "connexion établie" in await answer(s, "!pont état")
        assert "n'est plus relié" in await answer(s, "!pont retirer #c")
        assert "n'est relié à rien" in await answer(s, "!pont etat")
        async with s.db.snapshot() as tx:
            kept = [(row["what"], row["detail"]) for row in await tx.all("audit_list", after=0, limit=99)]
        assert kept == [("linked", "#c"), ("paused", "#c"), ("active", "#c"), ("unlinked", "#c")]


async def test_the_bridge_leaves_when_told(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.say("!pont partir")
        async with asyncio.timeout(5):
            while not s.hs.left:
                await asyncio.sleep(0.01)
        assert s.hs.left == [(ROOM, "Retiré à la demande de Alice.")]
        await s.net.say("plus personne")
        await asyncio.sleep(0.2)
        assert s.shown.texts == []


async def test_english_words_are_answered_in_english(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        assert "!pont" in await answer(s, "!aide")
        assert "!bridge" in await answer(s, "!help")


def _explained(line: str) -> str:
    return line.partition(" — ")[2] or line


async def test_help_names_a_bot_that_there_is_and_none_where_there_is_none(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        assert "!bot" not in await answer(s, "!aide")
    (tmp_path / "other").mkdir()
    async with stage(tmp_path / "other", linked=False, bots={"perroquet": EchoBot()}) as s:
        assert "!bot activer perroquet — " in await answer(s, "!aide")
        assert "!bots enable perroquet — " in await answer(s, "!help")


async def test_english_help_has_no_word_of_french(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False, bots={"echo": EchoBot()}) as s:
        listed = {word: await answer(s, word) for word in ("!bots", "!bot")}
        assert listed["!bots"] == "○ echo — Says again what it is told.\nTo switch one on: !bots enable echo"
        assert listed["!bot"] == "○ echo — Répète ce qu'on lui dit.\nPour en activer un : !bot activer echo"
        await answer(s, "!bots enable echo")
        french = (await answer(s, "!aide")).splitlines()
        english = (await answer(s, "!help")).splitlines()
        assert len(french) == len(english)
        assert not set(map(_explained, french)) & set(map(_explained, english))
        assert "!echo — Says again the words that follow." in english


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("!pont", "!pont"),
        ("!pont fax 01", "ni une commande ni un réseau"),
        ("!pont net", "il manque"),
        ("!pont net #c sens=travers", "n'est pas un sens"),
        ("!pont retirer 4", "n'est relié à rien"),
        ('!pont net "#c', "guillemet"),
        ("!pont pause", "n'est relié à rien"),
        ("!pont code 1", "n'attend de code"),
        ("!pont code", "il manque le code"),
        ("!pont net #c sen=deux-sens", "Vouliez-vous dire « sens »"),
        ("!pont net #c sens=", "il manque le sens"),
        ("!pont etat zzz=1", "je ne connais pas l'option « zzz »"),
        ("!pont net #c via=ailleurs", "aucune connexion ne s'appelle « ailleurs »"),
        ("!pnt etat", "Vouliez-vous dire !pont ?"),
        ("!hlp", "Did you mean !help?"),
        ("!pont aide", "!pont liste"),
    ],
)
async def test_a_mistake_is_explained(tmp_path: Path, text: str, says: str) -> None:
    async with stage(tmp_path, linked=False) as s:
        assert says in await answer(s, text)


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ({"levels": {ALICE: 49}}, "modérateur"),
        ({"levels": {ALICE: 100}, "users_default": 50}, "tout le monde"),
        ({"levels": {}, "users_default": 100}, "tout le monde"),
        ({"rule": "restricted"}, "réservé aux agents"),
        ({"rule": "direct"}, "réservé aux agents"),
        ({"rule": "malformed"}, "illisible"),
        ({"rule": "autre"}, "inconnue"),
    ],
)
async def test_a_refusal_says_why(tmp_path: Path, room: dict[str, Any], says: str) -> None:
    async with stage(tmp_path, linked=False) as s:
        s.hs.facts_of[ROOM] = facts(**room)
        assert says in await answer(s, "!pont net #c")
        assert "n'est relié à rien" in await answer(s, "!pont liste")


async def test_a_version_12_creator_counts(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        s.hs.facts_of[ROOM] = facts(levels={ALICE: 2**53}, version="12")
        assert "✓" in await answer(s, "!pont net #c")


async def test_a_destination_abroad_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        s.net.destination = Destination.ABROAD
        assert "hors-ue" in await answer(s, "!pont net #c")


async def test_whoever_made_a_link_may_withdraw_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.hs.facts_of[ROOM] = facts(levels={})
        assert "modérateur" in await answer(s, "!pont retirer 1", by="@bob:test")
        assert "n'est plus relié" in await answer(s, "!pont retirer 1")


async def test_ghosts_and_strangers_command_nothing(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        s.hs.facts_of[ROOM] = facts(levels={"@pont_x:test": 100, "@guest:ailleurs": 100})
        assert "pas ouvert" in await answer(s, "!pont net #c", by="@guest:ailleurs")
        assert "pas ouvert" in await answer(s, "!pont net #c", by="@pont_x:test")


async def test_an_unknown_sender_waits_until_let_in(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.moderated = True

    async with stage(tmp_path, prepare=prepare) as s:
        await s.net.say("premier", by="marie@a.fr")
        await s.net.say("second", by="marie@a.fr")
        await s.net.say("pub", by="spam@a.fr")
        log = await s.shown.until(2)
        assert ["écrit pour la première fois" in shown.text.plain for shown in log] == [True, True]
        assert "attend d'être accepté" in await answer(s, "!pont etat")
        await s.say("!pont accepter marie@a.fr")
        await s.shown.until(6)
        assert set(s.shown.texts[3:]) == {"✓ marie@a.fr peut écrire à ce salon.", "premier", "second"}
        assert "ne peut pas" in await answer(s, "!pont refuser spam@a.fr")
        await s.net.say("pub encore", by="spam@a.fr")
        await s.net.say("troisième", by="marie@a.fr")
        await s.shown.until(8)
        assert s.shown.texts[7:] == ["troisième"]
        assert "peut écrire" in await answer(s, "!pont accepter spam@a.fr")
        await s.net.say("repenti", by="spam@a.fr")
        await s.shown.until(10)
        assert s.shown.texts[9] == "repenti"


class ProvingConnection(NetConnection, Proves):
    async def find(self, argument: str, options: Any, asker: Asker) -> Chat:
        return Chat(
            id=ChatId(argument), name=argument, destination=Destination.STATE, direction=Direction.BOTH, proof=argument
        )

    async def challenge(self, address: str, code: str, asker: Asker, *, key: str) -> None:
        self.net.shown.add((address, code))


async def test_an_address_is_proved_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    async with stage(tmp_path, linked=False) as s:
        assert "Un code vient d'être envoyé" in await answer(s, "!pont net moi@a.fr")
        ((address, code),) = await s.net.shown.until(1)
        assert address == "moi@a.fr"
        await s.net.say("avant", chat="moi@a.fr")
        assert "Essais restants : 4" in await answer(s, "!pont code 00000000")
        assert "relié" in await answer(s, f"!pont code {code}")
        assert "avant" not in s.shown.texts


async def test_five_wrong_codes_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    async with stage(tmp_path, linked=False) as s:
        await answer(s, "!pont net moi@a.fr")
        ((_, code),) = await s.net.shown.until(1)
        for _ in range(5):
            await answer(s, "!pont code 1")
        assert "plus valable" in await answer(s, f"!pont code {code}")
        assert "n'est relié à rien" in await answer(s, "!pont liste")


async def test_an_invite_is_answered(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        await s.event("invited", room="!new:test")
        (hello,) = await s.shown.until(1)
        assert "!aide" in hello.text.plain
        assert s.hs.joined == ["!new:test"]
        await s.event("invited", room="!dark:test", encrypted=True)
        await s.event("invited", room="!far:test", by="@eve:ailleurs")
        async with asyncio.timeout(5):
            while len(s.hs.left) < 2:
                await asyncio.sleep(0.01)
        assert {room for room, _ in s.hs.left} == {"!dark:test", "!far:test"}
        assert all(reason for _, reason in s.hs.left)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("bonjour", None),
        ("!", None),
        ("!!", None),
        ("!1", None),
        ("dis !pont", None),
        ("! pont", ("pont", "")),
        (" \t!pont  etat 1", ("pont", "etat 1")),
        ("!Pont x", ("pont", "x")),
        ("!écho\nx", ("écho", "x")),
    ],
)
def test_word_of(text: str, word: tuple[str, str] | None) -> None:
    assert word_of(text) == word


@pytest.mark.parametrize("text", ["!pnt etat", "! pont etat", "  !pont etat", "!pont etat"])
async def test_a_command_is_never_carried_out_of_the_room(tmp_path: Path, text: str) -> None:
    async with stage(tmp_path) as s:
        await answer(s, text)
        await s.say("fin")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["fin"]


@pytest.mark.parametrize("text", ["!!!", "!important : lire ceci", "! Attention"])
async def test_what_only_looks_like_a_command_leaves(tmp_path: Path, text: str) -> None:
    async with stage(tmp_path) as s:
        await s.say(text)
        await s.net.shown.until(1)
        assert s.net.shown.texts == [text]


async def test_a_link_keeps_its_number(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await s.link("#d")
        assert "#c n'est plus relié" in await answer(s, "!pont retirer 1")
        assert "aucun lien « 1 »" in await answer(s, "!pont retirer 1")
        assert (await answer(s, "!pont liste")).startswith("2. #d")
        await s.link("#e")
        assert "\n3. #e" in await answer(s, "!pont liste")
        assert "#d n'est plus relié" in await answer(s, "!pont retirer #D")


async def test_two_links_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """#c of two networks: none of them goes by mistake."""
    async with stage(tmp_path, nets=("net", "libera")) as s:
        await s.link("#c", net="libera")
        s.nets["net"].members, s.nets["libera"].members = ["bob"], ["eve"]
        assert (await answer(s, "!pont liste")).splitlines()[1].startswith("2. #c (libera) — ")
        assert "2. #c (libera) — " in await answer(s, "!pont etat")
        assert await answer(s, "!pont net qui") == "#c (net) (1) : Bob\n#c (libera) (1) : Eve"
        said = await answer(s, "!pont retirer #c")
        assert said == "✗ plusieurs liens s'appellent « #c » : n° 1 (net), n° 2 (libera). Donnez le numéro."
        assert "#c (net) n'est plus relié" in await answer(s, "!pont retirer 1")
        assert (await answer(s, "!pont liste")).startswith("2. #c — ")
        assert "#c n'est plus relié" in await answer(s, "!pont retirer #c")


async def test_who_else_hears_it_is_told_at_the_time(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        said = await answer(s, "!pont net #d")
        assert "Ce qui en vient part aussi vers #c (net)." in said
        assert "Ce qui vient de #c (net) y part aussi." in said
        said = await answer(s, "!pont net #e sens=sortant")
        assert "part aussi vers" not in said
        assert "Ce qui vient de #c (net), #d (net) y part aussi." in said


@pytest.mark.parametrize(
    ("text", "arguments", "options"),
    [
        ("Courriel a@b.fr sens=deux-sens", ("Courriel", "a@b.fr"), {"sens": "deux-sens"}),
        ("irc #canal « x »", ("irc", "#canal", "«", "x", "»"), {}),
        ("l'heure ?", ("l'heure", "?"), {}),
        ('"Quelle date ?" lundi', ("Quelle date ?", "lundi"), {}),
    ],
)
def test_split(text: str, arguments: Any, options: Any) -> None:
    assert split(text) == (arguments, options)


async def test_each_code_proves_its_own_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    async with stage(tmp_path, linked=False) as s:
        await answer(s, "!pont net a@a.fr")
        await answer(s, "!pont net b@a.fr")
        (_, first), (_, second) = await s.net.shown.until(2)
        assert "relié à b@a.fr" in await answer(s, f"!pont code {second}")
        assert "relié à a@a.fr" in await answer(s, f"!pont code {first}")


async def test_asked_again_there_is_a_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    async with stage(tmp_path, linked=False) as s:
        for _ in range(2):
            assert "Un code vient d'être envoyé" in await answer(s, "!pont net a@a.fr")
        (_, old), (_, new) = await s.net.shown.until(2)
        assert old != new
        assert "Ce n'est pas le code" in await answer(s, f"!pont code {old}")
        assert "relié à a@a.fr" in await answer(s, f"!pont code {new}")


async def test_an_expired_code_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    monkeypatch.setattr("tchap_bridges.core.linking.PROOF_MINUTES", -1)
    async with stage(tmp_path, linked=False) as s:
        await answer(s, "!pont net a@a.fr")
        ((_, code),) = await s.net.shown.until(1)
        assert "code périmé" in await answer(s, "!pont etat")
        assert "n'est plus valable" in await answer(s, f"!pont code {code}")
        assert "n'est relié à rien" in await answer(s, "!pont etat")


async def test_a_code_does_not_pass_by_the_rooms_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "NetConnection", ProvingConnection)
    async with stage(tmp_path, linked=False) as s:
        await answer(s, "!pont net a@a.fr")
        ((_, code),) = await s.net.shown.until(1)
        s.hs.facts_of[ROOM] = facts(rule="restricted")
        await s.event("changed", what="access")
        await s.shown.until(2)
        assert "suspendu" in s.shown.texts[-1]
        await answer(s, f"!pont code {code}")
        await s.say("secret")
        await asyncio.sleep(0.2)
        assert [entry for entry in s.net.shown.log if not isinstance(entry, tuple)] == []


async def test_who_is_there(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        s.net.members = ["zoé", "bob", "Éric", "bob"]
        assert await answer(s, "!pont net qui") == "#c (3) : Bob, Zoé, Éric"
        s.net.members = [f"p{n:03}" for n in range(203)]
        assert (await answer(s, "!bridge net who")).endswith("P199 and 3 more")
    (tmp_path / "autre").mkdir()
    async with stage(tmp_path / "autre", linked=False) as s:
        assert "n'est pas relié à ce réseau" in await answer(s, "!pont net qui")
