"""What the demo lets one do once its story is told: a typed line answers the last mail, and what leaves is shown."""

import asyncio
import io
import os

import pytest
from rich.console import Console

from tchap_bridges.cli.demo.mailing import Mailing
from tchap_bridges.cli.demo.stage import Stage
from tchap_bridges.cli.demo.stay import Stay
from tchap_bridges.testing.process import eventually

from .conftest import Linked

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_typed_line_leaves_for_the_list_and_is_shown(linked: Linked) -> None:
    root = await linked.mail("Zoé", "zoe@a.localhost", "Plan des bureaux", "Qui prend le 12 ?")
    await linked.said("Qui prend le 12 ?")
    await linked.mail("Jean", "jean@a.localhost", "Re: Plan des bureaux", "Pas moi", parents=(root,))
    last = await linked.said("Pas moi")
    output = io.StringIO()
    console = Console(file=output, width=120, highlight=False)
    mailing = Mailing(Stage(console), linked.world, linked.agent)
    mailing.room, mailing.address = linked.room, linked.address

    async def printed(words: str) -> bool:
        return words in output.getvalue()

    typed, keyboard = os.pipe()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Stay(console, linked.world, mailing).live(typed, stop))
        try:
            os.write(keyboard, "Je prends le 12 été\n!pont etat\n\nEt le 13".encode())
            sent = await linked.left("Je prends le 12 été")
            assert await eventually(lambda: printed("courriel sorti vers"), timeout=20)
            assert await eventually(lambda: printed("1. "), timeout=20), "a command is answered"
            os.write(keyboard, b" aussi\n")
            await linked.left("Et le 13 aussi")
        finally:
            stop.set()
            os.close(keyboard)
    os.close(typed)
    assert sent.message()["References"].split()[0] == root
    assert sent.recipients == (f"{linked.list_name}@listes.tchap.localhost",)
    assert "Subject: Re: Plan des bureaux" in output.getvalue()
    events = [event for event in await linked.agent.timeline(linked.room) if event["sender"] == linked.agent.user_id]
    relations = {
        event["content"]["body"]: event["content"].get("m.relates_to", {})
        for event in events
        if event["type"] == "m.room.message"
    }
    assert relations["Je prends le 12 été"]["event_id"] == last["content"]["m.relates_to"]["event_id"]
    assert relations["!pont etat"] == {}
