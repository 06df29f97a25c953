"""Who says it in a room: a ghost, or the bot for it, whatever becomes of either."""

from dataclasses import replace

import pytest

from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.events import Form
from tchap_bridges.matrix.read import ORIGIN

from .conftest import person
from .sending import PROFILE, eventually


async def test_a_ghost_is_made_when_it_first_speaks_and_keeps_its_name_current(side, agent):
    room = await side.enter(agent)
    sent = await side.say(room, "bonjour", author=person("jean dupont"))
    seen = await agent.event(room, sent)
    assert seen["content"]["body"] == "bonjour"
    assert seen["content"]["m.mentions"] == {}
    assert seen["content"][ORIGIN]["network"] == "courriel"
    assert (await agent.members(room))[seen["sender"]]["displayname"] == "Jean Dupont (courriel)"
    assert "exemple" not in str(seen)  # no address anywhere
    renamed = replace(person("jean dupont"), name="J. Dupont [Premier ministre]")
    await side.say(room, "encore", author=renamed)
    await agent.wait_for(
        room, lambda event: event["content"].get("displayname") == "J. Dupont Premier ministre (courriel)"
    )
    asked = len(side.observed)
    await side.say(room, "et encore", author=renamed)
    assert [name for name, _, _ in side.observed[asked:]] == ["send"]


@pytest.mark.parametrize("version", ["10", "11", "12"])
async def test_where_a_ghost_cannot_enter_the_bot_speaks_for_it(side, agent, version):
    room = await side.enter_tchap(agent, room_version=version)
    seen = await agent.event(room, await side.say(room, "bonjour <b>"))
    assert seen["sender"] == side.homeserver.bot
    assert seen["content"]["body"] == "Jean (courriel): bonjour <b>"
    html = "<strong data-mx-profile-fallback>Jean (courriel): </strong>bonjour &lt;b&gt;"
    assert seen["content"]["formatted_body"] == html
    profile = seen["content"][PROFILE]
    assert (profile["displayname"], profile["has_fallback"]) == ("Jean (courriel)", True)
    asked = len(side.observed)
    await side.say(room)
    assert [name for name, _, _ in side.observed[asked:]] == ["send"]  # what was learnt is not asked again
    alone = await agent.event(room, await side.say(room, "Je suis le pont.", author=None, form=Form.NOTICE))
    assert PROFILE not in alone["content"]
    assert alone["content"]["msgtype"] == "m.notice"

    await agent.set_power(room, side.homeserver.bot, 50)
    await eventually(lambda: any(event["type"] == "m.room.power_levels" for event in side.inbox.events.values()))
    seen = await agent.event(room, await side.say(room, "enfin moi"))
    assert seen["sender"] != side.homeserver.bot
    assert PROFILE not in seen["content"]


async def test_a_public_room_is_entered_without_an_invite(side, agent):
    room = await agent.create_room(preset="public_chat")
    await side.homeserver.join(room)
    await side.say(room)
    states = [event for event in await agent.timeline(room) if event["type"] == "m.room.member"]
    assert "invite" not in {event["content"]["membership"] for event in states}


async def test_a_kicked_ghost_comes_back_and_a_banned_one_does_not(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room)))["sender"]
    await agent.kick(room, ghost)
    assert (await agent.event(room, await side.say(room, "revenu")))["sender"] == ghost
    await agent.request("POST", f"/_matrix/client/v3/rooms/{room}/ban", json={"user_id": ghost})
    with pytest.raises(Undeliverable, match="banni"):
        await side.say(room, "banni")
    assert (await agent.event(room, await side.say(room, "moi", author=person("anne"))))["sender"] != ghost


async def test_a_ghost_who_may_not_speak_is_spoken_for_and_a_bot_who_may_not_says_why(side, agent):
    room = await side.enter(agent)
    await side.say(room)
    levels = await agent.state_content(room, "m.room.power_levels")
    levels |= {"events_default": 10, "users": {**levels["users"], side.homeserver.bot: 10}}
    await agent.set_state(room, "m.room.power_levels", levels)
    assert (await agent.event(room, await side.say(room, "par le robot")))["sender"] == side.homeserver.bot
    await agent.set_power(room, side.homeserver.bot, 0)
    with pytest.raises(Undeliverable, match="ne peut pas écrire"):
        await side.say(room, "muet")
    await agent.kick(room, side.homeserver.bot)
    with pytest.raises(Undeliverable, match="ne peut pas écrire"):
        await side.say(room, "dehors", author=None)


async def test_an_account_lost_with_the_homeservers_database_is_made_again(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room)))["sender"]
    device = side.homeserver._ours.device(ghost)
    await side.homeserver._client.call("DELETE", f"/_matrix/client/v3/devices/{device}", {}, name="x", user=ghost)
    assert (await agent.event(room, await side.say(room, "encore")))["sender"] == ghost


async def test_a_deactivated_ghost_loses_nothing(side, agent):
    room = await side.enter(agent)
    ghost = (await agent.event(room, await side.say(room, author=person("parti"))))["sender"]
    async with await side.synapse.register("root", "x", admin=True) as root:
        await root.request("POST", f"/_synapse/admin/v1/deactivate/{ghost}", json={})
    await eventually(lambda: any(event.get("state_key") == ghost for event in side.inbox.events.values()))
    seen = await agent.event(room, await side.say(room, "encore là", author=person("parti")))
    assert seen["sender"] in {ghost, side.homeserver.bot}
    assert seen["content"]["body"].endswith("encore là")
    assert (await agent.event(room, await side.say(room, "et moi", author=person("anne"))))["sender"] != ghost


async def test_a_name_that_changes_at_each_message_is_not_told_each_time(side, agent):
    room = await side.enter(agent)
    author = person("double")
    for name in ("Un", "Deux", "Un", "Deux", "Un"):
        await side.say(room, author=replace(author, name=name))
    assert [name for name, _, _ in side.observed].count("profile") <= 2 + 2 * 2


async def test_a_homeserver_without_devices_of_ours_and_a_tchap_one(make_side):
    registration = {"io.element.msc4190": False}
    async with make_side(tchap=True, devices=False, registration=registration) as side:
        async with await side.synapse.register("agent", "x") as agent:
            room = await side.enter(agent)
            message = side.message(room)
            ids = await side.homeserver.rooms.send(message)
            assert await side.homeserver.rooms.send(message) == ids
            for user in (side.homeserver.bot, (await agent.event(room, ids[0]))["sender"]):
                path = f"/_matrix/client/v3/user/{user}/account_data/im.vector.hide_profile"
                found = await side.homeserver._client.call("GET", path, name="x", user=user)
                assert found == {"hide_profile": True}
            assert (await side.homeserver.facts(room)).rule == "restricted"


async def test_what_a_ghost_may_have_said_is_not_said_again_by_the_bot(side, agent, monkeypatch):
    room = await side.enter(agent)
    await side.say(room)
    client = side.homeserver._client
    exchange = client._exchange

    async def unheard(method, path, body, query):
        await exchange(method, path, body, query)
        raise NotReady("cut before the answer")

    message = side.message(room, "une fois")
    with monkeypatch.context() as patch:
        patch.setattr(client, "_exchange", unheard)
        with pytest.raises(NotReady):
            await side.homeserver.rooms.send(message)
    (said,) = [event for event in await agent.timeline(room) if event["content"].get("body") == "une fois"]
    await agent.request("POST", f"/_matrix/client/v3/rooms/{room}/ban", json={"user_id": said["sender"]})
    await agent.set_power(room, side.homeserver.bot, 0)
    assert await side.homeserver.rooms.send(message) == [said["event_id"]]
    assert "une fois" in str(said)
    assert str(await agent.timeline(room)).count("une fois") == 1
