"""A whole day of a conversation in four places, and what everybody has read in the end (tests/vectors/hub)."""

import asyncio
import re
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from .conftest import Hub
from .places import PATIENCE, IrcChannel, MailingList, Room
from .transcript import grouped, in_order, letters, masked

VECTORS = Path(__file__).parents[2] / "vectors" / "hub" / "conversation.yaml"
SCRIPT: dict[str, Any] = YAML(typ="safe").load(VECTORS)
PLACES = ("room", "list", "irc", "echo")

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_everybody_reads(day: Hub) -> None:
    hub = day
    room, mails = cast("Room", hub.places["room"]), cast("MailingList", hub.places["list"])
    channel = cast("IrcChannel", hub.places["irc"])
    before = len(await room.seen())
    for n, step in enumerate(SCRIPT["steps"], 1):
        try:
            await take(hub, step)
        except AssertionError as error:
            raise AssertionError(f"step {n}, {step}: {error}") from None
    mask = masked((mails.post, "<liste>"), (channel.channel, "<canal>"), (channel.me, "zoe"))
    bot = next(one.author for one in await room.seen() if one.notice)
    read = {
        "room": grouped((await room.seen())[before:], bot),
        "list": letters(await mails.seen()),
        "irc": in_order(await channel.seen()),
        "echo": grouped(await hub.places["echo"].seen()),
    }
    wrong: list[str] = []
    for name in PLACES:
        wanted, found = SCRIPT[name].splitlines(), mask(read[name]).splitlines()
        wrong += unified_diff(wanted, found, name, "as it is", lineterm="")
    assert not wrong, "\n".join(wrong)


async def take(hub: Hub, step: Mapping[str, Any]) -> None:
    """One step; returns once everybody has seen as much of it as they can."""
    place, others = hub.places[step["at"]], [hub.places[name] for name in PLACES if name != step["at"]]
    words = step.get("as") or step.get("says") or step.get("sends") or step.get("mails") or step.get("new") or ""
    match step:
        case {"calls": name, "says": text}:
            assert isinstance(place, Room)
            await call(place, name, text)
        case {"mails": text}:
            assert isinstance(place, MailingList)
            file = (step["file"], "text/plain", b"en couleurs") if "file" in step else None
            await place.mail(text, step.get("about", ""), file, step.get("subject", ""))
        case {"sends": name}:
            await place.send((name, "text/plain", b"tout y est"), step.get("says", ""))
        case {"says": text}:
            await place.say(text, **{key: step[key] for key in ("thread", "answers", "emote") if key in step})
        case {"edits": text, "new": new}:
            await place.edit(text, new)
            for other in (hub.places["room"], hub.places["echo"]):
                await other.until(new)
        case {"deletes": text}:
            await place.delete(text)
            await gone(hub, text)
        case {"reacts": text, "symbol": symbol}:
            await place.react(text, symbol)
            for name in {"room", "echo"} - {step["at"]}:
                await hub.places[name].until(text, lambda one: any(each == symbol for _who, each in one.reactions))
        case {"unreacts": text, "symbol": symbol}:
            await place.unreact(text, symbol)
            await hub.places["room"].until(text, lambda one: not any(by.startswith("Sam") for by, _ in one.reactions))
    if {"says", "sends", "mails"} & set(step):
        for other in others:
            await other.until(words)
    await hub.settle()


async def call(room: Room, name: str, text: str) -> None:
    """With a pill, as clients write it."""
    members = await room.client.members(room.room)
    user = next(id_ for id_, member in members.items() if re.sub(r"\d", "", member.get("displayname", "")) == name)
    shown = members[user]["displayname"]
    pill = f'<a href="https://matrix.to/#/{user}">{shown}</a>: {text}'
    await room.client.send_text(room.room, f"{shown}: {text}", html=pill, mentions=[user])


async def gone(hub: Hub, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        for name in ("room", "echo"):
            while any(text in one.text for one in await hub.places[name].seen()):
                await asyncio.sleep(0.05)
