"""What arrives, on its way to the inbox: whoever looks at it cannot stop it."""

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.ids import RoomId
from tchap_bridges.matrix import rooms as rooms_module
from tchap_bridges.matrix.arrivals import Arrivals
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.rooms import Rooms

OURS = Namespace(server="x.fr", prefix="_pont_", bot="@_pont_bot:x.fr", secret=b"s" * 32)


class Watch:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.seen: list[str] = []

    async def saw(self, event) -> None:
        self.seen.append(event["event_id"])
        if self.error is not None and event["event_id"] == "$poison":
            raise self.error


def event(id_: str, **more) -> dict:
    return {"event_id": id_, "room_id": "!r:x.fr", "sender": "@agent:x.fr", "type": "m.room.message", **more}


def arrivals(*watches) -> tuple[Arrivals, list[str]]:
    kept: list[str] = []

    async def take(events) -> None:
        kept.extend(key for key, _raw in events)

    return Arrivals(take, lambda _passing: None, OURS, watches=watches), kept


async def test_an_event_that_makes_a_watcher_fail_is_kept_and_so_is_what_follows():
    first, second = Watch(UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates not allowed")), Watch()
    way, kept = arrivals(first, second)
    assert await way.take([event("$a"), event("$poison"), event("$b")]) == 3
    assert kept == first.seen == second.seen == ["$a", "$poison", "$b"]


async def test_nothing_is_kept_while_a_watcher_cannot_note_it():
    way, kept = arrivals(Watch(NotReady("the store is away")))
    with pytest.raises(NotReady):
        await way.take([event("$a"), event("$poison")])
    assert kept == []


async def test_a_room_whose_event_is_not_understood_counts_as_encrypted(monkeypatch):
    rooms = Rooms(None, None, None, is_encrypted=lambda _room: False)

    def broken(_event):
        raise RuntimeError("a bug")

    monkeypatch.setattr(rooms_module, "_encrypts", broken)
    way, kept = arrivals(rooms)
    await way.take([event("$a", type="m.room.encryption", state_key="")])
    assert kept == ["$a"]
    with pytest.raises(Undeliverable, match="chiffré"):
        rooms._refuse_encrypted(RoomId("!r:x.fr"))
    rooms._refuse_encrypted(RoomId("!other:x.fr"))


async def test_what_has_meaning_only_now_raises_nothing():
    told = []

    def on_passing(passing) -> None:
        told.append(passing.chat)
        if passing.chat == "!poison:x.fr":
            raise RuntimeError("a bug")

    async def take(_events) -> None: ...

    way = Arrivals(take, on_passing, OURS)
    content = {"user_ids": ["@agent:x.fr", 3, None]}
    rooms = ["!a:x.fr", "!poison:x.fr", "!b:x.fr"]
    way.pass_on([{"type": "m.typing", "room_id": room, "content": content} for room in rooms])
    odd = [{"$e": {"m.read": []}}, {"$e": []}, {"$e": {"m.read": {"@agent:x.fr": 3}}}]
    way.pass_on([{"type": "m.receipt", "room_id": room, "content": each} for room in rooms for each in odd])
    assert told == rooms * 2
