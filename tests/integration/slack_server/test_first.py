"""The stand-in and Slack's own SDK understand each other."""

from tchap_bridges.testing.slack import Slack


async def test_the_app_hears_people_and_itself(slack: Slack, web, listen):
    assert (await web.auth_test())["user_id"] == slack.app.bot.user_id
    listener = await listen()
    slack.workspace.say("#general", "alice", "salut <@U1> & co")
    heard = await listener.event("message")
    assert heard["text"] == "salut <@U1> &amp; co"
    general = slack.workspace.channel("#general").id
    posted = await web.chat_postMessage(channel=general, text="bonjour", username="Chloé", icon_url="http://x/y.png")
    own = await listener.event("message", "bot_message")
    assert (own["ts"], own["username"], own["bot_id"]) == (posted["ts"], "Chloé", slack.app.bot.id)
    assert "user" not in own
    await slack.workspace.wait_for(lambda: not slack.sockets.pending)
    assert slack.workspace.transcript("#general") == "Alice: salut <@U1> & co\nChloé: bonjour"
    await web.users_info(user=slack.workspace.user("bob").id)
    await web.users_list(limit=2)
    await web.conversations_list(types="public_channel,private_channel")
    await web.conversations_info(channel=general, include_num_members=True)
    assert [one["text"] for one in (await web.conversations_history(channel=general))["messages"]] == [
        "bonjour",
        "salut <@U1> &amp; co",
    ]
