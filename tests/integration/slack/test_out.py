"""What leaves for Slack: once, at its pace, and whole."""

import itertools
import time
from dataclasses import replace

import pytest

from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable, Unsupported
from tchap_bridges.events import Author, Form, Text, mention
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import OutgoingDeletion, OutgoingEdit, OutgoingReaction
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import JEANNE, FakeAttachment, until
from tchap_bridges.testing.slack import events
from tchap_bridges.testing.slack.composer import unescaped

from .conftest import World

KARIM = Author(person=PersonId("@karim:exemple.fr"), name="Karim Diallo")


@pytest.mark.parametrize("fault", ["lose_answer", "reset_before", "fail"])
@pytest.mark.parametrize("in_thread", [False, True])
async def test_after_a_doubt_it_is_looked_for(world: World, fault: str, *, in_thread: bool) -> None:
    root = world.people.say("#general", "alice", "question")
    message = replace(
        world.rig.message("une fois"), thread=(MessageId(root.ts),) if in_thread else (), in_thread=in_thread
    )
    getattr(world.slack.faults, fault)("chat.postMessage")
    with pytest.raises(NotReady):
        await world.rig.connection.send(message)
    (ts,) = await world.rig.send(message)
    ours = [one for one in world.people.channel("#general").messages.values() if one.username]
    assert [one.ts for one in ours] == [ts]
    assert ours[0].thread_ts == (root.ts if in_thread else "")


async def test_each_piece_of_a_long_text_once(world: World) -> None:
    """The answer to one in the middle is lost: those before it are not posted again, those after it follow."""
    words = " ".join(f"mot{n}" for n in range(2500))
    message = world.rig.message(words)
    world.slack.faults.delay(0, "chat.postMessage")
    await world.rig.send(world.rig.message("avant"))
    world.slack.faults.lose_answer("chat.postMessage", times=2)
    ids = await world.rig.send(message)
    ours = [one for one in world.people.channel("#general").messages.values() if one.username]
    assert [one.ts for one in ours][1:] == list(ids)
    assert "".join(one.text for one in ours[1:]).replace(" ", "") == words.replace(" ", "")


async def test_retry_after_holds_one_channel_and_no_other(world: World) -> None:
    world.slack.faults.ratelimit("chat.postMessage", world.rig.chat.id, retry_after=2)
    began = time.monotonic()
    with pytest.raises(NotReady) as error:
        await world.rig.connection.send(message := world.rig.message("plus tard"))
    assert error.value.retry_after == pytest.approx(2, abs=0.2)
    await world.rig.connection.send(replace(world.rig.message("ailleurs"), chat=world.other.id))
    with pytest.raises(NotReady):  # the core would wait; who does not is not let through
        await world.rig.connection.send(message)
    await world.rig.send(message)
    limited, passed = world.asked("chat.postMessage", channel=world.rig.chat.id)
    assert passed.at - limited.at >= 2
    assert passed.at - began >= 2
    (elsewhere,) = world.asked("chat.postMessage", channel=world.other.id)
    assert elsewhere.at < passed.at


async def test_retry_after_holds_over_a_restart(working, slack) -> None:
    host = FakeHost()
    async with working(host) as world:
        message = world.rig.message("plus tard", key="une fois")
        slack.faults.ratelimit("chat.postMessage", world.rig.chat.id, retry_after=3)
        with pytest.raises(NotReady):
            await world.rig.connection.send(message)
    async with working(host) as world:
        with pytest.raises(NotReady) as error:
            await world.rig.connection.send(message)
        assert error.value.retry_after == pytest.approx(2, abs=1)
        await world.rig.connection.send(replace(world.rig.message("ailleurs"), chat=world.other.id))
        await world.rig.send(message)
        limited, passed = world.asked("chat.postMessage", channel=world.rig.chat.id)
        assert passed.at - limited.at >= 3


async def test_one_post_a_second(working, slack) -> None:
    async with working(FakeHost(), pace={"burst": 1, "seconds": 0.4}) as world:
        for n in range(3):
            await world.rig.send(world.rig.message(f"n° {n}"))
        times = [one.at for one in world.asked("chat.postMessage")]
        assert [b - a >= 0.35 for a, b in itertools.pairwise(times)] == [True, True]


async def test_name_picture_thread_and_people(world: World) -> None:
    alice = world.people.user("alice")
    root = world.people.say("#general", "alice", "question")

    async def picture() -> str:
        return "https://pont.exemple.fr/a/1"

    text = Text(plain="@Alice oui & non", html=f"{mention(PersonId(alice.id), '@Alice')} <b>oui</b> &amp; non")
    message = replace(
        world.rig.message(), text=text, thread=(MessageId(root.ts),), in_thread=True, link_to_avatar=picture
    )
    (ts,) = await world.rig.send(message)
    shown = world.people.message("#general", ts)
    assert (shown.username, shown.thread_ts) == (JEANNE.name, root.ts)
    assert set(shown.icons.values()) == {"https://pont.exemple.fr/a/1"}
    assert f"<@{alice.id}>" in shown.text
    assert "&amp;" in shown.text
    assert shown.metadata["event_payload"]["part"] == 0
    assert message.key not in str(shown.metadata), "the core's key is nobody's business"


async def test_a_plain_answer_names_whom_it_answers(world: World) -> None:
    root = world.people.say("#general", "alice", "question")
    alice = Author(person=PersonId(world.people.user("alice").id), name="Alice")
    message = replace(
        world.rig.message("réponse"), thread=(MessageId(root.ts),), reply_to=MessageId(root.ts), answered=alice
    )
    (ts,) = await world.rig.send(message)
    shown = world.people.message("#general", ts)
    assert not shown.thread_ts
    assert "↪" in shown.text
    assert "Alice" in shown.text
    assert f"p{root.ts.replace('.', '')}" in shown.text
    edit = edit_of(world, ts, "réponse corrigée")
    await world.rig.connection.edit(edit)
    shown = world.people.message("#general", ts)
    assert "Alice" in shown.text
    assert "réponse corrigée" in shown.text


def edit_of(world: World, ts: str, text: str, *parts: str) -> OutgoingEdit:
    return OutgoingEdit(
        key=world.rig.key(),
        chat=world.rig.chat.id,
        author=JEANNE,
        network="Tchap",
        at=world.rig.message().at,
        target=MessageId(ts),
        parts=tuple(MessageId(part) for part in parts),
        text=Text(plain=text),
    )


async def test_an_emote_stays_one(world: World) -> None:
    (ts,) = await world.rig.send(world.rig.message("salue", form=Form.EMOTE))
    assert world.people.message("#general", ts).text == "_salue_"
    await world.rig.connection.edit(edit_of(world, ts, "salue encore"))
    assert world.people.message("#general", ts).text == "_salue encore_"


async def test_an_edit_covers_all_parts(world: World) -> None:
    ids = await world.rig.send(world.rig.message("mot " * 2000))
    assert len(ids) > 1
    await world.rig.connection.edit(edit_of(world, ids[0], "court", *ids))
    texts = [world.people.message("#general", ts).text for ts in ids]
    assert texts[0] == "court"
    assert "mot" not in "".join(texts)
    await world.rig.connection.edit(edit_of(world, ids[0], "long " * 3000, *ids))
    texts = [world.people.message("#general", ts).text for ts in ids]
    assert all(text.startswith("long") for text in texts)
    assert texts[-1].endswith("…")


async def test_files_go_with_their_words(world: World) -> None:
    root = world.people.say("#general", "alice", "envoie")
    files = [FakeAttachment("plan.pdf", b"plan" * 1000), FakeAttachment("vide.txt", b""), FakeAttachment("b.txt", b"b")]
    message = replace(world.rig.message("voici", files=files), thread=(MessageId(root.ts),), in_thread=True)
    (ts,) = await world.rig.send(message)
    shown = world.people.message("#general", ts)
    assert [world.people.files[one].data for one in shown.files] == [b"plan" * 1000, b"b"]
    assert shown.thread_ts == root.ts
    said = str(shown.blocks)
    assert JEANNE.name in said
    assert "voici" in said
    assert "vide.txt" in said
    assert message.left_out(1) is not None
    deletion = OutgoingDeletion(
        key=world.rig.key(), chat=world.rig.chat.id, author=JEANNE, network="Tchap", target=MessageId(ts)
    )
    sent = list(shown.files)
    await world.rig.connection.delete(deletion)
    assert all(world.people.files[one].deleted for one in sent), "the file outlives its message"


@pytest.mark.parametrize("fault", ["lose_answer", "reset_before"])
async def test_files_after_a_doubt(world: World, fault: str) -> None:
    message = world.rig.message(files=[FakeAttachment("plan.pdf", b"plan")])
    getattr(world.slack.faults, fault)("files.completeUploadExternal")
    with pytest.raises(NotReady):
        await world.rig.connection.send(message)
    (ts,) = await world.rig.send(message)
    ours = [one.ts for one in world.people.channel("#general").messages.values() if one.files]
    assert ours == [ts]
    assert len(world.asked("files.getUploadURLExternal")) == 1, "what is uploaded is not uploaded again"


def reaction(world: World, ts: str, symbol: str, author: Author, *, removed: bool = False) -> OutgoingReaction:
    return OutgoingReaction(
        key=world.rig.key(),
        chat=world.rig.chat.id,
        author=author,
        network="Tchap",
        target=MessageId(ts),
        symbol=symbol,
        removed=removed,
    )


async def test_reactions_stay_while_somebody_is_behind_them(world: World) -> None:
    connection, said = world.rig.connection, world.people.say("#general", "alice", "bravo")
    first = await connection.react(reaction(world, said.ts, "👍🏽", JEANNE))
    second = await connection.react(reaction(world, said.ts, "👍🏽", KARIM))
    assert first != second
    assert first == await connection.react(reaction(world, said.ts, "👍🏽", JEANNE))
    bot = world.slack.app.bot.user_id
    assert said.reactions == {"+1::skin-tone-4": [bot]}
    await connection.react(reaction(world, said.ts, "👍🏽", JEANNE, removed=True))
    assert said.reactions == {"+1::skin-tone-4": [bot]}, "Karim still stands behind it"
    await connection.react(reaction(world, said.ts, "👍🏽", KARIM, removed=True))
    assert said.reactions == {}
    await connection.react(reaction(world, said.ts, "👍🏽", KARIM, removed=True))


async def test_custom_and_unknown_emoji(world: World) -> None:
    world.people.add_emoji("bzh", "https://emoji.exemple.fr/bzh.png")
    await until(lambda: not world.slack.sockets.pending)
    said = world.people.say("#general", "alice", "bravo")
    await world.rig.connection.react(reaction(world, said.ts, ":bzh:", JEANNE))
    assert list(said.reactions) == ["bzh"]
    with pytest.raises(Unsupported):
        await world.rig.connection.react(reaction(world, said.ts, "texte libre", JEANNE))


async def test_a_missing_scope_is_named(world: World) -> None:
    said = world.people.say("#general", "alice", "bravo")
    world.slack.drop_scope("reactions:write")
    with pytest.raises(Undeliverable) as refused:
        await world.rig.connection.react(reaction(world, said.ts, "👍", JEANNE))
    assert "reactions:write" in refused.value.reason
    assert "channels:history" in refused.value.reason, "what it has is named too"
    assert "reactions:write" in refused.value.remedy
    world.slack.drop_scope("chat:write")
    with pytest.raises(BadCredentials) as stopped:
        await world.rig.connection.send(world.rig.message("attend"))
    assert "chat:write" in stopped.value.reason


async def test_a_channel_that_is_archived_or_left(world: World) -> None:
    world.people.leave("#autre", world.slack.app.bot.user_id)
    await world.rig.connection.send(replace(world.rig.message("revenu"), chat=world.other.id))
    assert "revenu" in unescaped(world.people.transcript("#autre")), "a public channel is entered again"
    world.people.archive("#autre", "alice")
    with pytest.raises(Undeliverable) as error:
        await world.rig.connection.send(replace(world.rig.message("trop tard"), chat=world.other.id))
    assert error.value.remedy


async def test_a_channel_with_another_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared with another organisation, a channel may get a new id; the link goes on under the old one."""
    channel = world.people.channel("#autre")
    old = channel.id
    channel.id = world.people.new_id("C")
    world.people.channels[channel.id] = world.people.channels.pop(old)
    world.slack.subscription.types.add("channel_id_changed")
    monkeypatch.setitem(events.SCOPES, "channel_id_changed", "channels:read")  # outside this test it is not published
    world.people.emit("channel_id_changed", old_channel_id=old, new_channel_id=channel.id)
    world.people.say("#autre", "bob", "toujours là")
    (message,) = await world.rig.hears()
    assert message.chat == old
    await world.rig.send(replace(world.rig.message("nous aussi"), chat=ChatId(old)))
    await until(lambda: "nous aussi" in world.people.transcript("#autre"))
