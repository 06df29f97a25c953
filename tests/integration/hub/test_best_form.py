"""Everything that can be done, from each place of a room linked to four networks, as it is seen in all the others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from .conftest import Hub
from .places import Place, Room, Seen

VECTORS = Path(__file__).parents[2] / "vectors" / "hub" / "best_form.yaml"
KINDS: list[dict[str, Any]] = YAML(typ="safe").load(VECTORS)
CASES = [(kind, origin) for kind in KINDS for origin in kind["origins"]]

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def words() -> dict[str, int]:
    """How many cases there were, so that every word is new."""
    return {"n": 0}


def shown_name(place: str, author: Place, origin: str) -> str:
    """How an author is called where they are not at home: with where they are."""
    match place:
        case "list":
            return f"{author.me} (via {author.label})"
        case "irc" | "slack" if origin == "room":
            return author.me
        case _:
            return f"{author.me} ({author.label})"


async def do(place: Place, step: Mapping[str, Any]) -> None:
    match step:
        case {"sends": name, "says": text}:
            await place.send((name, "text/plain", b"le plan"), text)
        case {"says": text}:
            about = {key: step[key] for key in ("thread", "answers", "emote") if key in step}
            await place.say(text, **about)
        case {"edits": text, "new": new}:
            await place.edit(text, new)
        case {"deletes": text}:
            await place.delete(text)
        case {"reacts": text, "symbol": symbol}:
            await place.react(text, symbol)
        case {"unreacts": text, "symbol": symbol}:
            await place.unreact(text, symbol)
        case _:
            raise AssertionError(f"no such step: {step}")


def filled(value: Any, **words: str) -> Any:
    if isinstance(value, str):
        return value.format(**words)
    if isinstance(value, list):
        return [filled(each, **words) for each in value]
    return {key: filled(each, **words) for key, each in value.items()} if isinstance(value, dict) else value


async def arrived(hub: Hub, origin: str, step: Mapping[str, Any]) -> None:
    """Each step is seen everywhere before the next is taken: what is proved here is the form, not the order."""
    if "says" in step:
        for name, place in hub.places.items():
            if name != origin:
                await place.until(step.get("sends") or step["says"])
    await hub.settle()


@pytest.mark.parametrize(("kind", "origin"), CASES, ids=[f"{kind['name']} from {origin}" for kind, origin in CASES])
async def test_form(hub_of_all: Hub, words: dict[str, int], kind: dict[str, Any], origin: str) -> None:
    hub, words["n"] = hub_of_all, words["n"] + 1
    word = f"{origin}{words['n']}"
    steps = [filled(step, o=word) for step in kind["steps"]]
    source = hub.places[origin]
    room = hub.places["room"]
    assert isinstance(room, Room)
    told_before = await notices(room)
    for step in steps:
        await do(source, step)
        await arrived(hub, origin, step)
    wrong: list[str] = []
    for name, place in hub.places.items():
        if name == origin:
            continue
        by = shown_name(name, source, origin)
        wanted = filled(kind["seen"].get(name, kind["seen"]["all"]), o=word, by=by)
        wrong += [f"{name}: {what}" for what in await differences(place, name, steps, wanted, by)]
    words_once = next(step["says"] for step in steps if "says" in step)
    mine = await source.find(words_once)
    if len(mine) > 1:
        wrong.append(f"{origin}: it came back: {mine}")
    told = (await notices(room))[len(told_before) :]
    expected = kind.get("notices", {}).get(origin, kind.get("notices", {}).get("all", {}))
    wrong += unexpected(told, list(expected.values()), hub)
    assert not wrong, "\n".join(wrong)


async def differences(
    place: Place, name: str, steps: list[dict[str, Any]], wanted: dict[str, Any], by: str
) -> list[str]:
    text = wanted.pop("find", next(step["says"] for step in reversed(steps) if "says" in step))
    later, link = wanted.pop("later", None), wanted.pop("link", False)
    by = wanted.pop("by", by)
    gone = wanted.get("gone", False)
    found = await place.find(text)
    if gone:
        shown = [one for one in found if not one.gone]
        return [f"still there: {shown}"] if shown else []
    if len(found) != 1:
        return [f"{text!r} is there {len(found)} times: {found}"]
    one = replace(found[0], title="")
    for relation in ("thread", "answers"):  # a mail's words stand under its subject
        if wanted.get(relation) and wanted[relation] in getattr(one, relation):
            wanted[relation] = getattr(one, relation)
    said = Seen(**{"author": by, "text": one.text, **plainly(wanted), "notice": False})
    wrong = [] if one == said else [f"is {one}", f"not {said}"]
    if later and not any(later in each.text for each in await place.find(later)):
        wrong.append(f"nothing says {later!r}")
    if link and "http" not in one.text:
        wrong.append(f"no link in {one.text!r}")
    return wrong


def plainly(wanted: dict[str, Any]) -> dict[str, Any]:
    """Lists as tuples."""
    found = dict(wanted)
    if "reactions" in found:
        found["reactions"] = tuple(tuple(each) for each in found["reactions"])
    if "files" in found:
        found["files"] = tuple(found["files"])
    return found


async def notices(room: Room) -> list[str]:
    return [one.text for one in await room.seen() if one.notice and one.author != room.me]


def unexpected(told: list[str], expected: list[str], hub: Hub) -> list[str]:
    """Every notice that nothing called for; each that was due may have been read in an earlier case."""
    del hub
    return [f"room: told {notice!r}" for notice in told if not any(words in notice for words in expected)]
