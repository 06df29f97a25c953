"""The contents of events as clients write them, for every client of the tests."""

from collections.abc import Sequence
from typing import Any, TypeAlias

Content: TypeAlias = dict[str, Any]

_MEDIA = {"image": "m.image", "video": "m.video", "audio": "m.audio"}


def text(
    body: str,
    *,
    html: str | None = None,
    thread: str | None = None,
    reply_to: str | None = None,
    mentions: Sequence[str] = (),
    msgtype: str = "m.text",
) -> Content:
    """An m.room.message: in the thread under the event `thread`, in answer to the event `reply_to`, or both."""
    content = {
        "msgtype": msgtype,
        "body": body,
        "m.mentions": {"user_ids": list(mentions)} if mentions else {},
    }
    return content | _formatted(html) | relation(thread, reply_to)


def edit(event_id: str, body: str, *, html: str | None = None) -> Content:
    """An m.room.message in place of an earlier one."""
    new = {"msgtype": "m.text", "body": body} | _formatted(html)
    return {
        **new,
        "body": f"* {body}",
        "m.new_content": new,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }


def reaction(event_id: str, key: str) -> Content:
    """An m.reaction."""
    return {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": key}}


def media(name: str, mime: str, size: int, *, thread: str | None = None, reply_to: str | None = None) -> Content:
    """An m.room.message with a file; `url` or `file` is still to be added. `size` in bytes."""
    return {
        "msgtype": _MEDIA.get(mime.partition("/")[0], "m.file"),
        "body": name,
        "filename": name,
        "info": {"mimetype": mime, "size": size},
    } | relation(thread, reply_to)


def relation(thread: str | None, reply_to: str | None) -> Content:
    """The m.relates_to of a message in a thread or of an answer, as a part of its content."""
    if thread is not None:
        related: Content = {
            "rel_type": "m.thread",
            "event_id": thread,
            "is_falling_back": reply_to is None,
            "m.in_reply_to": {"event_id": reply_to or thread},
        }
        return {"m.relates_to": related}
    if reply_to is not None:
        return {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}}
    return {}


def _formatted(html: str | None) -> Content:
    return {} if html is None else {"format": "org.matrix.custom.html", "formatted_body": html}
