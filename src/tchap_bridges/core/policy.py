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
    remedy: str = ""


def may_use(
    user: UserId, *, patterns: Sequence[str], guests: Sequence[str], is_ours: Callable[[UserId], bool]
) -> Decision:
    """Whether the operator lets this user use the bridge at all: somebody named by ``patterns``, and no guest.

    Guests are those named by ``guests``, and accounts of a homeserver's own guest access: their localpart is a number,
    which nobody else's can be (Synapse's ``check_username``).
    """
    number = user.removeprefix("@").partition(":")[0]
    guest = (number.isascii() and number.isdigit()) or any(fnmatchcase(user, pattern) for pattern in guests)
    if guest:
        reason = _("un compte invité ne donne pas de commandes")
        remedy = _("Demandez-le à un agent de ce salon.")
        return Decision(allowed=False, rule="guest", reason=reason, remedy=remedy)
    if is_ours(user) or not any(fnmatchcase(user, pattern) for pattern in patterns):
        reason = _("ce pont n'est pas ouvert à votre compte")
        remedy = _("Demandez à l'exploitant (policy.users).")
        return Decision(allowed=False, rule="users", reason=reason, remedy=remedy)
    return Decision(allowed=True, rule="users")


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
    """A command needs somebody who is in the room, and a level of their own: not one that everybody has."""
    level = room.level(user)
    rule = f"level={level} needed={needed} users_default={room.users_default}"
    if user not in room.present:
        return Decision(allowed=False, rule=f"{rule} absent", reason=_("vous n'êtes pas dans ce salon"))
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
