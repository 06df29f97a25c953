"""conversations.* and reactions.* of the Web API: docs.slack.dev/reference/methods."""

from collections.abc import Iterable

from tchap_bridges.testing.slack.call import Call, Method, next_page
from tchap_bridges.testing.slack.model import Channel, Json, Kind, Message, SlackError

_KIND_OF: dict[str, Kind] = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_WRITE = ("channels:manage", "groups:write", "im:write", "mpim:write")


def _kinds(call: Call) -> set[Kind]:
    """What `types` asks for. Raises SlackError: invalid_types, missing_scope."""
    kinds: set[Kind] = set()
    for name in call.arguments.text("types", "public_channel").split(","):
        if name.strip() not in _KIND_OF:
            raise SlackError("invalid_types")
        kinds.add(_KIND_OF[name.strip()])
    for kind in sorted(kinds):
        call.may("read", kind)
    return kinds


def _shown(call: Call, channel: Channel, *, members: bool = True) -> Json:
    shape = call.workspace.channel_json(channel, call.me)
    if channel.kind in {"public", "private"}:
        shape["is_member"] = call.me in channel.members
        if members:
            shape["num_members"] = len(channel.members)
    return shape


async def list_(call: Call) -> Json:
    kinds, hidden = _kinds(call), call.arguments.flag("exclude_archived")
    seen = [
        one
        for one in call.workspace.channels.values()
        if one.kind in kinds and (one.kind == "public" or call.me in one.members) and not (hidden and one.archived)
    ]
    page, cursor = call.page(seen, lambda one: one.id, default=100)
    return {"channels": [_shown(call, one) for one in page], **next_page(cursor)}


async def of_user(call: Call) -> Json:
    """users.conversations: without is_member, which goes without saying."""
    kinds, hidden = _kinds(call), call.arguments.flag("exclude_archived")
    who = call.workspace.user(call.arguments.text("user", call.me)).id
    seen = [
        one
        for one in call.workspace.channels.values()
        if one.kind in kinds
        and who in one.members
        and (one.kind == "public" or call.me in one.members)
        and not (hidden and one.archived)
    ]
    page, cursor = call.page(seen, lambda one: one.id, default=100)
    return {"channels": [call.workspace.channel_json(one, call.me) for one in page], **next_page(cursor)}


async def info(call: Call) -> Json:
    channel = call.channel(what="read")
    shape = _shown(call, channel, members=call.arguments.flag("include_num_members"))
    if call.me in channel.members and channel.kind != "public":
        shape["last_read"] = channel.last_read.get(call.me, "0000000000.000000")
    if call.arguments.flag("include_locale"):
        shape["locale"] = "fr-FR"
    return {"channel": shape}


async def members(call: Call) -> Json:
    page, cursor = call.page(call.channel(what="read").members, str, default=100)
    return {"members": page, **next_page(cursor)}


async def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if call.me in channel.members:
        already: Json = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
        return {"channel": _shown(call, channel, members=False), **already}
    call.workspace.join(channel, call.me)
    return {"channel": _shown(call, channel, members=False)}


async def leave(call: Call) -> Json:
    channel = call.channel()
    if call.me not in channel.members:
        return {"not_in_channel": True}
    call.workspace.leave(channel, call.me)
    return {}


async def set_topic(call: Call) -> Json:
    channel = call.joined(call.channel())
    call.workspace.set_topic(channel, call.me, call.arguments.text("topic", "")[:250])
    return {"channel": _shown(call, channel, members=False)}


async def mark(call: Call) -> Json:
    channel, ts = call.joined(call.channel()), call.arguments.text("ts")
    _time(ts, "invalid_timestamp")
    channel.last_read[call.me] = ts
    call.workspace.changed()
    return {}


async def open_(call: Call) -> Json:
    if call.arguments.has("channel"):
        channel = call.channel()
        if channel.kind not in {"im", "mpim"}:
            raise SlackError("method_not_supported_for_channel_type")
        return {"no_op": True, "already_open": True, "channel": {"id": channel.id}}
    users = [one.strip() for one in call.arguments.text("users", "").split(",") if one.strip()]
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > 8:
        raise SlackError("too_many_users")
    for one in users:
        if one not in call.workspace.users:
            raise SlackError("user_not_found")
        if call.workspace.users[one].deleted:
            raise SlackError("user_disabled")
    call.token.must_have("im:write" if len(users) == 1 else "mpim:write")
    channel = call.workspace.open_dm(call.me, *users)
    if call.arguments.flag("return_im") and channel.kind == "im":
        return {"channel": call.workspace.channel_json(channel, call.me)}
    return {"channel": {"id": channel.id}}


# ---- reading back


def _time(text: str, error: str) -> tuple[int, int]:
    seconds, _, micro = text.partition(".")
    if not seconds.isdigit() or (micro and not micro.isdigit()):
        raise SlackError(error)
    return int(seconds), int(f"{micro:0<6}"[:6])


def _between(call: Call, messages: Iterable[Message]) -> list[Message]:
    """Those after `oldest` and before `latest`, or at them with `inclusive`. Raises SlackError: invalid_ts_…"""
    arguments = call.arguments
    oldest = _time(arguments.text("oldest", "0"), "invalid_ts_oldest")
    latest = _time(arguments.text("latest", "99999999999"), "invalid_ts_latest")
    inclusive = arguments.flag("inclusive")

    def wanted(message: Message) -> bool:
        at = _time(message.ts, "")
        return oldest < at < latest or (inclusive and at in {oldest, latest})

    return [one for one in messages if wanted(one)]


def _told(call: Call, messages: Iterable[Message]) -> list[Json]:
    metadata = call.arguments.flag("include_all_metadata")
    return [call.workspace.message_json(one, metadata=metadata) for one in messages]


async def history(call: Call) -> Json:
    """Newest first, without the replies that were not sent to the channel too."""
    channel = call.joined(call.channel(what="history"))
    newest = reversed([one for one in channel.messages.values() if not one.is_reply or one.broadcast])
    page, cursor = call.page(_between(call, newest), lambda one: one.ts, default=100, most=999)
    shape: Json = {"messages": _told(call, page), "has_more": bool(cursor), "pin_count": 0}
    for bound in ("oldest", "latest"):
        if call.arguments.has(bound):
            shape[bound] = call.arguments.text(bound)
    return shape | (next_page(cursor) if cursor else {})


async def replies(call: Call) -> Json:
    """The thread of `ts`: its first message stands at the head of every page."""
    channel = call.joined(call.channel(what="history"))
    root = channel.messages.get(call.arguments.text("ts"))
    if root is None:
        raise SlackError("thread_not_found")
    if root.is_reply:  # a reply's own ts gives it alone
        return {"messages": _told(call, [root]), "has_more": False}
    page, cursor = call.page(_between(call, channel.replies(root.ts)), lambda one: one.ts, default=100)
    return {"messages": _told(call, [root, *page]), "has_more": bool(cursor), **(next_page(cursor) if cursor else {})}


# ---- reactions


def _item(call: Call) -> tuple[Channel, Message]:
    """Raises SlackError: no_item_specified, channel_not_found, message_not_found, bad_timestamp."""
    if not (call.arguments.has("channel") and call.arguments.has("timestamp")):
        raise SlackError("no_item_specified")
    channel, ts = call.channel(), call.arguments.text("timestamp")
    _time(ts, "bad_timestamp")
    return channel, call.workspace.message(channel, ts)


def _emoji(call: Call) -> str:
    """Raises SlackError("invalid_name")."""
    name = call.arguments.text("name").strip(":")
    base = name.partition("::")[0]
    if not base or not all(sign.isalnum() or sign in "_-+'" for sign in base) or base != base.lower():
        raise SlackError("invalid_name")
    known = call.workspace.emoji_names
    if known and base not in known and base not in call.workspace.emoji:
        raise SlackError("invalid_name")
    return name


async def react(call: Call) -> Json:
    channel, message = _item(call)
    if channel.archived:
        raise SlackError("is_archived")
    call.joined(channel)
    call.workspace.react(channel, message, call.me, _emoji(call))
    return {}


async def unreact(call: Call) -> Json:
    channel, message = _item(call)
    call.workspace.unreact(channel, message, call.me, _emoji(call))
    return {}


async def reactions(call: Call) -> Json:
    channel, message = _item(call)
    shape = call.workspace.message_json(message)
    shape["permalink"] = f"{call.workspace.url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"type": "message", "channel": channel.id, "message": shape}


METHODS = {
    "conversations.list": Method(list_, _READ, tier=20, json=False),
    "conversations.info": Method(info, _READ, json=False),
    "conversations.members": Method(members, _READ, tier=100, json=False),
    "conversations.join": Method(join, ("channels:join",)),
    "conversations.leave": Method(leave, _WRITE),
    "conversations.setTopic": Method(set_topic, _WRITE, tier=20),
    "conversations.history": Method(history, _HISTORY, json=False),
    "conversations.replies": Method(replies, _HISTORY, json=False),
    "conversations.mark": Method(mark, _WRITE),
    "conversations.open": Method(open_, _WRITE),
    "users.conversations": Method(of_user, _READ, json=False),
    "reactions.add": Method(react, ("reactions:write",)),
    "reactions.remove": Method(unreact, ("reactions:write",), tier=20),
    "reactions.get": Method(reactions, ("reactions:read",), json=False),
}
