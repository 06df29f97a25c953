"""What can go wrong between an app and the Web API."""

import asyncio
import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.limits import BURST, Limits


async def test_one_channel_is_limited_and_the_others_are_not(slack: Slack, web):
    other = slack.workspace.add_channel("other", slack.app.bot.user_id)
    general = slack.workspace.channel("#general").id
    slack.faults.ratelimit("chat.postMessage", general, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel=general, text="a")
    answer = caught.value.response
    assert (answer.status_code, answer.headers["Retry-After"], answer["error"]) == (429, "7", "ratelimited")
    await web.chat_postMessage(channel=other.id, text="b")
    await web.chat_postMessage(channel=general, text="c")
    assert slack.workspace.transcript("#general") == "passerelle: c"


async def test_a_post_is_stored_and_its_answer_lost(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.chat_postMessage(channel=general, text="a")
    assert slack.workspace.transcript("#general") == "passerelle: a"
    assert slack.api.asked[-1].answer["ok"]
    await web.chat_postMessage(channel=general, text="b")


async def test_a_connection_ends_before_anything_is_done(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    slack.faults.reset_before("chat.postMessage")
    with pytest.raises(aiohttp.ClientConnectionError):
        await web.chat_postMessage(channel=general, text="a")
    assert slack.workspace.transcript("#general") == ""


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_proxy_answers_instead(slack: Slack, web, status: int):
    slack.faults.fail("users.list", status=status)
    with pytest.raises(SlackApiError) as caught:
        await web.users_list()
    assert caught.value.response.status_code == status
    assert (await web.users_list())["ok"]


async def test_an_error_of_choice(slack: Slack, web):
    slack.faults.refuse("internal_error", "auth.test", times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError, match="internal_error"):
            await web.auth_test()
    assert (await web.auth_test())["ok"]


async def test_an_answer_that_never_comes(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    slack.faults.hang("chat.postMessage")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await web.chat_postMessage(channel=general, text="a")
    assert slack.workspace.transcript("#general") == "passerelle: a"


async def test_a_slow_call(slack: Slack, web):
    slack.faults.delay(0.2, "auth.test")
    start = time.monotonic()
    await web.auth_test()
    assert time.monotonic() - start >= 0.2


async def test_faults_that_did_not_happen_are_forgotten(slack: Slack, web):
    slack.faults.fail(times=5)
    slack.faults.hold_acks = True
    slack.faults.heal()
    assert (await web.auth_test())["ok"]
    assert not slack.faults.hold_acks


async def test_the_limits_of_slack_hold(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    slack.limits.faithful = True

    async def flood() -> None:
        for number in range(1000):
            await web.chat_postMessage(channel=general, text=str(number))

    with pytest.raises(SlackApiError, match="ratelimited") as caught:
        await flood()
    assert caught.value.response.headers["Retry-After"] == "1"
    assert len(slack.workspace.transcript("#general").splitlines()) >= BURST


def test_a_bucket_fills_with_time():
    now = 0.0
    limits = Limits(lambda: now, faithful=True)
    posts = [limits.wait("chat.postMessage", "C1", 0) for _ in range(BURST + 1)]
    assert posts == [0] * BURST + [1]
    assert limits.wait("chat.postMessage", "C2", 0) == 0
    now = 1.0
    assert [limits.wait("chat.postMessage", "C1", 0) for _ in range(2)] == [0, 1]
    listed = [limits.wait("users.list", "", 20) for _ in range(21)]
    assert (listed[:20], listed[20]) == ([0] * 20, 3)
    now = 4.1
    assert limits.wait("users.list", "", 20) == 0
    assert limits.wait("auth.test", "", 0) == 0
