"""Files both ways: the upload in three steps, and what lies behind url_private."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError

from tchap_bridges.testing.slack import Slack


async def fetch(address: str, token: str) -> tuple[int, str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_the_sdk_uploads_and_the_channel_sees_one_message(slack: Slack, web, listen):
    listener = await listen()
    general = slack.workspace.channel("#general").id
    root = slack.workspace.say("#general", "alice", "envoyez")
    await web.files_upload_v2(
        channel=general,
        thread_ts=root.ts,
        initial_comment="voici & voilà",
        file_uploads=[{"filename": "été.txt", "content": "été"}, {"filename": "b.png", "file": b"\x89PNG"}],
    )
    heard = await listener.event("message", "file_share")
    assert [one["name"] for one in heard["files"]] == ["été.txt", "b.png"]
    assert (heard["thread_ts"], heard["text"]) == (root.ts, "voici &amp; voilà")
    assert (await fetch(heard["files"][0]["url_private"], slack.bot_token))[2] == "été".encode()
    shown = "Alice: envoyez\n  passerelle: voici & voilà <été.txt> <b.png>"
    assert slack.workspace.transcript("#general") == shown
    told = await web.files_info(file=heard["files"][1]["id"])
    assert told["file"]["shares"]["public"][general][0]["ts"] == heard["ts"]
    assert (told["file"]["mimetype"], told["file"]["size"]) == ("image/png", 4)


async def test_a_file_of_a_person(slack: Slack, web, listen):
    listener = await listen()
    file = slack.workspace.upload("alice", "note.pdf", b"%PDF" * 1000, "application/pdf", title="La note")
    slack.workspace.say("#general", "alice", "lisez", files=[file])
    heard = await listener.event("message", "file_share")
    shared = await listener.event("file_shared")
    assert shared["file_id"] == heard["files"][0]["id"] == file.id
    address = heard["files"][0]["url_private"]
    assert await fetch(address, slack.bot_token) == (200, "application/pdf", b"%PDF" * 1000)
    for token in ("", "xoxb-wrong"):
        status, kind, body = await fetch(address, token)
        assert (status, kind) == (200, "text/html")
        assert b"%PDF" not in body
    slack.drop_scope("files:read")
    assert (await fetch(address, slack.bot_token))[1] == "text/html"
    slack.grant_scope("files:read")
    slack.workspace.delete_file(file)
    await listener.event("file_deleted")
    assert (await fetch(address, slack.bot_token))[0] == 404
    with pytest.raises(SlackApiError, match="file_deleted"):
        await web.files_info(file=file.id)


async def test_a_file_among_others_does_not_exist(slack: Slack, web):
    slack.workspace.add_channel("secret", "alice", "bob", private=True)
    file = slack.workspace.upload("alice", "a.txt", b"chut", "text/plain")
    slack.workspace.say("#secret", "alice", files=[file])
    with pytest.raises(SlackApiError, match="file_not_found"):
        await web.files_info(file=file.id)
    address = slack.workspace.file_json(file)["url_private"]
    assert (await fetch(address, slack.bot_token))[1] == "text/html"


async def test_an_upload_must_be_as_long_as_announced(slack: Slack, web):
    started = await web.files_getUploadURLExternal(filename="a.txt", length=4)
    async with aiohttp.ClientSession() as session:
        async with session.post(started["upload_url"], data=b"abc") as answer:
            assert answer.status == 400
    with pytest.raises(SlackApiError, match="file_not_found"):
        await web.files_completeUploadExternal(files=[{"id": started["file_id"]}])
    async with aiohttp.ClientSession() as session:
        async with session.post(started["upload_url"], data=b"abcd") as answer:
            assert (answer.status, await answer.text()) == (200, "OK - 4")
    done = await web.files_completeUploadExternal(files=[{"id": started["file_id"], "title": "A"}])
    assert done["files"][0]["title"] == "A"
    await web.files_delete(file=started["file_id"])
    assert slack.workspace.files[started["file_id"]].deleted
