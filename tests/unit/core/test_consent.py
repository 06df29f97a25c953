"""What a room reads of its rules, and what its admins decide: consent, newcomers, levels, guests, what is shared."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tchap_bridges.bridge import Destination, Direction
from tchap_bridges.core.policy import Rules, Shared
from tchap_bridges.core.ports import RoomFacts
from tchap_bridges.events import Author, Typing
from tchap_bridges.ids import ChatId, PersonId, RoomId, UserId

from .homeserver import ALICE, BOT, ROOM
from .network import NetBridge, NetConnection
from .stage import Stage, stage
from .test_commands import answer, facts

RULES = Rules(
    destinations=frozenset({Destination.STATE}), restricted_rooms=False, encrypts=True, operator="Pôle messagerie"
)
GUEST = UserId("@zoe:invites.test")
PEOPLE = [ALICE, BOT]


def room(s: Stage, **changes: Any) -> None:
    s.hs.facts_of[ROOM] = facts(**{"present": PEOPLE, **changes})


async def encrypt(s: Stage, **changes: Any) -> None:
    room(s, encrypted=True, **changes)
    await s.event("changed", what="encryption")
    await s.calm()


async def audited(s: Stage, *kinds: str) -> list[tuple[str, str, str, str]]:
    async with s.db.snapshot() as tx:
        rows = await tx.all("audit_list", after=0, limit=1000)
    return [(row["what"], row["who"], row["detail"], row["rule"]) for row in rows if row["what"] in kinds]


async def test_an_encrypted_room_s_words_leave_once_an_admin_says_so(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        await encrypt(s)
        (notice,) = s.shown.texts
        assert "ne part plus vers #c (net, état)" in notice
        assert "Un modérateur peut l'autoriser : !pont chiffrement autoriser 1" in notice
        await s.say("secret")
        await s.net.say("du dehors")
        await s.calm()
        assert (s.net.shown.texts, s.shown.texts[-1]) == ([], "du dehors")

        said = await answer(s, "!pont chiffrement autoriser 1")
        for part in ("#c", "« état »", "Pôle messagerie", "nouveau membre", "!pont chiffrement retirer 1"):
            assert part in said
        await s.say("permis")
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["permis"], "and what was said before stays"
        assert "déjà autorisé, par @alice:test" in await answer(s, "!pont chiffrement autoriser")

        assert "no longer leaves for #c" in await answer(s, "!bridge encryption withdraw 1")
        await s.say("de nouveau secret")
        await s.calm()
        assert s.net.shown.texts == ["permis"]
        assert await audited(s, "encryption allowed", "encryption withdrawn") == [
            ("encryption allowed", ALICE, "#c", "destination=état"),
            ("encryption withdrawn", ALICE, "#c", "destination=état"),
        ]


async def test_what_has_left_is_corrected_no_more_and_withdrawn_all_the_same(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        await encrypt(s)
        await answer(s, "!pont chiffrement autoriser 1")
        said = await s.say("permis")
        await s.net.shown.until(1)
        await answer(s, "!pont chiffrement retirer 1")
        await s.event("edit", target=said, text="secret")
        await s.event("reaction", target=said, key="👍")
        await s.event("deletion", target=said)
        log = await s.net.shown.until(2)
        await s.calm()
        assert [type(one).__name__ for one in log] == ["Outgoing", "OutgoingDeletion"]


async def test_what_still_waits_to_leave_stays_when_consent_is_withdrawn(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES, grace=0.5) as s:
        await encrypt(s)
        await answer(s, "!pont chiffrement autoriser 1")
        await s.say("presque parti")
        said = await answer(s, "!pont chiffrement retirer 1")
        assert "ne part plus" in said
        await s.shown.until(len(s.shown.log) + 1)
        assert s.net.shown.texts == []
        assert "Non remis à #c : ce salon est chiffré" in s.shown.texts[-1]


@pytest.mark.parametrize(
    ("typed", "state", "told"),
    [
        ("!pont chiffrement", {}, "il manque « autoriser » ou « retirer »"),
        ("!pont chiffrement oui 1", {}, "il manque « autoriser » ou « retirer »"),
        ("!pont chiffrement autoriser 9", {}, "aucun lien « 9 »"),
        ("!pont chiffrement autoriser 1", {"levels": {ALICE: 49}}, "au moins modérateur"),
        ("!pont chiffrement retirer 1", {"levels": {ALICE: 49}}, "au moins modérateur"),
        ("!pont chiffrement autoriser 1", {"users_default": 50}, "tout le monde est modérateur"),
        ("!pont chiffrement autoriser 1", {"encrypted": False}, "n'est pas chiffré"),
        ("!bridge encryption allow 1", {"encrypted": False}, "this room is not encrypted"),
    ],
)
async def test_who_may_not_consent_is_told_why(tmp_path: Path, typed: str, state: dict[str, Any], told: str) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        await encrypt(s)
        room(s, **{"encrypted": True, **state})
        said = await answer(s, typed)
        assert said.startswith("✗ ")
        assert told in said
        room(s, encrypted=True)
        await s.say("secret")
        await s.calm()
        assert s.net.shown.texts == []


async def test_nobody_consents_for_a_link_that_only_comes_in(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        s.net.direction = Direction.IN

    async with stage(tmp_path, rules=RULES, prepare=prepare) as s:
        await encrypt(s)
        assert "#c ne fait qu'entrer" in await answer(s, "!pont chiffrement autoriser 1")


async def test_whoever_comes_in_is_told_where_words_go(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        await encrypt(s)
        await s.event("moved", by="@bob:test", present=True)
        await s.calm()
        assert len(s.shown.texts) == 1, "nothing leaves: nothing to tell"
        await answer(s, "!pont chiffrement autoriser 1")
        before = len(s.shown.log)
        for who in ("@bob:test", "@eve:test"):
            await s.event("moved", by=who, present=True)
            await s.event("moved", by=who, present=False)
        await s.calm()
        told = s.shown.texts[before:]
        assert len(told) == 2
        assert all("#c (net, état)" in one and "Pôle messagerie" in one for one in told)
        await s.say("toujours permis")
        await s.net.shown.until(1)


async def test_a_link_made_in_an_encrypted_room_begins_without_consent(tmp_path: Path) -> None:
    def prepare(s: Stage) -> None:
        room(s, encrypted=True)

    async with stage(tmp_path, rules=RULES, linked=False, prepare=prepare) as s:
        said = await answer(s, "!pont net #c")
        assert "✓ Ce salon est relié à #c" in said
        assert "n'en sort pas encore" in said
        await s.say("secret")
        await s.calm()
        assert s.net.shown.texts == []


# Rules that change


async def test_a_guest_in_a_room_of_agents_suspends_it_at_once(tmp_path: Path) -> None:
    rules = replace(RULES, restricted_rooms=True)

    def prepare(s: Stage) -> None:
        room(s, rule="restricted")

    async with stage(tmp_path, rules=rules, guests=["*:invites.test"], prepare=prepare) as s:
        room(s, rule="restricted", present=[*PEOPLE, GUEST])
        await s.event("moved", by=GUEST, present=True)
        await s.say("devant l'invité")
        await s.calm()
        assert s.net.shown.texts == []
        (told,) = s.shown.texts
        assert "est suspendu : un invité est dans ce salon réservé aux agents" in told
        assert "Un administrateur du salon peut faire sortir les invités." in told
        room(s, rule="restricted")
        await s.event("moved", by=GUEST, present=False)
        await s.calm()
        assert "reprend" in s.shown.texts[-1]
        await s.say("entre nous")
        await s.net.shown.until(1)
        assert [row[:2] for row in await audited(s, "suspended", "resumed")] == [
            ("suspended", GUEST),
            ("resumed", BOT),
        ]


async def test_a_room_that_opens_to_everybody_against_its_rule_is_suspended(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        room(s, public=True)
        await s.event("changed", what="join", value="public")
        await s.say("à tous")
        await s.calm()
        assert s.net.shown.texts == []
        assert "Tchap n'admet pas les deux. Un administrateur du salon peut le changer." in s.shown.texts[0]


async def test_a_room_that_the_bot_is_not_in_is_suspended(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        room(s, in_sync=False)
        await s.event("changed", what="join", value="")
        await s.calm()
        assert "le pont ne sait pas qui est dans ce salon" in s.shown.texts[0]


async def test_what_we_were_never_told_is_found_by_looking_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage(tmp_path, rules=RULES) as s:
        room(s, rule="restricted")
        await s.event("changed", what="access", value="restricted")
        await s.calm()
        room(s)  # and no event says so
        await s.kernel.roomwork.review_suspended()
        await s.calm()
        assert "est suspendu" in s.shown.texts[-1], "a change that is news may be followed by others"
        monkeypatch.setattr("tchap_bridges.core.roomfacts.QUIET", -1)
        await s.kernel.roomwork.review_suspended()
        await s.calm()
        assert "reprend" in s.shown.texts[-1]


async def test_a_link_is_not_made_by_facts_that_are_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(tmp_path, rules=RULES, linked=False) as s:
        real: Callable[..., Awaitable[Any]] = NetConnection.find

        async def slow(self: Any, *given: Any) -> Any:
            await s.event("changed", what="access", value="restricted")
            async with asyncio.timeout(5):
                while not s.kernel.rooms.changes(ROOM):
                    await asyncio.sleep(0.005)
            return await real(self, *given)

        monkeypatch.setattr(NetConnection, "find", slow)
        assert "viennent de changer" in await answer(s, "!pont net #c")


async def test_consent_follows_the_room_and_rules_do_not(tmp_path: Path) -> None:
    """A room that is upgraded is judged anew, also when it changes while it is being looked at."""
    new = RoomId("!neuf:test")
    async with stage(tmp_path, rules=RULES) as s:
        await encrypt(s)
        await answer(s, "!pont chiffrement autoriser 1")
        real, looked = s.hs.facts, 0

        async def closes(where: RoomId) -> RoomFacts:
            nonlocal looked
            found = await real(where)
            if where == new and not looked:
                looked = 1
                s.hs.facts_of[new] = replace(found, rule="restricted")
                await s.event("changed", what="access", value="restricted", room=new)
                async with asyncio.timeout(5):
                    while not s.kernel.rooms.changes(new):
                        await asyncio.sleep(0.005)
            return found

        s.hs.facts = closes
        s.hs.facts_of[new] = facts(room=new, encrypted=True, present=PEOPLE, predecessor=ROOM)
        await s.event("upgraded", to=new)
        await s.calm()
        await s.say("entre agents", room=new)
        await s.calm()
        assert s.net.shown.texts == []
        assert "est suspendu : ce salon est réservé aux agents" in s.shown.texts[-1]
        s.hs.facts_of[new] = replace(s.hs.facts_of[new], rule="unrestricted")
        await s.event("changed", what="access", value="unrestricted", room=new)
        await s.calm()
        await s.say("à tous", room=new)
        await s.net.shown.until(1)
        assert s.net.shown.texts == ["à tous"]


async def test_a_ghost_that_is_raised_is_told_of_once(tmp_path: Path) -> None:
    ghost = UserId("@pont_bob:test")
    async with stage(tmp_path, rules=RULES) as s:
        room(s, levels={ALICE: 100, ghost: 50, BOT: 100}, present=[*PEOPLE, ghost])
        for _turn in range(2):
            await s.event("changed", what="power")
            await s.calm()
        assert len(s.shown.texts) == 2
        assert any("@pont_bob:test" in text and "niveau 50" in text for text in s.shown.texts)
        assert any("Le pont a reçu dans ce salon le niveau 100" in text for text in s.shown.texts)
        await s.say("toujours")
        await s.net.shown.until(1)


# Agents elsewhere


async def test_a_room_of_agents_is_linked_to_agents_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the operator answers for a network of addresses, each address is asked for all the same."""
    monkeypatch.setattr(NetBridge, "same_people", True)
    rules = replace(RULES, agents_only=frozenset({"net"}))
    async with stage(tmp_path, linked=False, rules=rules) as s:
        room(s, rule="restricted")
        s.hs.agents = {"zoe@finances.test"}
        assert "réservé aux agents" in await answer(s, "!pont net bob@ailleurs.test")
        assert "✓ Ce salon est relié à zoe@finances.test" in await answer(s, "!pont net zoe@finances.test")
        await s.say("entre agents")
        await s.net.shown.until(1)


async def test_an_outsider_linked_before_is_one_when_the_room_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NetBridge, "same_people", True)
    rules = replace(RULES, agents_only=frozenset({"net"}))
    async with stage(tmp_path, linked=False, rules=rules) as s:
        room(s)
        await answer(s, "!pont net bob@ailleurs.test")
        room(s, rule="restricted")
        await s.event("changed", what="access", value="restricted")
        await s.say("entre agents")
        await s.calm()
        assert s.net.shown.texts == []
        assert "est suspendu : ce salon est réservé aux agents" in s.shown.texts[-1]


# What is told


async def test_the_rules_are_told_in_plain_words(tmp_path: Path) -> None:
    async with stage(tmp_path, rules=replace(RULES, shared=frozenset({Shared.NAMES}))) as s:
        room(s, federates=False, present=[*PEOPLE, GUEST])
        said = await answer(s, "!pont politique")
        assert "Accès : ouvert aux invités" in said
        assert "Fédération : non (m.federate)" in said
        assert "1. #c (net, destination « état ») — actif" in said
        assert "entre : non — ce salon est fermé aux autres serveurs" in said
        assert "Pôle messagerie" in said
        room(s, encrypted=False)
        said = await answer(s, "!pont politique")
        assert "entre : oui" in said
        assert "sort : oui" in said
        assert "avec les messages : ✗ fichiers, ✓ noms, ✗ photos, ✗ saisie" in said
        await encrypt(s)
        said = await answer(s, "!bridge policy")
        assert "leaves: no — this room is encrypted, and no moderator has allowed" in said
        assert "!bridge encryption allow" in said
        assert "comes in: yes" in said
        await answer(s, "!pont chiffrement autoriser 1")
        assert "autorisé par @alice:test" in await answer(s, "!pont politique")


async def test_anybody_may_read_the_rules_and_help_names_them(tmp_path: Path) -> None:
    async with stage(tmp_path, linked=False) as s:
        room(s, levels={})
        assert "n'est relié à rien" in await answer(s, "!pont politique", by="@bob:test")
        assert "!pont politique —" in await answer(s, "!pont aide")
        assert "!bridge encryption allow 1 —" in await answer(s, "!bridge help")


# What goes along with words


async def test_what_the_operator_does_not_share_stays(tmp_path: Path) -> None:
    none = replace(RULES, shared=frozenset())
    async with stage(tmp_path, rules=none) as s:
        s.hs.names[ALICE] = "Alice Martin"
        s.hs.rooms.files["plan.pdf"] = b"octets"
        await s.say("voici", files=["plan.pdf"])
        (sent,) = await s.net.shown.until(1)
        assert (sent.author.name, sent.author.person) == ("Un membre du salon", "")
        assert "plan.pdf" not in str(sent.files[0].name)
        assert await sent.link_to_avatar() is None
        with pytest.raises(Exception, match="les fichiers du salon ne sortent pas"):
            async with sent.files[0].open():
                pass
        with pytest.raises(Exception, match="les fichiers du salon ne sortent pas"):
            await sent.files[0].link()
        await s.net.say("du dehors")
        log = await s.shown.until(1)
        assert log[-1].author.name == "Bob"


@pytest.mark.parametrize("shared", [True, False])
async def test_that_somebody_writes_is_told_where_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    seen: list[bool] = []

    async def typing(_self: Any, _chat: ChatId, _author: Author, *, active: bool) -> None:
        seen.append(active)

    monkeypatch.setattr(NetConnection, "typing", typing, raising=False)
    monkeypatch.setattr("tchap_bridges.core.passing.ShowsTyping", NetConnection)
    rules = RULES if shared else replace(RULES, shared=frozenset())
    async with stage(tmp_path, rules=rules) as s:
        author = Author(person=PersonId(ALICE), name="")
        s.hs.edge.passing(Typing(chat=ChatId(ROOM), author=author, active=True))
        await asyncio.sleep(0.05)
        await s.say("après")
        await s.net.shown.until(1)
        assert seen == [True] * shared
        await encrypt(s)
        s.hs.edge.passing(Typing(chat=ChatId(ROOM), author=author, active=False))
        await s.net.say("après encore")
        await s.calm()
        assert seen == [True] * shared, "nor from an encrypted room"
