"""A whole day of a conversation in four places, and what everybody has read in the end (tests/vectors/hub)."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from difflib import unified_diff
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from ruamel.yaml import YAML

from .conftest import Hub
from .places import PATIENCE, IrcChannel, MailingList, Place, Room, Seen
from .transcript import grouped, in_order, letters, masked

VECTORS = Path(__file__).parents[2] / "vectors" / "hub" / "conversation.yaml"
SCRIPT: dict[str, Any] = YAML(typ="safe").load(VECTORS)
PLACES = ("room", "list", "irc", "slack")

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
        "slack": grouped(await hub.places["slack"].seen()),
    }
    wrong: list[str] = []
    for name in PLACES:
        wanted, found = SCRIPT[name].splitlines(), mask(read[name]).splitlines()
        wrong += unified_diff(wanted, found, name, "as it is", lineterm="")
    assert not wrong, "\n".join(wrong)


async def take(hub: Hub, step: Mapping[str, Any]) -> None:
    """One step; returns once everybody has seen as much of it as they can."""
    if "held" in step:
        hub.places[step["at"]].hold()
    await act(hub, step)
    if not {"held", "early"} & set(step):
        await seen_by_all(hub, step)
    await hub.settle()


async def act(hub: Hub, step: Mapping[str, Any]) -> None:
    place = hub.places[step["at"]]
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
        case {"deletes": text}:
            await place.delete(text)
        case {"reacts": text, "symbol": symbol}:
            await place.react(text, symbol)
        case {"unreacts": text, "symbol": symbol}:
            await place.unreact(text, symbol)
        case {"releases": _words}:
            await place.release()


async def seen_by_all(hub: Hub, step: Mapping[str, Any]) -> None:
    """Returns once everybody sees as much of a step as their place can show."""
    others = [hub.places[name] for name in PLACES if name != step["at"]]
    lasting = [hub.places[name] for name in ("room", "slack")]  # where what is said can be changed
    match step:
        case {"edits": _text, "new": new}:
            for place in lasting:
                await place.until(new)
        case {"deletes": text}:
            await gone(lasting, text)
        case {"reacts": text, "symbol": symbol}:
            for place in lasting:
                await place.until(text, partial(has, symbol))
        case {"unreacts": text, "symbol": symbol}:
            for place in lasting:
                await place.until(text, partial(has, symbol, by=hub.places[step["at"]].me, not_=True))
        case {"releases": words} | {"as": words} | {"says": words} | {"sends": words} | {"mails": words}:
            for place in others:
                await place.until(words)


def has(symbol: str, one: Seen, *, by: str = "", not_: bool = False) -> bool:
    """Whether a message bears a reaction, of somebody or at all."""
    return not_ != any(each == symbol and who.startswith(by) for who, each in one.reactions)


async def call(room: Room, name: str, text: str) -> None:
    """With a pill, as clients write it."""
    members = await room.client.members(room.room)
    user = next(id_ for id_, member in members.items() if re.sub(r"\d", "", member.get("displayname", "")) == name)
    shown = members[user]["displayname"]
    pill = f'<a href="https://matrix.to/#/{user}">{shown}</a>: {text}'
    await room.client.send_text(room.room, f"{shown}: {text}", html=pill, mentions=[user])


async def gone(places: Sequence[Place], text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        for place in places:
            while any(text in one.text for one in await place.seen()):
                await asyncio.sleep(0.05)
