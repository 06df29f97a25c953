"""Socket Mode, with Slack's own client at the other end."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tchap_bridges.testing.slack import Slack, SlackError
from tchap_bridges.testing.slack.sockets import MOST_SOCKETS
from tests import corpora
from tests.integration.slack_server import samples

# Long enough that a busy machine acknowledges in time, and a test that waits for a second delivery is not slow.
SOON = 0.3


async def address(slack: Slack) -> str:
    client = AsyncWebClient(base_url=slack.api_url)
    return (await client.apps_connections_open(app_token=slack.app_token))["url"]


async def read(socket: aiohttp.ClientWebSocketResponse) -> dict:
    async with asyncio.timeout(20):
        return await socket.receive_json()


async def test_frames_are_as_published(slack: Slack):
    published = samples.published(corpora.folder("chat", "slack"))
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        hello = await read(socket)
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        slack.workspace.say("#general", "alice", "salut")
        envelope = await read(socket)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        slack.sockets.disconnect("warning")
        warning = await read(socket)
        assert warning["reason"] == "warning"
        slack.sockets.disconnect("refresh_requested")
        farewell = await read(socket)
        assert farewell["reason"] == "refresh_requested"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    for frame in (hello, envelope, warning, farewell):
        assert published.wrong_frame(frame) == []


async def test_an_address_serves_once(slack: Slack):
    once = await address(slack)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(once):
            pass
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(once)
    assert refused.value.status == 401


async def test_a_socket_is_opened_with_the_apps_own_token_alone(slack: Slack):
    client = AsyncWebClient(base_url=slack.api_url)
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.apps_connections_open(app_token=slack.bot_token)
    slack.app.app_token.scopes.remove("connections:write")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await client.apps_connections_open(app_token=slack.app_token)


async def test_sockets_take_turns_and_each_event_comes_once(slack: Slack, listen):
    listeners = [await listen(), await listen(), await listen()]
    for number in range(9):
        slack.workspace.say("#general", "alice", str(number))
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    assert [len(one.got) for one in listeners] == [3, 3, 3]
    assert sorted(one["text"] for listener in listeners for one in listener.events) == list("012345678")


async def test_what_is_not_acknowledged_comes_again_and_at_last_no_more(slack: Slack, listen):
    slack.sockets.ack_within, slack.sockets.retries = SOON, 2
    listener = await listen(acks=False)
    slack.workspace.say("#general", "alice", "salut")
    await slack.workspace.wait_for(lambda: slack.sockets.given_up)
    assert [(one.retry_attempt, one.retry_reason) for one in listener.got] == [(0, ""), (1, "timeout"), (2, "timeout")]
    assert len({one.payload["event_id"] for one in listener.got}) == 1
    assert len({one.envelope_id for one in listener.got}) == 3


async def test_an_old_envelopes_ack_does_not_count_for_a_new_one(slack: Slack):
    slack.sockets.ack_within = SOON
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        slack.workspace.say("#general", "alice", "salut")
        await read(socket)
        second = await read(socket)
        await socket.send_str("pas du JSON")
        await socket.send_json({"envelope_id": "0"})
        await socket.send_json({"envelope_id": second["envelope_id"]})
        await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    assert [one["envelope_id"] for one in slack.sockets.acks] == ["0", second["envelope_id"]]


async def test_events_wait_for_a_socket(slack: Slack, listen):
    for number in range(3):
        slack.workspace.say("#general", "alice", str(number))
    listener = await listen()
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    assert [one["text"] for one in listener.events] == ["0", "1", "2"]


async def test_events_do_not_wait_for_ever(slack: Slack, web, listen):
    slack.sockets.keep_for = 0.05
    lost = slack.workspace.say("#general", "alice", "perdu")
    await slack.workspace.wait_for(lambda: slack.sockets.given_up)
    listener = await listen()
    slack.workspace.say("#general", "alice", "entendu")
    assert (await listener.event("message"))["text"] == "entendu"
    assert len(listener.got) == 1
    told = await web.conversations_history(channel=lost.channel, oldest=lost.ts, inclusive=True)
    assert [one["text"] for one in told["messages"]] == ["entendu", "perdu"]


async def test_an_eleventh_socket_is_sent_away(slack: Slack):
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await address(slack)) for _ in range(MOST_SOCKETS + 1)]
        first = [await read(socket) for socket in sockets]
        assert [one["type"] for one in first] == ["hello"] * MOST_SOCKETS + ["disconnect"]
        assert first[-1]["reason"] == "too_many_websockets"
        for socket in sockets:
            await socket.close()


async def test_the_sdk_comes_back_after_a_refresh(slack: Slack, listen):
    listener = await listen(reconnects=True)
    old = slack.sockets.open[0]
    slack.sockets.disconnect("refresh_requested")
    slack.workspace.say("#general", "alice", "pendant")
    await slack.workspace.wait_for(lambda: slack.sockets.open and old not in slack.sockets.open, timeout=30)
    slack.workspace.say("#general", "alice", "après")
    await listener.until(lambda: len(listener.got) == 2)
    assert [one["text"] for one in listener.events] == ["pendant", "après"]


async def test_socket_mode_is_switched_off(slack: Slack):
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        slack.disable_socket_mode()
        assert (await read(socket))["reason"] == "link_disabled"
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    with pytest.raises(SlackApiError, match="socket_mode_not_enabled"):
        await address(slack)


async def test_pings_both_ways(slack: Slack):
    slack.sockets.ping_every = 0.05
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(await address(slack), autoping=False) as socket:
            await read(socket)
            await socket.ping(b"ici")
            seen = set()
            async with asyncio.timeout(20):
                while seen != {aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG}:
                    seen.add((await socket.receive()).type)


# ---- faults


async def test_an_event_comes_on_the_other_sockets_too(slack: Slack, listen):
    listeners = [await listen(), await listen(), await listen()]
    slack.faults.redeliver = 2
    slack.workspace.say("#general", "alice", "salut")
    for listener in listeners:
        await listener.event("message")
    slack.workspace.say("#general", "alice", "encore")
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    ids = [one.payload["event_id"] for listener in listeners for one in listener.got]
    assert (len(ids), len(set(ids))) == (4, 2)
    assert sorted(listener.got[0].retry_attempt for listener in listeners) == [0, 1, 2]


async def test_every_event_comes_again_and_each_ack_has_its_time(slack: Slack, listen):
    listeners = [await listen(), await listen()]
    slack.faults.redeliver_all = 3
    for n in range(2):
        slack.workspace.say("#general", "alice", f"salut {n}")
    await listeners[0].until(lambda: len(listeners[0].got) == 4)
    await slack.workspace.wait_for(lambda: len(slack.sockets.acks) == 8)
    for delivery in slack.sockets.deliveries:
        assert {sending.socket.number for sending in delivery.sent} == {1, 2}
        assert len({sending.envelope_id for sending in delivery.sent}) == 4
        assert all(sending.acked_at and sending.acked_at >= sending.at for sending in delivery.sent)


async def test_an_event_comes_twice_with_one_id(slack: Slack, listen):
    listener = await listen()
    slack.faults.duplicate_events = 1
    slack.workspace.say("#general", "alice", "salut")
    await listener.until(lambda: len(listener.got) == 2)
    assert len({one.payload["event_id"] for one in listener.got}) == 1
    assert len({one.envelope_id for one in listener.got}) == 2
    assert [one.retry_attempt for one in listener.got] == [0, 0]


async def test_acks_that_are_held_are_worth_nothing(slack: Slack, listen):
    slack.sockets.ack_within, slack.faults.hold_acks = SOON, True
    listener = await listen()
    slack.workspace.say("#general", "alice", "salut")
    await listener.until(lambda: len(listener.got) == 2)
    slack.faults.hold_acks = False
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    assert len(slack.sockets.acks) >= 2


async def test_a_socket_breaks_off_in_mid_frame(slack: Slack, listen):
    slack.sockets.ack_within = SOON
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        slack.faults.cut_mid_frame = 1
        slack.workspace.say("#general", "alice", "x" * 5000)
        frame = await socket.receive()
        assert frame.type is not aiohttp.WSMsgType.TEXT
    listener = await listen()
    assert (await listener.event("message"))["text"] == "x" * 5000
    assert listener.got[0].retry_attempt == 1


async def test_a_refresh_comes_between_event_and_ack(slack: Slack):
    slack.sockets.ack_within = SOON
    slack.faults.refresh_mid_event = 1
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        slack.workspace.say("#general", "alice", "salut")
        kinds = [(await read(socket))["type"] for _ in range(2)]
        assert kinds == ["events_api", "disconnect"]
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        async with session.ws_connect(await address(slack)) as other:
            await read(other)
            again = await read(other)
            assert (again["payload"]["event"]["text"], again["retry_attempt"]) == ("salut", 1)


async def test_a_socket_falls_silent(slack: Slack):
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(await address(slack), autoping=False) as socket:
            await read(socket)
            slack.faults.silent = True
            slack.workspace.say("#general", "alice", "salut")
            await socket.ping(b"ici")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await socket.receive()
            slack.faults.silent = False
            await socket.ping(b"ici")
            async with asyncio.timeout(20):
                assert (await socket.receive()).type is aiohttp.WSMsgType.PONG


async def test_an_outage(slack: Slack, web, listen):
    slack.sockets.ack_within = SOON
    listener = await listen(reconnects=True)
    slack.workspace.say("#general", "alice", "avant")
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    await slack.stop()
    slack.workspace.say("#general", "alice", "pendant")
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.auth_test()
    await slack.start()
    await slack.workspace.wait_for(lambda: slack.sockets.open, timeout=60)
    await listener.until(lambda: len(listener.got) > 1)
    assert [one["text"] for one in listener.events][:2] == ["avant", "pendant"]
    assert (await web.auth_test())["ok"]


async def test_a_cut_says_nothing(slack: Slack):
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        slack.sockets.cut()
        assert (await socket.receive()).type is not aiohttp.WSMsgType.TEXT
    assert not slack.sockets.open


# ---- commands


async def test_a_command_is_answered_with_its_ack_and_later(slack: Slack):
    general = slack.workspace.channel("#general")
    async with aiohttp.ClientSession() as session, session.ws_connect(await address(slack)) as socket:
        await read(socket)
        asked = slack.command(general, "alice", "/tchap", "aide")
        envelope = await read(socket)
        assert (envelope["type"], envelope["payload"]["command"], envelope["payload"]["text"]) == (
            "slash_commands",
            "/tchap",
            "aide",
        )
        await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "voici"}})
        await slack.workspace.wait_for(lambda: asked.answer)
        assert asked.answer == {"text": "voici"}
        for answer in ({"text": "à vous"}, {"text": "à tous", "response_type": "in_channel"}):
            async with session.post(envelope["payload"]["response_url"], json=answer) as taken:
                assert (taken.status, await taken.text()) == (200, "ok")
        async with session.post(envelope["payload"]["response_url"], data=b"{") as refused:
            assert refused.status == 400
    assert [(who, one.text) for who, one in slack.workspace.ephemeral] == [(slack.workspace.user("alice").id, "à vous")]
    assert slack.workspace.transcript(general) == "passerelle: à tous"


async def test_a_command_that_nobody_takes_is_lost(slack: Slack):
    assert slack.command("#general", "alice", "/tchap").lost
    slack.drop_scope("commands")
    with pytest.raises(SlackError, match="missing_scope"):
        slack.command("#general", "alice", "/tchap")
