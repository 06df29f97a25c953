"""Slack's JSON of users, channels, messages and files: the keys are those of Slack's published samples, and no other.

Source: docs.slack.dev/reference/objects, docs.slack.dev/reference/events/message, the samples of java-slack-sdk.
"""

from typing import Any, TypeAlias, cast

from tchap_bridges.testing.slack.model import Bot, Channel, File, Json, Message, Note, Team, User, Usergroup

_AVATAR_SIZES = (24, 32, 48, 72, 192, 512)
_TYPES = {
    "image/png": ("png", "PNG"),
    "image/jpeg": ("jpg", "JPEG"),
    "image/gif": ("gif", "GIF"),
    "text/plain": ("text", "Plain Text"),
    "application/pdf": ("pdf", "PDF"),
    "application/zip": ("zip", "Zip"),
    "audio/mpeg": ("mp3", "MP3"),
    "video/mp4": ("mp4", "MPEG 4 Video"),
}
Users: TypeAlias = dict[str, User]


def team_json(team: Team, url: str) -> Json:
    icons = {f"image_{size}": f"{url}/avatar/{team.id}" for size in (34, 44, 68, 88, 102, 132, 230)}
    return {
        "id": team.id,
        "name": team.name,
        "url": f"{url}/",
        "domain": team.domain,
        "email_domain": "",
        "icon": {**icons, "image_default": True},
        "avatar_base_url": f"{url}/avatar/",
        "is_verified": False,
    }


def profile_json(user: User, team: Team, app_id: str) -> Json:
    given, _, family = user.real_name.partition(" ")
    profile: Json = {
        "title": "",
        "phone": "",
        "skype": "",
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.display_name,
        "display_name_normalized": user.display_name,
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        "status_text_canonical": "",
        "avatar_hash": f"g{user.id.lower()}",
        "first_name": given,
        "last_name": family,
        **{f"image_{size}": user.image for size in _AVATAR_SIZES},
        "team": team.id,
    }
    if user.email:
        profile["email"] = user.email
    if user.bot_id:
        profile |= {"api_app_id": app_id, "bot_id": user.bot_id, "always_active": False}
    return profile


def user_json(user: User, team: Team, app_id: str = "") -> Json:
    """A member. One that is deleted lacks the keys of a living account, as in Slack."""
    shape: Json = {
        "id": user.id,
        "team_id": team.id,
        "name": user.name,
        "deleted": user.deleted,
        "profile": profile_json(user, team, app_id),
        "is_bot": bool(user.bot_id),
        "is_app_user": False,
        "updated": user.updated,
    }
    if not user.deleted:
        shape |= {
            "color": "9f69e7",
            "real_name": user.real_name,
            "tz": "Europe/Paris",
            "tz_label": "Central European Time",
            "tz_offset": 3600,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
        }
    return shape


def bot_json(bot: Bot, url: str) -> Json:
    """What bots.info says of a bot."""
    return {
        "id": bot.id,
        "deleted": bot.deleted,
        "name": bot.name,
        "updated": bot.updated,
        "app_id": bot.app_id,
        "user_id": bot.user_id,
        "icons": _icons(url),
    }


def bot_profile(bot: Bot, team: Team, url: str) -> Json:
    """What a message says of its bot."""
    return {
        "id": bot.id,
        "deleted": bot.deleted,
        "name": bot.name,
        "updated": bot.updated,
        "app_id": bot.app_id,
        "icons": _icons(url),
        "team_id": team.id,
    }


def _icons(url: str) -> Json:
    return {f"image_{size}": f"{url}/avatar/bot" for size in (36, 48, 72)}


def _note(note: Note) -> Json:
    return {"value": note.value, "creator": note.creator, "last_set": note.last_set}


def channel_json(channel: Channel, team: Team, viewer: str) -> Json:
    """A conversation for `viewer`, whose membership and last read message it tells."""
    if channel.kind == "im":
        other = next((one for one in channel.members if one != viewer), viewer)
        return {
            "id": channel.id,
            "created": channel.created,
            "is_archived": channel.archived,
            "is_im": True,
            "is_org_shared": False,
            "context_team_id": team.id,
            "updated": channel.updated,
            "user": other,
        }
    shape: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind != "mpim",
        "is_group": False,
        "is_im": False,
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "public",
        "created": channel.created,
        "is_archived": channel.archived,
        "is_general": channel.is_general,
        "unlinked": 0,
        "name_normalized": channel.name,
        "is_shared": False,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "context_team_id": team.id,
        "updated": channel.updated,
        "creator": channel.creator,
        "is_ext_shared": False,
        "shared_team_ids": [team.id],
        "pending_connected_team_ids": [],
        "topic": _note(channel.topic),
        "purpose": _note(channel.purpose),
        "previous_names": list(channel.previous_names),
    }
    return shape


def file_json(file: File, team: Team, url: str, kinds: dict[str, str]) -> Json:
    """A file as its uploader's workspace sees it. kinds: channel → public, private or im, for `shares`."""
    if file.deleted:
        return {"id": file.id, "mode": "tombstone"}
    kind, pretty = _TYPES.get(file.mimetype, (file.name.rpartition(".")[2].lower() or "binary", "Binary"))
    where: dict[str, list[str]] = {"public": [], "private": [], "im": []}
    for channel, _ in file.shares:
        listed = where[kinds[channel]]
        if channel not in listed:
            listed.append(channel)
    private = f"{url}/files-pri/{team.id}-{file.id}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": kind,
        "pretty_type": pretty,
        "user": file.user,
        "user_team": team.id,
        "editable": False,
        "size": len(file.data),
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": bool(where["public"]),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{private}/{file.name}",
        "url_private_download": f"{private}/download/{file.name}",
        "media_display_type": "unknown",
        "permalink": f"{url}/files/{file.user}/{file.id}/{file.name}",
        "permalink_public": f"{url}/{team.id}-{file.id}-public",
        "is_starred": False,
        "has_rich_preview": False,
        "file_access": "visible",
    }


def file_long(file: File, team: Team, url: str, kinds: dict[str, str]) -> Json:
    """What files.info adds: where the file is shown."""
    shape = file_json(file, team, url, kinds)
    shares: dict[str, dict[str, list[Json]]] = {}
    for channel, ts in file.shares:
        if kinds[channel] != "im":
            share = {"reply_users": [], "reply_users_count": 0, "reply_count": 0, "ts": ts, "team_id": team.id}
            shares.setdefault(kinds[channel], {}).setdefault(channel, []).append(share)
    listed = {
        kind: sorted({one for one, _ in file.shares if kinds[one] == kind}) for kind in ("public", "private", "im")
    }
    return shape | {
        "shares": shares,
        "channels": listed["public"],
        "groups": listed["private"],
        "ims": listed["im"],
        "comments_count": 0,
    }


def reactions_json(message: Message) -> list[Json]:
    return [{"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()]


def usergroup_json(group: Usergroup, team: Team, *, users: bool) -> Json:
    shape: Json = {
        "id": group.id,
        "team_id": team.id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": group.created,
        "date_update": group.created,
        "date_delete": 1 if group.disabled else 0,
        "created_by": group.created_by,
        "updated_by": group.created_by,
        "prefs": {"channels": [], "groups": []},
        "user_count": len(group.users),
    }
    return shape | ({"users": list(group.users)} if users else {})


def copied(value: Any) -> Any:
    """A copy all the way down of what is JSON."""
    if isinstance(value, dict):
        return {key: copied(one) for key, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [copied(one) for one in value]
    return value
