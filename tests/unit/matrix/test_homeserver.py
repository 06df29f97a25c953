"""What the core asks of a homeserver that answers as the test likes."""

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tchap_bridges.errors import NotReady
from tchap_bridges.matrix.homeserver import MatrixHomeserver, Settings
from tchap_bridges.testing.ports import free_port

ROOM, BOT, AGENT = "!r:x", "@_pont_bot:x", "@agent:x"
STATE = [{"type": "m.room.create", "state_key": "", "sender": AGENT, "content": {"room_version": "11"}}]


class World:
    """Answers every GET with ``found``, and keeps what is put."""

    def __init__(self) -> None:
        self.found: object = {}
        self.put: list[object] = []
        self.homeserver: MatrixHomeserver

    async def serve(self, request) -> web.Response:
        if request.method == "GET":
            return web.json_response(self.found)
        self.put.append(await request.json())
        return web.json_response({})


@asynccontextmanager
async def world(**options):
    here = World()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    settings = Settings(
        url=f"http://127.0.0.1:{port}",
        server="x",
        appservice="pont",
        as_token="as",
        hs_token="hs",
        bot="_pont_bot",
        prefix="_pont_",
        secret=b"s" * 32,
        listen=None,
        **options,
    )
    here.homeserver = MatrixHomeserver(
        settings,
        db=None,
        sealer=None,
        take=None,
        on_passing=lambda _passing: None,
        on_alive=lambda: None,
        is_encrypted=lambda _room: False,
    )
    try:
        yield here
    finally:
        await here.homeserver.close()
        await runner.cleanup()


@pytest.mark.parametrize("found", [{}, {"errcode": "M_UNKNOWN"}, [], [None], {"0": STATE[0]}, "text", None, 3])
async def test_an_answer_that_is_no_state_says_nothing_about_a_room(found):
    async with world() as here:
        here.found = found
        with pytest.raises(NotReady):
            await here.homeserver.facts(ROOM)


async def test_a_state_is_a_list_of_its_events():
    async with world() as here:
        here.found = STATE
        assert (await here.homeserver.facts(ROOM)).version == "11"


@pytest.mark.parametrize("ask", ["display_name", "wear"])
@pytest.mark.parametrize("found", [[], [{}], "text", None])
async def test_an_answer_of_another_shape_is_asked_for_again(ask, found):
    async with world() as here:
        here.found = found
        with pytest.raises(NotReady):
            await getattr(here.homeserver, ask)(ROOM, AGENT)


@pytest.mark.parametrize(
    ("member", "put"),
    [
        ({"membership": "join", "displayname": "Pont"}, [{"membership": "join", "displayname": "Autre"}]),
        (
            {
                "membership": "join",
                "avatar_url": "mxc://x/y",
                "join_authorised_via_users_server": AGENT,
                "is_direct": 1,
            },
            [{"membership": "join", "displayname": "Autre", "avatar_url": "mxc://x/y"}],
        ),
        ({"membership": "join", "displayname": "Autre"}, []),
        ({"membership": "invite", "displayname": "Pont", "reason": "entrez"}, []),
        ({"membership": "ban", "reason": "dehors"}, []),
        ({}, []),
    ],
    ids=range(6),
)
async def test_a_name_is_worn_by_a_member_and_nothing_else_is_repeated(member, put):
    async with world() as here:
        here.found = member
        await here.homeserver.wear(ROOM, "Autre")
        assert here.put == put
