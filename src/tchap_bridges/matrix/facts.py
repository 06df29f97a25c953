"""What policy must know of a room, from its state events. Pure; what is missing or malformed is read strictly.

An answer that cannot be a room's state is none: what it leaves out must not pass for what the room has not.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tchap_bridges.core.ports import RoomFacts
from tchap_bridges.errors import NotReady
from tchap_bridges.i18n import _
from tchap_bridges.ids import RoomId, UserId
from tchap_bridges.matrix.polls import redact_level
from tchap_bridges.matrix.text import clean_text

INFINITE: Final = 2**53
RULES: Final = "im.vector.room.access_rules"
_WITH_CREATORS_ABOVE_ALL: Final = 12

Content = Mapping[str, Any]


def facts(room: RoomId, state: Iterable[Any], *, tchap: bool, bot: UserId | None = None) -> RoomFacts:
    """``state`` as ``GET /rooms/{id}/state`` gives it to ``bot``. Raises NotReady when it is not all of it."""
    state = list(state)
    events = _by_kind(state)
    if "m.room.create" not in events:
        raise _incomplete("m.room.create")
    create, creator = events["m.room.create"]
    powers = events["m.room.power_levels"][0] if "m.room.power_levels" in events else None
    version = create.get("room_version")
    version = version if isinstance(version, str) else "1"
    creators, present = _creators(create, creator, version), _present(state)
    return RoomFacts(
        room=room,
        name=clean_text(_text(_content(events, "m.room.name").get("name"))).replace("\n", " "),
        encrypted="m.room.encryption" in events,
        tchap=tchap,
        rule=access_rule(events[RULES][0] if RULES in events else None, tchap=tchap),
        public="m.room.join_rules" in events and lets_in(events["m.room.join_rules"][0]),
        users_default=_level((powers or {}).get("users_default"), 0),
        levels=_levels(powers, creators, first=UserId(creator), version=version),
        invite_level=_level((powers or {}).get("invite"), 0),
        version=version,
        present=present,
        predecessor=_predecessor(create),
        federates=create.get("m.federate") is not False,
        redact_level=redact_level(powers or {}),
        in_sync=bot is None or bot in present,
    )


def _by_kind(state: Iterable[Any]) -> dict[str, tuple[Content, str]]:
    """Content and sender of each kind of state that there is once in a room.

    A content may be anything, and each fact knows what to make of it. An event whose kind or key cannot be told could
    be any, the room's encryption too; and no homeserver gives one kind twice.
    """
    found: dict[str, tuple[Content, str]] = {}
    for event in state:
        kind, key = (event.get("type"), event.get("state_key")) if isinstance(event, dict) else (None, None)
        if not isinstance(kind, str) or not isinstance(key, str):
            raise _incomplete("state_key")
        if key == "":
            if kind in found:
                raise _incomplete(kind)
            content = event.get("content")
            found[kind] = (content if isinstance(content, dict) else {}, _text(event.get("sender")))
    return found


def _present(state: Iterable[Content]) -> frozenset[UserId]:
    """Who is in the room now; an event that says no membership says nobody's."""
    return frozenset(
        UserId(event["state_key"])
        for event in state
        if event["type"] == "m.room.member"
        and isinstance(event.get("content"), dict)
        and event["content"].get("membership") == "join"
    )


def _incomplete(key: str) -> NotReady:
    return NotReady(_("le serveur Matrix a répondu sans {key}", key=key))


def _content(events: Mapping[str, tuple[Content, str]], kind: str) -> Content:
    return events[kind][0] if kind in events else {}


def lets_in(join_rules: Content) -> bool:
    """Anybody may come in, or nobody can tell."""
    rule = join_rules.get("join_rule")
    return rule == "public" or not isinstance(rule, str)


def access_rule(content: Content | None, *, tchap: bool) -> str:
    """All three fields of Tchap's access rules count; a room without them is a restricted one there."""
    if content is None:
        return "restricted" if tchap else ""
    rule, visibility = content.get("rule"), content.get("visibility")
    unencrypted = content.get("force_unencrypted_at_creation")
    good = (
        rule in ("restricted", "unrestricted", "direct")
        and visibility in (None, "public", "private")
        and (unencrypted is None or isinstance(unencrypted, bool))
    )
    return str(rule) if good else "malformed"


def _creators(create: Content, sender: str, version: str) -> list[UserId]:
    """Whose power has no bound: https://spec.matrix.org/v1.17/rooms/v12/"""
    if not _is_new(version):
        return []
    more = create.get("additional_creators")
    return [UserId(user) for user in (sender, *(more if isinstance(more, list) else ())) if isinstance(user, str)]


def _is_new(version: str) -> bool:
    """Versions are words; of those that are no number, only one is known to put creators above all."""
    number = int(version) if version.isdecimal() and version.isascii() and len(version) < 4 else 0
    return number >= _WITH_CREATORS_ABOVE_ALL or version == "org.matrix.hydra.11"


def _levels(powers: Content | None, creators: list[UserId], *, first: UserId, version: str) -> dict[UserId, int]:
    levels: dict[UserId, int] = {}
    if powers is None and first and not _is_new(version):
        levels[first] = 100  # before its first power levels a room is its creator's
    users = (powers or {}).get("users")
    for user, value in users.items() if isinstance(users, dict) else ():
        levels[UserId(user)] = _level(value, 0)
    return levels | dict.fromkeys(creators, INFINITE)


def _level(value: Any, otherwise: int) -> int:
    """Rooms before version 10 may have levels written as text."""
    if isinstance(value, bool):
        return otherwise
    if isinstance(value, str) and len(value) < 20:
        try:
            value = int(value)
        except ValueError:
            return otherwise
    return max(-INFINITE, min(value, INFINITE)) if isinstance(value, int) else otherwise


def _predecessor(create: Content) -> RoomId | None:
    before = create.get("predecessor")
    id_ = before.get("room_id") if isinstance(before, dict) else None
    return RoomId(id_) if isinstance(id_, str) and id_.startswith("!") else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
