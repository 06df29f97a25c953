"""Files: the upload in three steps, what files.info says, and what lies behind url_private.

Source: docs.slack.dev/messaging/working-with-files, docs.slack.dev/reference/methods/files.completeUploadExternal.
"""

import mimetypes
import secrets

from aiohttp import web

from tchap_bridges.testing.slack.app import App
from tchap_bridges.testing.slack.blocks import check_blocks
from tchap_bridges.testing.slack.call import Call, Method
from tchap_bridges.testing.slack.composer import escaped
from tchap_bridges.testing.slack.model import File, Json, Message, SlackError, Upload
from tchap_bridges.testing.slack.workspace import Workspace

LOGIN_PAGE = """<!DOCTYPE html><html lang="en"><head><title>Sign in | Slack</title></head>
<body><h1>Sign in to your workspace</h1><form action="/signin" method="post"></form></body></html>"""


async def get_upload_url(call: Call) -> Json:
    name, length = call.arguments.text("filename"), call.arguments.text("length")
    if not length.isdigit() or int(length) == 0:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] length must be greater than 0"]})
    upload = Upload(call.workspace.new_id("F"), name, int(length), call.arguments.text("alt_txt", ""))
    ticket = secrets.token_urlsafe(12)
    call.workspace.uploads[ticket] = upload
    return {"upload_url": f"{call.base}/upload/v1/{ticket}", "file_id": upload.file_id}


async def complete_upload(call: Call) -> Json:
    """Share uploaded files in `channel_id`, as one message; without it they are the app's alone."""
    arguments, workspace = call.arguments, call.workspace
    wanted = arguments.structure("files", list, "invalid_arguments")
    if not wanted:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: files"]})
    place = None
    if arguments.has("channel_id"):
        place = call.joined(call.channel("channel_id"))
        if place.archived:
            raise SlackError("is_archived")
        if arguments.has("thread_ts") and arguments.text("thread_ts") not in place.messages:
            raise SlackError("thread_not_found")
    blocks = arguments.structure("blocks", list, "invalid_blocks_format")
    check_blocks(blocks or [])
    ready = {one.file_id: (ticket, one) for ticket, one in workspace.uploads.items() if one.data is not None}
    if any(not isinstance(one, dict) or one.get("id") not in ready for one in wanted):
        raise SlackError("file_not_found")
    files: list[File] = []
    for one in wanted:
        ticket, upload = ready[one["id"]]
        del workspace.uploads[ticket]
        kind = mimetypes.guess_type(upload.name)[0] or "application/octet-stream"
        title = str(one.get("title") or upload.name)
        file = File(upload.file_id, upload.name, title, kind, upload.data or b"", call.me, workspace.now())
        workspace.files[file.id] = file
        workspace.emit("file_created", file_id=file.id, user_id=file.user, file={"id": file.id})
        files.append(file)
    if place is not None:
        text = arguments.text("initial_comment", "")
        message = Message(
            workspace.new_ts(),
            place.id,
            call.me,
            escaped(text),
            blocks=workspace.blocks(text, blocks),
            subtype="file_share",
            thread_ts=arguments.text("thread_ts", ""),
            bot_id=call.app.bot.id,
            files=[one.id for one in files],
        )
        workspace.post(message)
    return {"files": [workspace.file_json(one, long=True) for one in files]}


async def info(call: Call) -> Json:
    file = call.workspace.file(call.arguments.text("file"))
    if not _sees(call.workspace, call.me, file):
        raise SlackError("file_not_found")
    return {"file": call.workspace.file_json(file, long=True), "comments": []}


async def delete(call: Call) -> Json:
    file = call.workspace.file(call.arguments.text("file"))
    if file.user != call.me:
        raise SlackError("cant_delete_file")
    call.workspace.delete_file(file)
    return {}


def _sees(workspace: Workspace, user: str, file: File) -> bool:
    places = [workspace.channels[channel] for channel, _ in file.shares]
    return file.user == user or any(one.kind == "public" or user in one.members for one in places)


async def take_upload(request: web.Request, workspace: Workspace) -> web.Response:
    """The second step: the bytes, as a form's file or as the body."""
    upload = workspace.uploads.get(request.match_info["ticket"])
    if upload is None:
        return web.Response(status=404, text="not found")
    data = b""
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            if getattr(part, "filename", None) is not None or not data:
                data = bytes(await part.read())  # type: ignore[union-attr]
    else:
        data = await request.read()
    if len(data) != upload.length:
        return web.Response(status=400, text=f"length {len(data)} is not {upload.length}")
    upload.data = data
    workspace.changed()
    return web.Response(text=f"OK - {len(data)}")


async def give_file(request: web.Request, workspace: Workspace, app: App) -> web.Response:
    """The bytes behind url_private; a page to sign in, with status 200, where the token is not good for them."""
    header = request.headers.get("Authorization", "")
    file = workspace.files.get(request.match_info["file"].partition("-")[2])
    login = web.Response(text=LOGIN_PAGE, content_type="text/html")
    try:
        token = app.token(header.removeprefix("Bearer ") if header.startswith("Bearer ") else "")
        token.must_have("files:read")
    except SlackError:
        return login
    if file is None or file.deleted or not _sees(workspace, app.bot.user_id, file):
        return web.Response(status=404, text="not found") if file is None or file.deleted else login
    return web.Response(body=file.data, content_type=file.mimetype)


METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",), tier=100),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",), tier=100),
    "files.info": Method(info, ("files:read",), tier=100, json=False),
    "files.delete": Method(delete, ("files:write",)),
}
