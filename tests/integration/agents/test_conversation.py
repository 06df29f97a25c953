"""The two clients of the encryption tests understand each other, in everything that people do in a room."""

import pytest
import pytest_asyncio

from tchap_bridges.testing.agent import AgentError
from tchap_bridges.testing.js_agent import JsAgent
from tchap_bridges.testing.matrix_http import MatrixError
from tchap_bridges.testing.nio_agent import NioAgent
from tchap_bridges.testing.process import ServerFailedError, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def room(alice, nina, gather):
    return await gather(alice, nina)


@pytest.fixture(params=["matrix-js-sdk to matrix-nio", "matrix-nio to matrix-js-sdk"])
def pair(request, alice, nina):
    """Who writes and who reads."""
    return (alice, nina) if request.param.startswith("matrix-js-sdk") else (nina, alice)


async def test_words_arrive_encrypted(pair, room):
    writer, reader = pair
    event = await writer.send_text(room, f"bonjour de {writer.user_id}")
    seen = await reader.see(room, event)
    assert (seen.body, seen.sender, seen.encrypted) == (f"bonjour de {writer.user_id}", writer.user_id, True)
    assert (seen.kind, seen.failure, seen.name) == ("m.room.message", None, writer.user_id[1:].partition(":")[0])
    assert await reader.wait_for_text(room, f"jour de {writer.user_id}") == seen


async def test_answers_and_threads_keep_their_relation(pair, room):
    writer, reader = pair
    first = await reader.send_text(room, "une question")
    answer = await reader.see(room, await writer.send_text(room, "une réponse", reply_to=first))
    assert (answer.encrypted, answer.relation) == (True, {"m.in_reply_to": {"event_id": first}})
    inside = await reader.see(room, await writer.send_text(room, "plus bas", thread=first))
    assert (inside.encrypted, inside.body) == (True, "plus bas")
    assert (inside.relation["rel_type"], inside.relation["event_id"]) == ("m.thread", first)


async def test_an_edit_is_shown_in_place_of_the_first_words(pair, room):
    writer, reader = pair
    event = await writer.send_text(room, "une fôte")
    assert not (await reader.see(room, event)).edited
    edit = await reader.see(room, await writer.edit(room, event, "une faute"))
    assert (edit.encrypted, edit.relation["rel_type"]) == (True, "m.replace")
    seen = await reader.see(room, event)
    assert (seen.body, seen.edited) == ("une faute", True)


async def test_nobody_edits_what_another_wrote(pair, room):
    writer, reader = pair
    event = await reader.send_text(room, "mes mots")
    await reader.see(room, await writer.edit(room, event, "tes mots"))
    seen = await reader.see(room, event)
    assert (seen.body, seen.edited) == ("mes mots", False)


async def test_a_reaction_is_counted_and_taken_back(pair, room):
    writer, reader = pair
    event = await reader.send_text(room, "d'accord ?")
    await writer.see(room, event)
    reaction = await writer.react(room, event, "👍")
    assert not (await reader.see(room, reaction)).encrypted
    assert (await reader.see(room, event)).reactions == {"👍": [writer.user_id]}


async def test_what_is_redacted_is_gone(pair, room):
    writer, reader = pair
    event = await writer.send_text(room, "trop vite")
    assert (await reader.see(room, event)).body == "trop vite"
    await reader.see(room, await writer.redact(room, event))
    seen = await reader.see(room, event)
    assert (seen.redacted, seen.content, seen.failure) == (True, {}, None)


async def test_a_file_is_encrypted_on_the_server_and_read_by_the_other(pair, room, nina):
    writer, reader = pair
    data = b"n\x00t for the server" * 1000
    event = await writer.send_file(room, "note.bin", "application/octet-stream", data)
    seen = await reader.see(room, event)
    assert (seen.encrypted, seen.content["filename"], seen.content["info"]["size"]) == (True, "note.bin", len(data))
    assert "url" not in seen.content
    assert seen.content["file"]["v"] == "v2"
    assert await reader.download(room, event) == data
    stored = await nina.http.download(seen.content["file"]["url"])
    assert len(stored) == len(data)
    assert stored != data


async def test_in_an_ordinary_room_nothing_is_encrypted(pair, gather):
    writer, reader = pair
    room = await gather(writer, reader, encrypted=False)
    words = await reader.see(room, await writer.send_text(room, "à tous"))
    assert (words.body, words.encrypted, words.shield) == ("à tous", False, None)
    file = await writer.send_file(room, "note.txt", "text/plain", b"lisible")
    assert "file" not in (await reader.see(room, file)).content
    assert await reader.download(room, file) == b"lisible"


async def test_words_in_clear_in_an_encrypted_room_are_shown_as_such(pair, room, nina):
    _, reader = pair
    event = await nina.http.send_text(room, "en clair")  # past the part of the client that encrypts
    seen = await reader.see(room, event)
    assert (seen.body, seen.encrypted) == ("en clair", False)


async def test_a_poll_is_encrypted_to_its_end(alice, nina, room):
    poll = await alice.start_poll(room, "Quand ?", ["lundi", "mardi"])
    start = await nina.see(room, poll.event_id)
    assert (start.kind, start.encrypted) == ("org.matrix.msc3381.poll.start", True)
    asked = start.content["org.matrix.msc3381.poll.start"]
    assert [one["id"] for one in asked["answers"]] == poll.answers
    assert asked["question"]["body"] == "Quand ?"
    vote = await nina.see(room, await alice.vote(room, poll.event_id, poll.answers[1:]))
    assert (vote.kind, vote.encrypted) == ("org.matrix.msc3381.poll.response", True)
    assert vote.content["org.matrix.msc3381.poll.response"] == {"answers": poll.answers[1:]}
    end = await nina.see(room, await alice.end_poll(room, poll.event_id, "Mardi."))
    assert (end.kind, end.encrypted) == ("org.matrix.msc3381.poll.end", True)
    assert end.relation == {"rel_type": "m.reference", "event_id": poll.event_id}


async def test_typing_is_seen(alice, nina, room):
    await nina.typing(room)

    async def types() -> bool:
        return await alice.who_types(room) == [nina.user_id]

    assert await eventually(types, timeout=15)
    await nina.typing(room, on=False)


async def test_refusals_come_back_in_the_words_of_who_refuses(alice, bruno, nina, room):
    closed = await bruno.create_room()
    for agent in (alice, nina):
        with pytest.raises(AgentError, match=r"waited 0\.2 s in vain for \$none"):
            await agent.see(room, "$none", patience=0.2)
        with pytest.raises(AgentError, match='in vain for "ni vu ni connu"'):
            await agent.wait_for_text(room, "ni vu ni connu", patience=0.2)
        with pytest.raises(MatrixError, match="403 M_FORBIDDEN: You are not invited to this room") as refused:
            await agent.join(closed)
        assert (refused.value.status, refused.value.errcode) == (403, "M_FORBIDDEN")
    with pytest.raises(AgentError, match="no file in"):
        await alice.download(room, await alice.send_text(room, "rien"))


@pytest.mark.parametrize("kind", [JsAgent, NioAgent])
async def test_a_wrong_password_is_refused(synapse, tmp_path, alice, kind):
    with pytest.raises(MatrixError, match="403 M_FORBIDDEN: Invalid username or password"):
        await kind.start(tmp_path, synapse.url, alice.user_id, "faux")


async def test_a_client_that_is_gone_says_so(sign_up):
    agent = await sign_up(JsAgent, "absent")
    await agent.stop()
    with pytest.raises(ServerFailedError, match="the agent is gone"):
        await agent.join("!any:demo.tchap.localhost")
