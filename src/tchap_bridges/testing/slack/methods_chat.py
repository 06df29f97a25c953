"""chat.* of the Web API: docs.slack.dev/reference/methods/chat.postMessage and its neighbours."""

from typing import Any

from tchap_bridges.testing.slack.blocks import check_blocks
from tchap_bridges.testing.slack.call import Call, Method
from tchap_bridges.testing.slack.composer import escaped
from tchap_bridges.testing.slack.model import Channel, Json, Message, SlackError

LONGEST_TEXT = 40_000
LONGEST_UPDATE = 4_000


async def post_message(call: Call) -> Json:
    message = _composed(call, _where(call))
    call.workspace.post(message)
    return {"channel": message.channel, "ts": message.ts, "message": call.workspace.message_json(message)}


def _where(call: Call) -> Channel:
    """A channel by id or name, or a person, whose direct conversation is meant. Raises SlackError."""
    given = call.arguments.text("channel", "")
    if given in call.workspace.users:
        return call.workspace.open_dm(call.me, given)
    place = call.channel(by_name=True)
    if place.kind != "public" or "chat:write.public" not in call.token.scopes:
        call.joined(place)
    if place.archived:
        raise SlackError("is_archived")
    return place


def _composed(call: Call, place: Channel) -> Message:
    """The message that the arguments describe, not yet posted. Raises SlackError."""
    arguments, workspace = call.arguments, call.workspace
    content = _content(call, LONGEST_TEXT)
    own_name = {name: arguments.text(name, "") for name in ("username", "icon_emoji", "icon_url")}
    if any(own_name.values()):
        call.token.must_have("chat:write.customize")
    thread = arguments.text("thread_ts", "")
    broadcast = bool(thread) and arguments.flag("reply_broadcast")
    metadata = arguments.structure("metadata", dict, "invalid_metadata_format")
    if metadata is not None and not {"event_type", "event_payload"} <= metadata.keys():
        raise SlackError("invalid_metadata_schema")
    customised = own_name["username"]
    return Message(
        workspace.new_ts(),
        place.id,
        "" if customised else call.me,
        content["text"],
        blocks=workspace.blocks(content["text"], content["blocks"]),
        own_blocks=bool(content["blocks"]),
        attachments=content["attachments"],
        subtype="bot_message" if customised else "thread_broadcast" if broadcast else "",
        thread_ts=thread,
        broadcast=broadcast,
        bot_id=call.app.bot.id,
        username=customised,
        icons=_icons(call, own_name),
        metadata=metadata,
    )


def _icons(call: Call, own: dict[str, str]) -> Json:
    if own["icon_emoji"]:
        return {
            "emoji": own["icon_emoji"],
            "image_64": f"{call.workspace.url}/emoji/{own['icon_emoji'].strip(':')}.png",
        }
    return {f"image_{size}": own["icon_url"] for size in (36, 48, 72)} if own["icon_url"] else {}


def _content(call: Call, longest: int) -> dict[str, Any]:
    """text, blocks (None: not given), attachments. Raises SlackError: no_text, msg_too_long, invalid_blocks …"""
    arguments = call.arguments
    text = arguments.text("text", "")
    blocks = arguments.structure("blocks", list, "invalid_blocks_format")
    attachments = arguments.structure("attachments", list, "invalid_attachments") or []
    if not (text.strip() or blocks or attachments):
        raise SlackError("no_text")
    if len(text) > longest:
        raise SlackError("msg_too_long")
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    check_blocks(blocks or [])
    numbered = [
        {"id": number, "fallback": "[no preview available]", **one} for number, one in enumerate(attachments, 1)
    ]
    return {"text": escaped(text), "blocks": blocks, "attachments": numbered}


async def update(call: Call) -> Json:
    place = call.joined(call.channel())
    message = _own(call, place, "cant_update_message")
    given = _content(call, LONGEST_UPDATE)
    metadata = call.arguments.structure("metadata", dict, "invalid_metadata_format")
    attachments = given["attachments"] if call.arguments.has("attachments") else None
    text = given["text"] if call.arguments.has("text") else None
    call.workspace.edit(
        place,
        message,
        text,
        blocks=given["blocks"],
        user=call.me,
        attachments=attachments,
        metadata=metadata,
    )
    shape = call.workspace.message_json(message)
    for key in ("ts", "subtype", "username", "icons", "thread_ts", "parent_user_id", "reactions", "root"):
        shape.pop(key, None)
    return {"channel": place.id, "ts": message.ts, "text": message.text, "message": shape}


async def delete(call: Call) -> Json:
    place = call.channel()
    message = _own(call, place, "cant_delete_message")
    call.workspace.delete(place, message)
    return {"channel": place.id, "ts": message.ts}


def _own(call: Call, place: Channel, error: str) -> Message:
    """The app's own message that `ts` names. Raises SlackError: message_not_found, and `error` for another's."""
    message = call.workspace.message(place, call.arguments.text("ts"))
    if message.bot_id != call.app.bot.id:
        raise SlackError(error)
    return message


async def get_permalink(call: Call) -> Json:
    place = call.channel()
    message = call.workspace.message(place, call.arguments.text("message_ts"))
    link = f"{call.workspace.url}/archives/{place.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={place.id}"
    return {"channel": place.id, "permalink": link}


async def post_ephemeral(call: Call) -> Json:
    place = _where(call)
    to = call.arguments.text("user")
    if to not in place.members:
        raise SlackError("user_not_in_channel")
    message = _composed(call, place)
    call.workspace.ephemeral.append((to, message))
    call.workspace.changed()
    return {"message_ts": message.ts}


async def me_message(call: Call) -> Json:
    place = call.joined(call.channel(by_name=True))
    text = call.arguments.text("text", "")
    if not text.strip():
        raise SlackError("no_text")
    message = Message(call.workspace.new_ts(), place.id, call.me, escaped(text), subtype="me_message")
    message.bot_id = call.app.bot.id
    call.workspace.post(message)
    return {"channel": place.id, "ts": message.ts}


METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",), tier=0),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink, tier=0, json=False),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",), tier=100),
    "chat.meMessage": Method(me_message, ("chat:write",)),
}
