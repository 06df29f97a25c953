"""The part of the contract suite about abilities: what is declared works, what is not leaves no trace."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from tchap_bridges.bridge import Connection, Deletes, Edits, NamesChats, OpensFiles, Proves, Reacts, ShowsTyping
from tchap_bridges.errors import BridgeError, Misconfigured, Undeliverable
from tchap_bridges.events import Deletion, Edit, Reaction, Text, Typing
from tchap_bridges.ids import FileRef, MessageId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction
from tchap_bridges.testing.contract_incoming import HOSTILE, PeerTests
from tchap_bridges.testing.rig import ASKER, JEANNE, Rig, until

ABILITIES: dict[type[Any], str] = {
    Edits: "edit",
    Deletes: "delete",
    Reacts: "react",
    ShowsTyping: "typing",
    NamesChats: "find",
    Proves: "challenge",
    OpensFiles: "open_file",
}


def needs(connection: Connection, ability: type[Any]) -> None:
    if not isinstance(connection, ability):
        pytest.skip(f"{ability.__name__} is not declared")


class AbilityContract(PeerTests):
    """Both ways: what is done from our side, and what people of the network do."""

    @pytest.mark.parametrize("ability", ABILITIES)
    async def test_what_is_not_declared_is_absent(self, ability: type[Any]) -> None:
        """A method without its ability would never be called, and its author would never know."""
        async with self.rig() as rig:
            if not isinstance(rig.connection, ability):
                assert not hasattr(rig.connection, ABILITIES[ability]), f"inherit {ability.__name__}"

    # From our side

    async def test_edits(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, Edits)
            assert isinstance(rig.connection, Edits)
            target = (await rig.send(rig.message("brouillon")))[0]
            for _ in range(2):  # a retry changes nothing
                await rig.connection.edit(_edit(rig, target, "au propre"))
            await until(lambda: "au propre" in rig.peer.shown()[0].text)
            assert len(rig.peer.shown()) == 1
            assert rig.peer.shown()[0].id == target

    async def test_hostile_edits(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, Edits)
            assert isinstance(rig.connection, Edits)
            target = (await rig.send(rig.message("brouillon")))[0]
            for text in (*HOSTILE, "x" * 3 * (rig.connection.limits.text_bytes or 10_000)):
                await rig.connection.edit(_edit(rig, target, text))
            assert len(await rig.shows(1)) == 1

    async def test_deletes(self) -> None:
        """All the parts; and what is gone already is gone."""
        async with self.rig() as rig:
            needs(rig.connection, Deletes)
            assert isinstance(rig.connection, Deletes)
            size = 2 * (rig.connection.limits.text_bytes or 100)
            parts = tuple(await rig.send(rig.message("long " * (size // 5))))
            deletion = OutgoingDeletion(
                key=rig.key(), chat=rig.chat.id, author=JEANNE, network="Tchap", target=parts[0], parts=parts
            )
            for _ in range(2):
                await rig.connection.delete(deletion)
            await until(lambda: not rig.peer.shown())

    async def test_reacts(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, Reacts)
            assert isinstance(rig.connection, Reacts)
            target = (await rig.send(rig.message("à applaudir")))[0]
            reaction = _reaction(rig, target, "👏")
            id_ = await rig.connection.react(reaction)
            if rig.connection.limits.repeatable:
                assert await rig.connection.react(reaction) == id_
            await until(lambda: list(rig.peer.shown()[0].reactions) == ["👏"])
            await rig.connection.react(_reaction(rig, target, "👏", removed=True, reaction=id_))
            await until(lambda: not rig.peer.shown()[0].reactions)

    async def test_hostile_reactions(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, Reacts)
            assert isinstance(rig.connection, Reacts)
            target = (await rig.send(rig.message("à applaudir")))[0]
            for symbol in (*HOSTILE, "x" * 10_000):
                with suppress(Undeliverable):
                    await rig.connection.react(_reaction(rig, target, symbol))
            assert len(await rig.shows(1)) == 1

    async def test_shows_typing(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, ShowsTyping)
            assert isinstance(rig.connection, ShowsTyping)
            await rig.connection.typing(rig.chat.id, JEANNE, active=True)
            await until(lambda: JEANNE.name in rig.peer.typing())
            await rig.connection.typing(rig.chat.id, JEANNE, active=False)
            await until(lambda: not rig.peer.typing())

    async def test_about_what_is_not_there(self) -> None:
        """An edit, a deletion or a reaction of something unknown is undeliverable, or passes; it never breaks."""
        async with self.rig() as rig:
            nothing = MessageId("m0-nobody-knows-it")
            connection, chat = rig.connection, rig.chat.id
            deletion = OutgoingDeletion(key=rig.key(), chat=chat, author=None, network="Tchap", target=nothing)
            if isinstance(connection, Edits):
                with suppress(Undeliverable):
                    await connection.edit(_edit(rig, nothing, "?"))
            if isinstance(connection, Deletes):
                with suppress(Undeliverable):
                    await connection.delete(deletion)
            if isinstance(connection, Reacts):
                with suppress(Undeliverable):
                    await connection.react(_reaction(rig, nothing, "👍"))
            if isinstance(connection, OpensFiles):
                with pytest.raises(BridgeError):
                    await _read(connection, FileRef("f0-nobody-knows-it"))

    async def test_our_own_doings_are_no_news(self) -> None:
        """Edits, deletions and reactions that we made ourselves are not told as if people had made them."""
        async with self.rig() as rig:
            connection = rig.connection
            target = (await rig.send(rig.message("de nous")))[:1]
            if isinstance(connection, Edits):
                await connection.edit(_edit(rig, target[0], "de nous encore"))
            if isinstance(connection, Reacts):
                await connection.react(_reaction(rig, target[0], "👍"))
            if isinstance(connection, ShowsTyping):
                await connection.typing(rig.chat.id, JEANNE, active=True)
            await rig.peer.say("d'eux")
            await rig.hears()
            assert not [event for event in rig.events() if isinstance(event, Edit | Deletion | Reaction | Typing)]

    # What people of the network do

    async def test_people_edit(self) -> None:
        async with self.rig() as rig:
            await rig.peer.say("brouilon")
            (message,) = await rig.hears()
            await rig.peer.edit(message.id, "brouillon")
            edit = await rig.hears_event(Edit)
            assert edit.target == message.id
            assert edit.text.plain.strip() == "brouillon"
            assert edit.author == message.author
            assert edit.id != message.id

    async def test_people_delete(self) -> None:
        async with self.rig() as rig:
            await rig.peer.say("à effacer")
            (message,) = await rig.hears()
            await rig.peer.delete(message.id)
            assert (await rig.hears_event(Deletion)).target == message.id

    async def test_people_react(self) -> None:
        async with self.rig() as rig:
            await rig.peer.say("à applaudir")
            (message,) = await rig.hears()
            await rig.peer.react(message.id, "👏")
            set_ = await rig.hears_event(Reaction)
            assert (set_.target, set_.key, set_.removed) == (message.id, "👏", False)
            await rig.peer.unreact(message.id, "👏")
            await until(lambda: any(isinstance(event, Reaction) and event.removed for event in rig.events()))
            taken = await rig.hears_event(Reaction)
            assert (taken.target, taken.key, taken.author.person) == (message.id, "👏", set_.author.person)

    async def test_people_type(self) -> None:
        async with self.rig() as rig:
            await rig.peer.types()
            assert (await rig.hears_event(Typing)).active

    # Commands

    async def test_finds_its_chat(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, NamesChats)
            assert isinstance(rig.connection, NamesChats)
            chat = await rig.connection.find(rig.peer.argument, {}, ASKER)
            assert not chat.waiting.endswith("."), "it is told among other things"
            assert chat == rig.chat, "the same words must always mean the same chat"
            assert chat.id
            assert chat.name

    async def test_says_why_it_finds_nothing(self) -> None:
        async with self.rig() as rig:
            needs(rig.connection, NamesChats)
            assert isinstance(rig.connection, NamesChats)
            for words in (rig.peer.nowhere, "", " ", "x" * 10_000, *HOSTILE):
                refusal = await _refusal(rig.connection, words)
                assert refusal is None or refusal.reason
                assert refusal is None or refusal.remedy, f"{words[:50]!r}: and nobody is told what to do"
            assert await _refusal(rig.connection, rig.peer.nowhere), "it finds what is nowhere"


async def _refusal(connection: NamesChats, words: str) -> Misconfigured | None:
    try:
        await asyncio.wait_for(connection.find(words, {}, ASKER), 10)
    except Misconfigured as error:
        return error
    return None


async def _read(connection: OpensFiles, ref: FileRef) -> bytes:
    async with connection.open_file(ref) as chunks:
        return b"".join([chunk async for chunk in chunks])


def _edit(rig: Rig, target: MessageId, text: str) -> OutgoingEdit:
    return OutgoingEdit(
        key=rig.key(),
        chat=rig.chat.id,
        author=JEANNE,
        network="Tchap",
        at=datetime.now(UTC),
        target=target,
        text=Text(plain=text),
    )


def _reaction(
    rig: Rig, target: MessageId, symbol: str, *, removed: bool = False, reaction: MessageId | None = None
) -> OutgoingReaction:
    return OutgoingReaction(
        key=rig.key(),
        chat=rig.chat.id,
        author=JEANNE,
        network="Tchap",
        target=target,
        symbol=symbol,
        removed=removed,
        reaction=reaction,
    )
