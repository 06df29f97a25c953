"""How content leaves for a homeserver that answers as the test likes."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiohttp import web

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Author, Text, mention
from tchap_bridges.matrix import compose
from tchap_bridges.matrix.client import MatrixClient
from tchap_bridges.matrix.ghosts import Profile, Speaker
from tchap_bridges.matrix.media import Media, Whole
from tchap_bridges.matrix.read import ORIGIN
from tchap_bridges.matrix.rooms import Rooms
from tchap_bridges.outgoing import Outgoing, OutgoingReaction
from tchap_bridges.testing.ports import free_port

ROOM, BOT, GHOST = "!r:x", "@_pont_bot:x", "@_pont_abc:x"


class Steps:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def get(self, step):
        return self.known.get(step)

    async def done(self, step, result):
        self.known[step] = result


class Voices:
    """Of one ghost, which the room takes or not."""

    bot = Speaker(BOT, "")
    ghost = Speaker(GHOST, "")
    takes_ghosts = True

    def spoken(self, author, network):
        return Speaker(BOT, "", Profile("_pont_abc", "Jean", ""))

    async def choose(self, room, author, network):
        return self.ghost if self.takes_ghosts else self.spoken(author, network)

    async def after_refusal(self, room, author, network):
        return await self.choose(room, author, network)

    def again(self, sender, author, network):
        return self.spoken(author, network) if sender == BOT else self.ghost

    def ghost_of(self, author, network):
        return GHOST


class World:
    """``answer`` is awaited for each request after it was noted."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.contents: list[dict] = []
        self.encrypted: set[str] = set()
        self.voices = Voices()
        self.rooms: Rooms

    async def answer(self, request, what: str, user: str) -> web.Response:
        return web.json_response({"event_id": f"${what}-{user}"})

    async def serve(self, request) -> web.Response:
        if request.method == "PUT" and "/send/" in request.path:
            self.contents.append(await request.json())
        what, user = request.path.split("/")[-2 if "/send/" in request.path else -1], request.query.get("user_id", "")
        self.asked.append((request.method, what, user))
        if what == "config":
            return web.json_response({})
        if what == "create":
            return web.json_response({"content_uri": "mxc://x/abc"})
        return await self.answer(request, what, user)

    def said(self) -> list[str]:
        return [user for method, what, user in self.asked if (method, what) == ("PUT", "m.room.message")]


@asynccontextmanager
async def world(**options):
    here = World()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", here.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    client = MatrixClient(f"http://127.0.0.1:{port}", "as-token", **options)
    media = Media(client, Voices.bot)
    here.rooms = Rooms(client, here.voices, media, is_encrypted=here.encrypted.__contains__)
    try:
        yield here
    finally:
        await client.close()
        await runner.cleanup()


def message(words="bonjour", key="k", **more) -> Outgoing:
    author = Author(person="jean@exemple.fr", name="Jean")
    at = datetime(2025, 3, 12, tzinfo=UTC)
    defaults = {"author": author, "network": "courriel", "at": at, "text": Text(plain=words), "steps": Steps()}
    return Outgoing(key=key, chat=ROOM, **{**defaults, **more})


async def test_encryption_that_comes_during_the_wait_keeps_everything_in():
    async with world(sends=1) as here:
        entered, gate = asyncio.Event(), asyncio.Event()

        async def held(request, what, user):
            entered.set()
            await gate.wait()
            return web.json_response({"event_id": "$a"})

        here.answer = held
        first = asyncio.create_task(here.rooms.send(message(key="first")))
        await entered.wait()
        reaction = OutgoingReaction(
            key="r", chat=ROOM, author=message().author, network="courriel", target="$a", symbol="👍"
        )
        behind = [
            asyncio.create_task(here.rooms.send(message(key="second"))),
            asyncio.create_task(here.rooms.react(reaction)),
        ]
        await asyncio.sleep(0.05)
        event = {"type": "m.room.encryption", "state_key": "", "room_id": ROOM, "event_id": "$e"}
        await here.rooms.saw(event)
        gate.set()
        await first
        for refused in behind:
            with pytest.raises(Undeliverable, match="chiffré"):
                await refused
        assert len(here.asked) == 1


async def test_encryption_that_comes_during_an_upload_ends_it():
    async with world() as here:
        got = bytearray()

        async def upload(request, what, user):
            async for chunk in request.content.iter_any():
                got.extend(chunk)
            return web.json_response({})

        here.answer = upload

        class Slow(Whole):
            @asynccontextmanager
            async def open(self):
                async def chunks():
                    yield self.data[:10]
                    here.encrypted.add(ROOM)
                    yield self.data[10:]

                yield chunks()

        with pytest.raises(Undeliverable, match="chiffré"):
            await here.rooms.send(message("", files=(Slow("a.txt", "text/plain", b"x" * 20),)))
        assert len(got) < 20
        assert here.said() == []


@pytest.mark.parametrize("body", [{}, {"event_id": None}, {"event_id": 3}, []])
async def test_an_answer_that_names_no_event_is_asked_for_again(body):
    async with world() as here:

        async def empty(request, what, user):
            return web.json_response(body)

        here.answer = empty
        with pytest.raises(NotReady):
            await here.rooms.send(message())


@pytest.mark.parametrize("knows_the_request", [True, False])
@pytest.mark.parametrize("heard", [True, False])
async def test_an_attempt_of_unknown_fate_is_not_repeated_in_another_voice(heard, knows_the_request):
    async with world() as here:

        async def breaks(request, what, user):
            request.transport.close()
            return web.json_response({})

        here.answer = breaks
        sent = message()
        with pytest.raises(NotReady):
            await here.rooms.send(sent)
        here.voices.takes_ghosts = False

        async def refuses_ghosts(request, what, user):
            if what == "messages":
                found = [{"event_id": "$found", "sender": GHOST, "content": {ORIGIN: {"key": compose.mark("k", "0")}}}]
                return web.json_response({"chunk": found if heard else []})
            if user == GHOST and heard and knows_the_request:
                return web.json_response({"event_id": "$found"})
            if user == GHOST:
                return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
            return web.json_response({"event_id": "$spoken"})

        here.answer = refuses_ghosts
        assert await here.rooms.send(sent) == ["$found" if heard else "$spoken"]
        assert (BOT in here.said()) is not heard


async def test_who_is_told_to_wait_leaves_no_trace():
    async with world() as here:

        async def limits(request, what, user):
            return web.json_response({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 10}, status=429)

        here.answer = limits
        sent = message()
        with pytest.raises(NotReady):
            await here.rooms.send(sent)
        assert sent.steps.known == {}


KEY = {ORIGIN: {"key": compose.mark("k", "0")}}


@pytest.mark.parametrize(
    "chunk",
    [
        None,
        3,
        [None, 3, "x", []],
        [{"event_id": "$x", "sender": GHOST, "content": odd} for odd in (None, 3, [], "x")],
        [{"event_id": "$x", "sender": GHOST, "content": {ORIGIN: odd}} for odd in (None, 3, [], "x")],
        [{"event_id": "$x", "sender": "@mallory:evil.org", "content": KEY}],
        [{"event_id": "$x", "content": KEY}],
    ],
    ids=range(7),
)
@pytest.mark.parametrize("end", [None, 3, ["x"]])
async def test_only_an_event_of_ours_is_found_again(chunk, end):
    async with world() as here:

        async def answer(request, what, user):
            return web.json_response({"chunk": chunk, "end": end} if what == "messages" else {"event_id": "$said"})

        here.answer = answer
        steps = Steps()
        steps.known["suspect"] = "yes"
        assert await here.rooms.send(message(steps=steps)) == ["$said"]


async def test_words_of_our_own_call_people_of_the_room_and_nobody_of_a_network():
    html = f"{mention('@ana:x', 'Ana')}, {mention('jean@exemple.fr', 'Jean')}: bonjour"
    async with world() as here:
        await here.rooms.send(message(author=None, network="", text=Text(plain="Ana, Jean: bonjour", html=html)))
    (content,) = here.contents
    assert content["m.mentions"] == {"user_ids": ["@ana:x"]}
    assert content["formatted_body"] == '<a href="https://matrix.to/#/@ana:x">Ana</a>, Jean: bonjour'
