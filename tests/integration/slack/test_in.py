"""What people of the workspace do, and what was missed while nobody listened."""

from dataclasses import replace

import pytest

from tchap_bridge_slack import SlackBridge
from tchap_bridges.bridge import ListsMembers, NamesChats, OpensFiles, Proves
from tchap_bridges.errors import BridgeError, Misconfigured, Undeliverable
from tchap_bridges.events import ChatChanged, Deletion, Edit, Form, Reaction
from tchap_bridges.ids import FileRef
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import ASKER, until

from .conftest import World, config_of


def of(world: World, kind: type) -> list:
    return [event for event in world.rig.events() if isinstance(event, kind)]


async def after(world: World) -> None:
    """Until all that was said before has been looked at."""
    world.people.say("#general", "bob", "fin")
    await until(lambda: "fin" in world.texts())


async def test_people_have_their_names(world: World) -> None:
    world.people.say("#general", "bob", "bonjour")
    await until(lambda: world.texts() == ["bonjour"])
    world.people.change_user("bob", display_name="Bobby")
    await until(lambda: not world.slack.sockets.pending)
    world.people.say("#general", "bob", "re")
    first, second = await world.rig.hears(2)
    assert (first.author.name, second.author.name) == ("Bob Leblanc", "Bobby")
    assert first.author.person == second.author.person == world.people.user("bob").id


async def test_previews_are_no_edits(world: World) -> None:
    said = world.people.say("#general", "alice", "voir <https://exemple.fr/page>")
    await world.rig.hears()
    world.people.unfurl("#general", said, {"from_url": "https://exemple.fr/page", "title": "La page", "text": "…"})
    await after(world)
    assert not of(world, Edit)
    world.people.edit("#general", said, "voir <https://exemple.fr/autre>")
    edit = await world.rig.hears_event(Edit)
    assert "autre" in edit.text.plain
    assert "La page" not in edit.text.plain
    world.people.edit("#general", said, "encore")
    world.people.edit("#general", said, "et encore")  # within one second: Slack's own times are equal
    await until(lambda: len(of(world, Edit)) == 3)


async def test_threads_broadcasts_and_a_root_that_goes(world: World) -> None:
    root = world.people.say("#general", "alice", "question")
    await world.rig.hears()
    world.people.say("#general", "bob", "pour tous", thread_ts=root.ts, broadcast=True)
    await world.rig.hears(2)
    world.people.delete("#general", root)  # has an answer: Slack leaves a stone
    deletion = await world.rig.hears_event(Deletion)
    assert deletion.target == root.ts
    assert [(one.text.plain, one.thread) for one in world.rig.heard()] == [
        ("question", ()),
        ("pour tous", (root.ts,)),
    ]


async def test_reactions_with_tones_and_of_the_house(world: World) -> None:
    said = world.people.say("#general", "alice", "bravo")
    for name in ("+1::skin-tone-4", "bzh"):
        world.people.react("#general", said, "bob", name)
    world.people.unreact("#general", said, "bob", "bzh")
    world.people.react("#general", said, "bob", "bzh")
    await until(lambda: len(of(world, Reaction)) == 4)
    found = of(world, Reaction)
    assert [(one.key, one.removed) for one in found] == [
        ("👍🏽", False),
        (":bzh:", False),
        (":bzh:", True),
        (":bzh:", False),
    ]
    assert found[1].id != found[3].id, "set again, it is another one"


async def test_what_becomes_of_the_channel(world: World) -> None:
    world.people.set_topic("#autre", "alice", "budget")
    world.people.set_purpose("#autre", "alice", "parler du budget")
    world.people.rename("#autre", "alice", "finances")
    world.people.archive("#finances", "alice")
    await until(lambda: len(of(world, ChatChanged)) == 2 and len(world.texts()) == 2)
    assert [(one.name, one.topic) for one in of(world, ChatChanged)] == [(None, "budget"), ("#finances", None)]
    notices = world.rig.heard()
    assert "parler du budget" in notices[0].text.plain
    assert "archivé" in notices[1].text.plain
    assert {one.form for one in notices} == {Form.NOTICE}


async def test_taken_out_of_a_channel_is_said(world: World) -> None:
    world.people.leave("#autre", world.slack.app.bot.user_id)
    (notice,) = await world.rig.hears()
    assert "/invite" in notice.text.plain
    assert notice.form is Form.NOTICE


async def read(world: World, ref: FileRef) -> bytes:
    assert isinstance(world.rig.connection, OpensFiles)
    async with world.rig.connection.open_file(ref) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_several_files_and_the_page_to_sign_in(world: World) -> None:
    files = [world.people.upload("alice", name, name.encode(), "text/plain") for name in ("a.txt", "b/../c.txt")]
    page = world.people.upload("alice", "page.html", b"<p>bonjour</p>", "text/html")
    world.people.say("#general", "alice", "voici", files=[*files, page])
    (message,) = await world.rig.hears()
    assert [file.name for file in message.files] == ["a.txt", "b_.._c.txt", "page.html"]
    assert [await read(world, file.ref) for file in message.files] == [b"a.txt", b"b/../c.txt", b"<p>bonjour</p>"]
    world.people.delete_file(files[0])
    with pytest.raises(Undeliverable):
        await read(world, message.files[0].ref)
    world.slack.drop_scope("files:read")
    for file in message.files[1:]:
        with pytest.raises(BridgeError):
            await read(world, file.ref)


async def test_what_was_missed_comes_in_order_and_once(working) -> None:
    host = FakeHost()
    async with working(host) as world:
        root = world.people.say("#general", "alice", "avant")
        gone = world.people.say("#general", "alice", "à effacer")
        changed = world.people.say("#general", "alice", "brouillon")
        await world.rig.hears(3)
        await until(lambda: not world.slack.sockets.pending)
        people, slack = world.people, world.slack
    slack.sockets.keep_for = 0.0  # Slack gives up at once: only the history has it
    first = people.say("#general", "bob", "pendant 1")
    people.say("#general", "bob", "réponse", thread_ts=root.ts)
    people.say("#general", "bob", "pendant 2")
    people.edit("#general", first, "pendant 1, corrigé")
    people.edit("#general", changed, "au propre")
    people.delete("#general", gone)
    await until(lambda: not slack.sockets.pending)
    async with working(host) as world:
        await until(lambda: "pendant 2" in world.texts())
        await until(lambda: of(world, Deletion) and of(world, Edit))
        assert world.texts() == ["avant", "à effacer", "brouillon", "pendant 1, corrigé", "réponse", "pendant 2"]
        assert [one.target for one in of(world, Deletion)] == [gone.ts]
        assert [(one.target, one.text.plain) for one in of(world, Edit)] == [(changed.ts, "au propre")]
        answer = world.rig.heard()[4]
        assert answer.thread == (root.ts,)
    async with working(host) as world:  # and again: nothing twice
        await after(world)
        assert len(world.texts()) == 7
        assert len(of(world, Edit)) == len(of(world, Deletion)) == 1


async def test_what_lies_too_far_back_is_counted(working) -> None:
    host = FakeHost()
    async with working(host) as world:
        world.people.say("#general", "alice", "avant")
        await world.rig.hears()
        await until(lambda: not world.slack.sockets.pending)
        people, slack = world.people, world.slack
    slack.sockets.keep_for = 0.0
    for n in range(30):
        people.say("#general", "bob", f"n° {n}")
    await until(lambda: not slack.sockets.pending)
    async with working(host, catch_up={"messages": 10}) as world:
        await until(lambda: "n° 29" in world.texts())
        notices = [one for one in world.rig.heard() if one.form is Form.NOTICE]
        assert len(notices) == 1
        assert "20" in notices[0].text.plain
        assert world.texts()[2:] == [f"n° {n}" for n in range(20, 30)]


async def test_catching_up_waits_for_its_turn(working) -> None:
    host = FakeHost()
    async with working(host) as world:
        world.people.say("#general", "alice", "avant")
        await world.rig.hears()
        await until(lambda: not world.slack.sockets.pending)
        people, slack = world.people, world.slack
    slack.sockets.keep_for = 0.0
    people.say("#general", "bob", "manqué")
    await until(lambda: not slack.sockets.pending)
    slack.faults.ratelimit("conversations.history", retry_after=1, times=2)
    slack.faults.lose_answer("conversations.history")
    async with working(host) as world:
        await until(lambda: "manqué" in world.texts())
        world.people.say("#general", "bob", "en direct")
        await until(lambda: "en direct" in world.texts())
        assert world.texts() == ["avant", "manqué", "en direct"]


@pytest.mark.parametrize(
    "form",
    ["#general", "general", "<#{id}|general>", "{id}", "https://essai.slack.com/archives/{id}/p1700000000000100"],
)
async def test_finds_it_however_it_is_called(world: World, form: str) -> None:
    assert isinstance(world.rig.connection, NamesChats)
    found = await world.rig.connection.find(form.format(id=world.rig.chat.id), {}, ASKER)
    assert found == world.rig.chat


async def test_refuses_with_a_remedy(world: World) -> None:
    assert isinstance(world.rig.connection, NamesChats)
    world.people.add_channel("secret", "alice", private=True)
    world.people.add_channel("vieux", "alice")
    world.people.archive("#vieux", "alice")
    for name, word in (
        ("#secret", "/invite @passerelle"),
        ("#vieux", "archiv"),
        ("#rien", "/invite"),
        ("@alice", "#general"),
    ):
        with pytest.raises(Misconfigured) as error:
            await world.rig.connection.find(name, {}, ASKER)
        assert word in f"{error.value.reason} {error.value.remedy}"
    world.people.join("#secret", world.slack.app.bot.user_id)
    assert (await world.rig.connection.find("secret", {}, ASKER)).name == "#secret"


async def test_a_private_channel_is_asked_whether_it_agrees(world: World) -> None:
    """Whoever may link rooms need not be in it: its own people read the code, and who asks."""
    assert isinstance(world.rig.connection, Proves)
    world.people.add_channel("secret", "alice", world.slack.app.bot.user_id, private=True)
    found = await world.rig.connection.find("#secret", {}, ASKER)
    assert found.proof == "#secret"
    asker = replace(ASKER, name="<!channel> *Jo*", room_name="Salle\n&lt;")
    await world.rig.connection.challenge(found.proof, "12345678", asker, key="k")
    (said,) = world.people.channel("#secret").messages.values()
    assert "`!pont code 12345678`" in said.text
    assert "&lt;!channel&gt; *Jo*" in said.text
    assert world.rig.chat.proof is None, "a public channel is everybody's to read"


async def test_who_is_there(world: World) -> None:
    assert isinstance(world.rig.connection, ListsMembers)
    assert [one.name for one in await world.rig.connection.members(world.rig.chat.id)] == ["Alice", "Bob Leblanc"]


async def test_check_names_what_is_missing(slack) -> None:
    findings = await SlackBridge.check(config_of(slack))
    assert {one.level for one in findings} == {"ok"}
    assert any("Essai" in one.detail for one in findings)
    slack.drop_scope("files:write", "users:read")
    slack.disable_socket_mode()
    bad = [one for one in await SlackBridge.check(config_of(slack)) if one.level == "fail"]
    assert len(bad) == 3
    assert {"files:write", "users:read"} <= {word for one in bad for word in one.subject.split()}
    assert all(one.remedy for one in bad)
    slack.revoke()
    (finding,) = await SlackBridge.check(config_of(slack))
    assert finding.level == "fail"
    await slack.stop()
    (finding,) = await SlackBridge.check(config_of(slack))
    assert finding.remedy
    await slack.start()
