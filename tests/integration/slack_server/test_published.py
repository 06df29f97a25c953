"""All that the stand-in ever says is as Slack published it. `conftest` looks at every other test of this folder too."""

from typing import Any

import pytest

from tchap_bridges.testing.slack import Slack
from tchap_bridges.testing.slack.events import SCOPES
from tchap_bridges.testing.slack.web_api import METHODS
from tests import corpora
from tests.integration.slack_server import samples
from tests.integration.slack_server.conftest import unpublished

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*ici*"}, "fields": [{"type": "mrkdwn", "text": "a"}]}
IMAGE = {"type": "image", "image_url": "https://exemple.fr/a.png", "alt_text": "un chat"}
CONTEXT = {"type": "context", "elements": [{"type": "mrkdwn", "text": "petit"}]}
BLOCKS = [SECTION, IMAGE, CONTEXT, {"type": "divider"}]


@pytest.fixture
def published() -> samples.Published:
    return samples.published(corpora.folder("chat", "slack"))


async def test_every_method_and_every_event(slack: Slack, web, listen, published: samples.Published):
    listener, space, bot = await listen(), slack.workspace, slack.app.bot
    general, alice = space.channel("#general").id, space.user("alice").id
    hidden = {"event_type": "tchap_bridge", "event_payload": {"key": "$1"}}

    root = space.say("#general", "alice", "Bonjour *à* <@U1> :tada: <https://a.fr>")
    for own in ({}, {"username": "Chloé", "icon_url": "https://exemple.fr/a.png"}):
        for thread in ({}, {"thread_ts": root.ts}, {"thread_ts": root.ts, "reply_broadcast": True}):
            posted = await web.chat_postMessage(
                channel=general,
                text="x",
                blocks=[SECTION, IMAGE, CONTEXT, {"type": "divider"}],
                metadata=hidden,
                **own,
                **thread,
            )
            await web.chat_postMessage(
                channel=general, text="*x* `y`", attachments=[{"text": "joint", "fallback": "joint"}], **own, **thread
            )
            await web.chat_update(channel=general, ts=posted["ts"], text="y", blocks=[SECTION], metadata=hidden)
            space.react(general, posted["ts"], "bob", "tada")
            await web.reactions_get(channel=general, timestamp=posted["ts"])
            await web.reactions_add(channel=general, timestamp=posted["ts"], name="eyes")
            await web.reactions_remove(channel=general, timestamp=posted["ts"], name="eyes")
            await web.chat_getPermalink(channel=general, message_ts=posted["ts"])
            await web.conversations_history(channel=general, include_all_metadata=True, limit=2, oldest="1.0")
            await web.conversations_replies(channel=general, ts=root.ts, include_all_metadata=True, limit=2)
            space.say("#general", "bob", "là", thread_ts=posted["ts"])
            await web.chat_delete(channel=general, ts=posted["ts"])
    await web.chat_meMessage(channel=general, text="réfléchit")
    await web.chat_postEphemeral(channel=general, user=alice, text="à vous")
    await web.files_upload_v2(channel=general, initial_comment="voir", content="abc", filename="a.txt")
    await web.files_upload_v2(channel=general, thread_ts=root.ts, content="abc", filename="a.png")
    file = next(iter(space.files))
    await web.files_info(file=file)
    hers = space.say("#general", "alice", files=[space.upload("alice", "b.pdf", b"%PDF", "application/pdf")])
    await web.conversations_history(channel=general)
    space.edit("#general", hers, "plus clair")
    await web.conversations_history(channel=general)
    await web.reactions_get(channel=general, timestamp=hers.ts)
    space.delete("#general", hers)
    await web.files_delete(file=file)
    await web.conversations_history(channel=general)
    space.delete("#general", root)
    await web.conversations_history(channel=general)

    space.join(space.add_channel("autre", "alice", topic="rien"), bot.user_id, inviter="alice")
    secret = space.add_channel("secret", "alice", bot.user_id, private=True)
    direct = (await web.conversations_open(users=alice, return_im=True))["channel"]["id"]
    await web.conversations_open(users=[alice, space.user("bob").id])
    await web.conversations_open(channel=direct)
    for place in (general, secret.id, direct):
        await web.conversations_info(channel=place, include_num_members=True, include_locale=True)
        await web.conversations_members(channel=place)
        said = space.say(place, "alice", "ici")
        await web.conversations_mark(channel=place, ts=said.ts)
        await web.conversations_history(channel=place)
    for place in (general, secret.id):
        space.set_topic(place, "alice", "sujet")
        space.set_purpose(place, "alice", "but")
        space.rename(place, "alice", f"{space.channel(place).name}-bis")
    for place in ("#autre", secret):
        space.archive(place, "alice")
        space.unarchive(place, "alice")
    await web.conversations_setTopic(channel=secret.id, topic="autre sujet")
    await web.conversations_history(channel=secret.id)
    kinds = "public_channel,private_channel,im,mpim"
    await web.conversations_list(types=kinds)
    await web.users_conversations(types=kinds)
    await web.conversations_join(channel=general)
    await web.conversations_leave(channel=general)
    await web.conversations_join(channel=general)
    space.leave("#autre", "alice")

    space.add_emoji("tchap", "https://exemple.fr/tchap.png")
    space.remove_emoji("tchap")
    space.add_usergroup("soutien", ["alice"])
    space.add_user("carol")
    space.change_user("bob", display_name="Bobby", deleted=True)
    await web.users_list()
    await web.users_info(user=alice, include_locale=True)
    await web.bots_info(bot=bot.id)
    await web.team_info()
    await web.emoji_list()
    await web.usergroups_list(include_users=True)
    await web.auth_test()
    await web.auth_test(token=slack.app_token)
    await web.api_test()
    slack.uninstall()
    await listener.event("tokens_revoked")

    assert sorted(set(unpublished(slack))) == []
    answered = {one.method for one in slack.api.asked if one.answer["ok"]}
    assert METHODS.keys() - answered == set()
    heard = {one["type"] for one in listener.events}
    assert SCOPES.keys() - heard == set()
    assert METHODS.keys() - published.methods.keys() == set()


@pytest.mark.parametrize(
    ("method", "answer", "complaint"),
    [
        ("auth.test", {"ok": True, "secret": 1}, "auth.test: secret: no sample has it"),
        ("auth.test", {"ok": "yes"}, "auth.test: ok: str where samples have ['bool']"),
        ("users.info", {"user": {"profile": {"nick": "a"}}}, "users.info: user.profile.nick: no sample has it"),
        ("users.info", {"user": None}, "users.info: user: null where samples have ['dict']"),
        ("chat.postMessage", {"message": {"blocks": [{"type": "x", "odd": 1}]}},
         "chat.postMessage: message.blocks[].odd: no sample has it"),
        ("conversations.list", {"channels": [{"id": 1}]},
         "conversations.list: channels[].id: number where samples have ['str']"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_published_is_found(
    published: samples.Published, method: str, answer: dict[str, Any], complaint: str
):
    assert published.wrong_answer(method, answer) == [complaint]
