"""What an app is told of what people do, and of what it does itself."""

from tchap_bridges.testing.slack import Slack

BLOCK = {"type": "section", "text": {"type": "mrkdwn", "text": "*ici*"}}


async def test_all_that_people_do_in_a_channel(slack: Slack, listen):
    listener, space = await listen(), slack.workspace
    root = space.say("#general", "alice", "un")
    space.say("#general", "bob", "deux", thread_ts=root.ts)
    broadcast = space.say("#general", "bob", "trois", thread_ts=root.ts, broadcast=True)
    space.say("#general", "bob", "réfléchit", me=True)
    space.say("#general", "bob", "voir", blocks=[BLOCK])
    space.edit("#general", root, "un !")
    space.react("#general", root, "bob", "tada")
    space.unreact("#general", root, "bob", "tada")
    space.unfurl("#general", broadcast, {"title": "Un lien", "title_link": "https://exemple.fr", "fallback": "lien"})
    space.delete("#general", broadcast)
    space.set_topic("#general", "alice", "rien")
    space.set_purpose("#general", "alice", "tout")
    space.add_user("carol")
    space.join("#general", "carol", inviter="alice")
    space.leave("#general", "carol")
    space.add_channel("nouveau", "alice")
    space.join("#nouveau", slack.app.bot.user_id)
    space.rename("#nouveau", "alice", "vieux")
    space.archive("#vieux", "alice")
    space.unarchive("#vieux", "alice")
    space.change_user("bob", display_name="Bobby")
    space.add_emoji("tchap", "https://exemple.fr/tchap.png")
    space.remove_emoji("tchap")
    await listener.until(lambda: listener.events and listener.events[-1].get("subtype") == "remove")
    named = [f"{one['type']}/{one['subtype']}" if "subtype" in one else one["type"] for one in listener.events]
    assert named == [
        "message",
        "message",
        "message/thread_broadcast",
        "message/me_message",
        "message",
        "message/message_changed",
        "reaction_added",
        "reaction_removed",
        "message/message_changed",
        "message/message_deleted",
        "message/channel_topic",
        "message/channel_purpose",
        "team_join",
        "message/channel_join",
        "member_joined_channel",
        "message/channel_leave",
        "member_left_channel",
        "channel_created",
        "message/channel_join",
        "member_joined_channel",
        "message/channel_name",
        "channel_rename",
        "message/channel_archive",
        "channel_archive",
        "message/channel_unarchive",
        "channel_unarchive",
        "user_change",
        "emoji_changed/add",
        "emoji_changed/remove",
    ]
    unfurled = listener.events[8]
    assert "edited" not in unfurled["message"]
    assert unfurled["message"]["attachments"][0]["title"] == "Un lien"
    edited = listener.events[5]
    assert (edited["message"]["text"], edited["previous_message"]["text"]) == ("un !", "un")
    assert edited["message"]["edited"]["user"] == space.user("alice").id
    assert edited["ts"] != edited["message"]["ts"] == root.ts


async def test_a_private_channel_has_events_of_its_own(slack: Slack, listen):
    listener, space = await listen(), slack.workspace
    space.add_channel("secret", "alice", private=True)
    space.say("#secret", "alice", "sans la passerelle")
    space.join("#secret", slack.app.bot.user_id, inviter="alice")
    space.say("#secret", "alice", "avec")
    space.rename("#secret", "alice", "plus-secret")
    space.archive("#plus-secret", "alice")
    space.unarchive("#plus-secret", "alice")
    await listener.event("group_unarchive")
    types = [one["type"] for one in listener.events if one["type"] != "message"]
    assert types == ["member_joined_channel", "group_rename", "group_archive", "group_unarchive"]
    heard = [one for one in listener.events if one["type"] == "message"]
    assert {one["channel_type"] for one in heard} == {"group"}
    assert "sans la passerelle" not in [one["text"] for one in heard]


async def test_a_deleted_thread_leaves_a_tombstone_until_its_last_reply_goes(slack: Slack, web, listen):
    listener, space = await listen(), slack.workspace
    general = space.channel("#general").id
    root = space.say("#general", "alice", "un")
    reply = space.say("#general", "bob", "deux", thread_ts=root.ts)
    space.delete("#general", root)
    buried = await listener.event("message", "message_changed")
    assert (buried["message"]["subtype"], buried["message"]["text"]) == ("tombstone", "This message was deleted.")
    assert buried["previous_message"]["text"] == "un"
    told = (await web.conversations_history(channel=general))["messages"]
    assert [(one["subtype"], one["reply_count"]) for one in told] == [("tombstone", 1)]
    space.delete("#general", reply)
    await listener.until(lambda: [one for one in listener.events if one.get("deleted_ts") == root.ts])
    assert (await web.conversations_history(channel=general))["messages"] == []


async def test_the_app_hears_what_it_did_itself(slack: Slack, web, listen):
    listener, general = await listen(), slack.workspace.channel("#general").id
    plain = await web.chat_postMessage(channel=general, text="moi", metadata={"event_type": "a", "event_payload": {}})
    named = await web.chat_postMessage(channel=general, text="elle", username="Chloé", thread_ts=plain["ts"])
    await web.chat_update(channel=general, ts=named["ts"], text="elle !")
    await web.reactions_add(channel=general, timestamp=plain["ts"], name="eyes")
    await web.reactions_remove(channel=general, timestamp=plain["ts"], name="eyes")
    await web.chat_meMessage(channel=general, text="réfléchit")
    await web.chat_delete(channel=general, ts=named["ts"])
    await listener.event("message", "message_deleted")
    bot = slack.app.bot
    own = await listener.event("message")
    assert (own["user"], own["bot_id"], own["app_id"], own["bot_profile"]["name"]) == (
        bot.user_id,
        bot.id,
        bot.app_id,
        "passerelle",
    )
    hers = await listener.event("message", "bot_message")
    assert (hers["username"], hers["bot_id"], hers["thread_ts"]) == ("Chloé", bot.id, plain["ts"])
    assert hers.keys() & {"user", "metadata", "parent_user_id"} == set()
    changed = await listener.event("message", "message_changed")
    assert (changed["message"]["username"], changed["message"]["subtype"]) == ("Chloé", "bot_message")
    assert (await listener.event("reaction_added"))["user"] == bot.user_id


async def test_only_what_the_scopes_allow_is_told(slack: Slack, listen):
    listener = await listen()
    slack.drop_scope("channels:history", "reactions:read")
    said = slack.workspace.say("#general", "alice", "silence")
    slack.workspace.react("#general", said, "bob", "tada")
    slack.grant_scope("channels:history")
    slack.workspace.say("#general", "alice", "parole")
    assert (await listener.event("message"))["text"] == "parole"
    assert len(listener.got) == 1


async def test_the_app_is_taken_out(slack: Slack, listen):
    listener = await listen()
    slack.uninstall()
    slack.workspace.say("#general", "alice", "seuls")
    await listener.event("tokens_revoked")
    assert [one["type"] for one in listener.events] == ["app_uninstalled", "tokens_revoked"]


async def test_what_is_typed_becomes_blocks(slack: Slack):
    space = slack.workspace
    alice, general = space.user("alice").id, space.channel("#general").id
    typed = f"*gras _et penché_* `a*b` <@{alice}> <#{general}> <https://a.fr|là> :tada: 1 < 2\n&gt; cité\n```x\ny```"
    said = space.say("#general", "bob", typed)
    assert said.text == typed.replace("1 < 2", "1 &lt; 2")
    section, quote, code = said.blocks[0]["elements"]
    assert [(one.get("text"), one.get("style")) for one in section["elements"] if one["type"] == "text"] == [
        ("gras ", {"bold": True}),
        ("et penché", {"bold": True, "italic": True}),
        (" ", None),
        ("a*b", {"code": True}),
        (" ", None),
        (" ", None),
        (" ", None),
        (" ", None),
        (" 1 < 2", None),
    ]
    assert [one for one in section["elements"] if one["type"] != "text"] == [
        {"type": "user", "user_id": alice},
        {"type": "channel", "channel_id": general},
        {"type": "link", "url": "https://a.fr", "text": "là"},
        {"type": "emoji", "name": "tada"},
    ]
    assert (quote["type"], quote["elements"][0]["text"]) == ("rich_text_quote", "cité")
    assert (code["type"], code["elements"][0]["text"]) == ("rich_text_preformatted", "x\ny")
