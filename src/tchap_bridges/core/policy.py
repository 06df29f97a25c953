"""Who may use the bridge, and may this room be tied to that destination? Pure: facts in, a decision and its reason out.

Deny when in doubt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tchap_bridges.bridge import Destination
from tchap_bridges.core.ports import RoomFacts
from tchap_bridges.i18n import _
from tchap_bridges.ids import UserId

THRESHOLD = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator allows, from the configuration."""

    destinations: frozenset[Destination]
    restricted_rooms: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``reason`` is a sentence for the room, '' when allowed; ``rule`` is what the audit keeps."""

    allowed: bool
    rule: str
    reason: str = ""


def may_use(user: UserId, *, patterns: Sequence[str], is_ours: Callable[[UserId], bool]) -> bool:
    """Whether the operator lets this user use the bridge at all."""
    return not is_ours(user) and any(fnmatchcase(user, pattern) for pattern in patterns)


def may_link(room: RoomFacts, destination: Destination, rules: Rules) -> Decision:
    """Three refusals: encryption, the room's access rule, the destination's label."""
    rule = f"rule={room.rule or 'none'} encrypted={room.encrypted} destination={destination.value}"

    def refuse(reason: str) -> Decision:
        return Decision(allowed=False, rule=rule, reason=reason)

    if room.encrypted:
        return refuse(_("ce salon est chiffré, et le pont ne sait pas encore chiffrer : rien n'y entre ni n'en sort"))
    if destination not in rules.destinations:
        return refuse(
            _(
                "la destination « {label} » n'est pas autorisée par l'exploitant (policy.destinations)",
                label=destination.value,
            )
        )
    if room.rule == "malformed":
        return refuse(_("la règle d'accès de ce salon est illisible ; un administrateur du salon doit la redéfinir"))
    if room.rule in {"restricted", "direct"} and not rules.restricted_rooms:
        return refuse(
            _(
                "ce salon est réservé aux agents (règle « {rule} ») ; "
                "seul l'exploitant peut consentir à en sortir des messages (policy.restricted_rooms)",
                rule=room.rule,
            )
        )
    if room.rule not in {"", "restricted", "unrestricted", "direct"}:
        return refuse(_("la règle d'accès « {rule} » est inconnue", rule=room.rule))
    return Decision(allowed=True, rule=rule)


def own_level(room: RoomFacts, user: UserId) -> int:
    """A level that not everybody has: who has no more than the room's default counts as anybody."""
    level = room.level(user)
    return level if level > room.users_default else min(level, 0)


def may_command(room: RoomFacts, user: UserId, *, needed: int = THRESHOLD) -> Decision:
    """A command needs a level of the caller's own: not one that everybody has."""
    level = room.level(user)
    rule = f"level={level} needed={needed} users_default={room.users_default}"
    if 0 < needed <= room.users_default:
        return Decision(
            allowed=False,
            rule=rule,
            reason=_("dans ce salon tout le monde est modérateur ; personne ne peut donc y décider seul d'un pont"),
        )
    if level < needed:
        return Decision(
            allowed=False,
            rule=rule,
            reason=_(
                "il faut être au moins modérateur du salon (niveau {needed} ; vous avez {level})",
                needed=needed,
                level=level,
            ),
        )
    return Decision(allowed=True, rule=rule)
