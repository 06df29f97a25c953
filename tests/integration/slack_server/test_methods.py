"""The Web API as Slack's own client sees it."""

import json
from typing import Any

import aiohttp
import pytest
from ruamel.yaml import YAML
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tchap_bridges.testing.slack import Slack
from tests import corpora

ERRORS = YAML(typ="safe").load(corpora.ROOT / "tests" / "vectors" / "slack_server" / "errors.yaml")


async def call(slack: Slack, method: str, arguments: dict[str, Any], how: str = "form", token: str = "") -> Any:
    """A call as a client without Slack's SDK makes it; how: form, json, query or multipart."""
    headers = {"Authorization": f"Bearer {token or slack.bot_token}"}
    words = {key: one if isinstance(one, str) else json.dumps(one) for key, one in arguments.items()}
    options: dict[str, Any] = {}
    match how:
        case "json":
            options["json"] = arguments
        case "query":
            options["params"] = words
        case "multipart":
            with aiohttp.MultipartWriter("form-data") as writer:
                for key, one in words.items():
                    writer.append(one).set_content_disposition("form-data", name=key)
            options["data"] = writer
        case _:
            options["data"] = words
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{slack.api_url}{method}", headers=headers, **options) as answer:
            return await answer.json()


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: f"{case['method']}-{case['error']}")
async def test_a_call_goes_wrong_as_at_slack(slack: Slack, case: dict[str, Any]):
    space = slack.workspace
    space.add_user("carol")
    names = {
        "$general": space.channel("#general").id,
        "$quiet": space.add_channel("quiet", "alice").id,
        "$secret": space.add_channel("secret", "alice", private=True).id,
        "$closed": space.add_channel("closed", "alice", slack.app.bot.user_id).id,
        "$hers": space.say("#general", "alice", "salut").ts,
        "$carol": space.user("carol").id,
        "$long4001": "é" * 4001,
        "$long3001": "é" * 3001,
        "$long40001": "é" * 40001,
        "$blocks51": [{"type": "divider"}] * 51,
    }
    space.archive("#closed", "alice")
    space.react("#general", names["$hers"], slack.app.bot.user_id, "eyes")
    names["$mine"] = (await call(slack, "chat.postMessage", {"channel": names["$general"], "text": "moi"}))["ts"]

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        return names.get(value, value)

    answer = await call(slack, case["method"], filled(case.get("arguments", {})))
    assert (answer["ok"], answer["error"]) == (False, case["error"])


@pytest.mark.parametrize("how", ["form", "json", "query", "multipart"])
async def test_arguments_are_one_however_they_come(slack: Slack, how: str):
    general = slack.workspace.channel("#general").id
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*ça*"}}]
    given = {"channel": general, "text": "ça & là", "blocks": blocks, "unfurl_links": False}
    answer = await call(slack, "chat.postMessage", given, how)
    assert answer["ok"]
    message = slack.workspace.message(general, answer["ts"])
    assert (message.text, message.blocks[0]["text"]) == ("ça &amp; là", blocks[0]["text"])


async def test_a_method_that_takes_no_json_leaves_it_unread(slack: Slack):
    user = slack.workspace.user("alice").id
    assert (await call(slack, "users.info", {"user": user}, "json"))["error"] == "invalid_arguments"
    assert (await call(slack, "users.info", {"user": user}, "query"))["user"]["id"] == user


async def test_broken_json_and_other_bodies(slack: Slack):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {slack.bot_token}"}) as session:
        errors = []
        for body, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"<a/>", "application/xml")):
            headers = {"Content-Type": kind}
            async with session.post(f"{slack.api_url}chat.postMessage", data=body, headers=headers) as answer:
                errors.append((answer.status, (await answer.json())["error"]))
    assert errors == [(200, "invalid_json"), (200, "json_not_object"), (200, "invalid_post_type")]


@pytest.mark.parametrize(
    ("token", "error"),
    [("", "not_authed"), ("xoxb-wrong", "invalid_auth"), ("xapp-1-essai-jeton", "not_allowed_token_type")],
)
async def test_a_wrong_token(slack: Slack, token: str, error: str):
    client = AsyncWebClient(token, base_url=slack.api_url)
    with pytest.raises(SlackApiError) as caught:
        await client.users_list()
    assert caught.value.response["error"] == error


async def test_a_token_in_the_form_is_good_and_in_the_address_is_not(slack: Slack):
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{slack.api_url}auth.test", data={"token": slack.bot_token}) as answer:
            assert (await answer.json())["ok"]
        async with session.get(f"{slack.api_url}auth.test", params={"token": slack.bot_token}) as answer:
            assert (await answer.json())["error"] == "not_authed"


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "token_expired"])
async def test_a_token_ends_and_comes_back(slack: Slack, web, error: str):
    slack.revoke(error)
    with pytest.raises(SlackApiError) as caught:
        await web.auth_test()
    assert caught.value.response["error"] == error
    slack.restore()
    assert (await web.auth_test())["ok"]


async def test_a_missing_scope_is_named(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    slack.drop_scope("reactions:write", "groups:read", "chat:write.customize")
    ts = slack.workspace.say("#general", "alice", "salut").ts
    refused = [
        (web.reactions_add(channel=general, timestamp=ts, name="tada"), "reactions:write"),
        (web.conversations_list(types="public_channel,private_channel"), "groups:read"),
        (web.chat_postMessage(channel=general, text="x", username="Chloé"), "chat:write.customize"),
    ]
    for attempt, needed in refused:
        with pytest.raises(SlackApiError) as caught:
            await attempt
        answer = caught.value.response
        assert (answer["error"], answer["needed"]) == ("missing_scope", needed)
        assert "channels:read" in answer["provided"].split(",")
    await web.chat_postMessage(channel=general, text="sans nom")
    slack.grant_scope("reactions:write")
    answer = await web.reactions_add(channel=general, timestamp=ts, name="tada")
    assert answer.headers["x-accepted-oauth-scopes"] == "reactions:write"
    assert "reactions:write" in answer.headers["x-oauth-scopes"].split(",")


async def test_a_post_with_a_name_a_thread_and_something_hidden(slack: Slack, web):
    space, general = slack.workspace, slack.workspace.channel("#general").id
    root = space.say("#general", "alice", "on mange ?")
    hidden = {"event_type": "tchap_bridge", "event_payload": {"key": "$1"}}
    posted = await web.chat_postMessage(
        channel=general,
        text="oui",
        username="Chloé",
        icon_emoji=":ghost:",
        thread_ts=root.ts,
        reply_broadcast=True,
        metadata=hidden,
    )
    message = posted["message"]
    assert (message["username"], message["subtype"], message["icons"]["emoji"]) == ("Chloé", "bot_message", ":ghost:")
    assert message["thread_ts"] == root.ts
    told = await web.conversations_history(channel=general, include_all_metadata=True)
    assert [one.get("metadata") for one in told["messages"]] == [hidden, None]
    assert all("metadata" not in one for one in (await web.conversations_history(channel=general))["messages"])
    thread = await web.conversations_replies(channel=general, ts=root.ts, include_all_metadata=True)
    assert [(one["text"], one.get("reply_count")) for one in thread["messages"]] == [("on mange ?", 1), ("oui", None)]
    assert thread["messages"][1]["metadata"] == hidden
    link = (await web.chat_getPermalink(channel=general, message_ts=posted["ts"]))["permalink"]
    assert link.endswith(f"?thread_ts={root.ts}&cid={general}")
    assert space.transcript("#general") == "Alice: on mange ?\n  Chloé: oui (aussi dans le salon)"


async def test_an_edit_and_a_deletion(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    posted = await web.chat_postMessage(channel=general, text="bonjuor", username="Chloé")
    updated = await web.chat_update(channel=general, ts=posted["ts"], text="bonjour")
    assert (updated["text"], updated["message"]["text"]) == ("bonjour", "bonjour")
    assert updated["message"]["edited"]["user"]
    assert slack.workspace.transcript("#general") == "Chloé: bonjour (modifié)"
    assert (await web.chat_delete(channel=general, ts=posted["ts"]))["ts"] == posted["ts"]
    assert slack.workspace.transcript("#general") == ""


async def test_a_reply_to_a_reply_stands_in_the_same_thread(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    root = slack.workspace.say("#general", "alice", "un")
    reply = slack.workspace.say("#general", "bob", "deux", thread_ts=root.ts)
    posted = await web.chat_postMessage(channel=general, text="trois", thread_ts=reply.ts)
    assert posted["message"]["thread_ts"] == root.ts


async def test_reactions(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    hers = slack.workspace.say("#general", "alice", "fini")
    await web.reactions_add(channel=general, timestamp=hers.ts, name="tada")
    slack.workspace.react("#general", hers, "bob", "tada")
    told = await web.reactions_get(channel=general, timestamp=hers.ts)
    users = [slack.app.bot.user_id, slack.workspace.user("bob").id]
    assert told["message"]["reactions"] == [{"name": "tada", "users": users, "count": 2}]
    await web.reactions_remove(channel=general, timestamp=hers.ts, name="tada")
    assert slack.workspace.transcript("#general") == "Alice: fini [:tada: 1]"


async def test_channels_in_pages(slack: Slack, web):
    for number in range(5):
        slack.workspace.add_channel(f"salon-{number}", "alice", topic="rien")
    slack.workspace.add_channel("secret", "alice", private=True)
    slack.workspace.add_channel("notre", "alice", slack.app.bot.user_id, private=True)
    slack.workspace.archive("#salon-3", "alice")
    names, cursor = [], ""
    while True:
        page = await web.conversations_list(
            limit=2, cursor=cursor, types="public_channel,private_channel", exclude_archived=True
        )
        names += [one["name"] for one in page["channels"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert names == ["general", "salon-0", "salon-1", "salon-2", "salon-4", "notre"]
    mine = await web.users_conversations(types="public_channel,private_channel")
    assert [one["name"] for one in mine["channels"]] == ["general", "notre"]


async def test_one_channel(slack: Slack, web):
    space, quiet = slack.workspace, slack.workspace.add_channel("quiet", "alice")
    told = (await web.conversations_info(channel=quiet.id, include_num_members=True, include_locale=True))["channel"]
    assert (told["is_member"], told["num_members"], told["is_private"]) == (False, 1, False)
    joined = await web.conversations_join(channel=quiet.id)
    assert joined["channel"]["is_member"]
    assert (await web.conversations_join(channel=quiet.id))["warning"] == "already_in_channel"
    members = await web.conversations_members(channel=quiet.id, limit=1)
    assert members["members"] == [space.user("alice").id]
    rest = await web.conversations_members(channel=quiet.id, cursor=members["response_metadata"]["next_cursor"])
    assert rest["members"] == [slack.app.bot.user_id]
    ts = space.say(quiet, "alice", "chut").ts
    await web.conversations_mark(channel=quiet.id, ts=ts)
    assert quiet.last_read == {slack.app.bot.user_id: ts}
    await web.conversations_setTopic(channel=quiet.id, topic="chut")
    assert quiet.topic.value == "chut"
    await web.conversations_leave(channel=quiet.id)
    assert (await web.conversations_leave(channel=quiet.id))["not_in_channel"]


async def test_a_direct_conversation_is_opened_once(slack: Slack, web):
    alice, bob = (slack.workspace.user(one).id for one in ("alice", "bob"))
    opened = (await web.conversations_open(users=alice))["channel"]["id"]
    again = (await web.conversations_open(users=[alice], return_im=True))["channel"]
    assert (again["id"], again["user"]) == (opened, alice)
    assert (await web.conversations_open(users=[alice, bob]))["channel"]["id"] != opened
    assert (await web.conversations_open(channel=opened))["already_open"]
    posted = await web.chat_postMessage(channel=alice, text="pssst")
    assert posted["channel"] == opened
    assert (await web.conversations_info(channel=opened))["channel"]["is_im"]


async def test_history_between_two_moments_in_pages(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    said = [slack.workspace.say("#general", "alice", str(number)).ts for number in range(7)]
    slack.workspace.say("#general", "bob", "dans le fil", thread_ts=said[3])
    slack.workspace.say("#general", "bob", "dans le salon aussi", thread_ts=said[3], broadcast=True)

    async def texts(**bounds: Any) -> list[str]:
        return [one["text"] for one in (await web.conversations_history(channel=general, **bounds))["messages"]]

    assert await texts(oldest=said[1], latest=said[4]) == ["3", "2"]
    assert await texts(oldest=said[1], latest=said[4], inclusive=True) == ["4", "3", "2", "1"]
    first = await web.conversations_history(channel=general, limit=3)
    assert (first["has_more"], [one["text"] for one in first["messages"]]) == (True, ["dans le salon aussi", "6", "5"])
    second = await web.conversations_history(
        channel=general, limit=100, cursor=first["response_metadata"]["next_cursor"]
    )
    assert (second["has_more"], [one["text"] for one in second["messages"]]) == (False, ["4", "3", "2", "1", "0"])
    thread = await web.conversations_replies(channel=general, ts=said[3], limit=1)
    assert [one["text"] for one in thread["messages"]] == ["3", "dans le fil"]
    assert thread["has_more"]


async def test_what_is_posted_between_two_pages_shifts_neither(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    for number in range(4):
        slack.workspace.say("#general", "alice", str(number))
    first = await web.conversations_history(channel=general, limit=2)
    slack.workspace.say("#general", "alice", "plus tard")
    second = await web.conversations_history(channel=general, limit=2, cursor=first["response_metadata"]["next_cursor"])
    assert [one["text"] for one in second["messages"]] == ["1", "0"]


async def test_people_and_their_like(slack: Slack, web):
    space = slack.workspace
    space.add_emoji("tchap", f"{slack.url}/emoji/tchap.png")
    space.add_emoji("messager", "alias:tchap")
    space.add_usergroup("soutien", ["alice", "bob"])
    space.change_user("bob", deleted=True)
    listed = await web.users_list(limit=2)
    assert len(listed["members"]) == 2
    assert listed["response_metadata"]["next_cursor"]
    everybody = {one["name"]: one for one in (await web.users_list())["members"]}
    assert everybody["alice"]["profile"]["display_name"] == "Alice"
    assert everybody["bob"]["deleted"]
    assert everybody["passerelle"]["is_bot"]
    alice = (await web.users_info(user=space.user("alice").id, include_locale=True))["user"]
    assert (alice["locale"], alice["profile"]["real_name"]) == ("fr-FR", "Alice Martin")
    assert (await web.emoji_list())["emoji"]["messager"] == "alias:tchap"
    groups = await web.usergroups_list(include_users=True)
    assert groups["usergroups"][0]["users"] == [space.user("alice").id, space.user("bob").id]
    assert (await web.team_info())["team"]["id"] == space.team.id
    assert (await web.bots_info(bot=slack.app.bot.id))["bot"]["user_id"] == slack.app.bot.user_id
    async with aiohttp.ClientSession() as session, session.get(alice["profile"]["image_192"]) as picture:
        assert (picture.content_type, (await picture.read())[:4]) == ("image/png", b"\x89PNG")


async def test_ephemeral_and_me(slack: Slack, web):
    general, alice = slack.workspace.channel("#general").id, slack.workspace.user("alice").id
    told = await web.chat_postEphemeral(channel=general, user=alice, text="à vous seule")
    assert [(to, one.ts, one.text) for to, one in slack.workspace.ephemeral] == [
        (alice, told["message_ts"], "à vous seule")
    ]
    await web.chat_meMessage(channel=general, text="réfléchit")
    assert slack.workspace.transcript("#general") == "* passerelle réfléchit"
    assert (await web.api_test(a="1"))["args"] == {"a": "1"}


async def test_an_update_without_blocks_keeps_those_that_the_app_gave(slack: Slack, web):
    general = slack.workspace.channel("#general").id
    own = [{"type": "section", "text": {"type": "mrkdwn", "text": "*ici*"}}]
    given = await web.chat_postMessage(channel=general, text="ici", blocks=own)
    made = await web.chat_postMessage(channel=general, text="ici")
    for posted, kind in ((given, "section"), (made, "rich_text")):
        updated = await web.chat_update(channel=general, ts=posted["ts"], text="là")
        assert [one["type"] for one in updated["message"]["blocks"]] == [kind]
    taken = await web.chat_update(channel=general, ts=given["ts"], text="là", blocks=[])
    assert taken["message"]["blocks"][0]["elements"][0]["elements"] == [{"type": "text", "text": "là"}]
