"""What was said about a poll, asked of a homeserver that gives it page by page."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web

from tchap_bot_polls.model import Rules
from tchap_bot_polls.tally import Response, tally
from tchap_bridges.errors import NotReady
from tchap_bridges.events import Option, PollEnded, PollStarted, PollVote, Related
from tchap_bridges.ids import MessageId, RoomId, UserId
from tchap_bridges.matrix import polls, relations
from tchap_bridges.matrix.client import MatrixClient
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.testing.ports import free_port

ROOM, POLL, BOT = RoomId("!salon:x"), MessageId("$poll"), UserId("@_pont_bot:x")
OURS = Namespace(server="x", prefix="_pont_", bot=BOT, secret=b"s" * 32)


def event(n: int, kind: str, content: Mapping[str, Any], sender: str = "") -> dict[str, Any]:
    return {
        "event_id": f"$e{n}",
        "type": kind,
        "room_id": ROOM,
        "sender": sender or f"@u{n}:x",
        "origin_server_ts": 1_000 + n,
        "content": dict(content),
    }


START = event(
    0, polls.START, polls.start("Q ?", [Option(id="a", text="A"), Option(id="b", text="B")], 1, disclosed=True)
)
START["event_id"] = POLL


@dataclass
class Server:
    """A homeserver with one poll. ``endless``: its pages never end."""

    references: Sequence[Any] = ()
    edits: Sequence[Any] = ()
    start: Mapping[str, Any] | None = field(default_factory=lambda: START)
    most: int = 1000
    endless: bool = False
    asked: list[str] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        path = unquote(request.path)
        self.asked.append(path)
        if path == f"/_matrix/client/v3/rooms/{ROOM}/event/{POLL}":
            gone = {"errcode": "M_NOT_FOUND"}
            return web.json_response(self.start) if self.start is not None else web.json_response(gone, status=404)
        kind = path.removeprefix(f"/_matrix/client/v1/rooms/{ROOM}/relations/{POLL}/")
        found = {"m.reference": self.references, "m.replace": self.edits}[kind]
        first, many = int(request.query.get("from", 0)), min(int(request.query["limit"]), self.most)
        after = first + many
        more = {"next_batch": str(after)} if after < len(found) or self.endless else {}
        return web.json_response({"chunk": list(found[first:after]), **more})


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[MatrixClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    client = MatrixClient(f"http://127.0.0.1:{port}", "as")
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


async def related(server: Server) -> Related:
    async with serving(server) as client:
        return await relations.related(client, ROOM, POLL, user=BOT, ours=OURS, opened=relations.as_it_came)


@pytest.mark.parametrize("most", [1000, 100])
async def test_more_than_five_thousand_responses_are_all_counted(most: int) -> None:
    votes = [event(n, polls.RESPONSE, polls.response(POLL, ["a" if n % 3 else "b"])) for n in range(1, 5_003)]
    changed = [event(9_000 + n, polls.RESPONSE, polls.response(POLL, ["b"]), sender=f"@u{n}:x") for n in range(1, 11)]
    server = Server(references=[*reversed(changed), *reversed(votes)], most=most)  # the newest first, as Synapse has it
    found = await related(server)
    assert isinstance(found.message, PollStarted)
    responses = [
        Response(id=one.id, sender=one.author.person, at=round(one.at.timestamp() * 1000), answers=one.answers)
        for one in found.events
        if isinstance(one, PollVote)
    ]
    result = tally(found.message, Rules(), responses)
    third = len([n for n in range(1, 5_003) if n % 3 == 0])
    moved = len([n for n in range(1, 11) if n % 3])
    assert [one.votes for one in result.counts] == [5_002 - third - moved, third + moved]
    assert len([path for path in server.asked if "m.reference" in path]) == -(-5_012 // most)


async def test_what_says_nothing_of_the_poll_is_left_out_and_what_cannot_be_read_is_counted() -> None:
    about = polls.response(POLL, ["a"])
    server = Server(
        references=[
            event(1, polls.RESPONSE, about),
            event(2, "m.room.encrypted", {"m.relates_to": about["m.relates_to"], "ciphertext": "…"}),
            event(3, "m.room.message", {"m.relates_to": about["m.relates_to"], "msgtype": "m.text", "body": "moi"}),
            event(4, polls.RESPONSE, about, sender=BOT),
            {"type": polls.RESPONSE},
            "no event",
            event(5, polls.END, polls.end(POLL, "")),
        ],
        edits=[
            event(
                6,
                polls.START,
                {"m.new_content": START["content"], "m.relates_to": {"rel_type": "m.replace", "event_id": POLL}},
            )
        ],
    )
    found = await related(server)
    assert [type(one) for one in found.events] == [PollVote, PollEnded, PollStarted]
    assert found.unreadable == 2


@pytest.mark.parametrize(
    "start", [None, event(0, "m.room.message", {"msgtype": "m.text", "body": "?"}), event(0, polls.START, {})]
)
async def test_what_is_no_poll_has_no_message(start: dict[str, Any] | None) -> None:
    assert (await related(Server(start=start))).message is None


async def test_a_server_that_never_ends_is_one_that_does_not_answer() -> None:
    with pytest.raises(NotReady):
        await related(Server(endless=True))
