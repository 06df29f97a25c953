"""What policy allows: who may use the bridge, what may be tied to what, what passes. Pure: facts in, a decision out.

Deny when in doubt. Every refusal says why, in a sentence for the room, and who can change it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from tchap_bridges.bridge import Destination, Direction
from tchap_bridges.core.ports import RoomFacts
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.ids import ConnectionName, UserId

THRESHOLD = 50


class Shared(StrEnum):
    """What may leave about agents beside their words, as the configuration names it."""

    NAMES = "noms"
    PHOTOS = "photos"
    FILES = "fichiers"
    TYPING = "saisie"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the operator allows, from the configuration.

    ``agents_only``: connections of whose people the operator says that all are agents. ``local_rooms``: rooms that are
    closed to other homeservers may be linked. ``shared``: what leaves beside words. ``operator``: by what name people
    know whoever runs the bridge. ``encrypts`` is no choice but a fact: the bridge can encrypt.
    """

    destinations: frozenset[Destination]
    restricted_rooms: bool
    agents_only: frozenset[ConnectionName] = frozenset()
    local_rooms: bool = False
    shared: frozenset[Shared] = frozenset(Shared)
    operator: str = ""
    encrypts: bool = False

    def __str__(self) -> str:
        """The same for rules that decide the same of every link."""
        several = (self.destinations, self.agents_only)
        single = (self.restricted_rooms, self.local_rooms, self.encrypts)
        return " ".join([*(str(sorted(each)) for each in several), *map(str, single)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``reason`` is a sentence for the room, '' when allowed; ``rule`` is what the audit keeps.

    ``remedy`` says who can change it.
    """

    allowed: bool
    rule: str
    reason: str = ""
    remedy: str = ""


# People


def is_guest(user: UserId, guests: Sequence[str]) -> bool:
    """Named by ``guests``, or an account of a homeserver's own guest access.

    The localpart of these is a number, which nobody else's can be (Synapse's ``check_username``).
    """
    number = user.removeprefix("@").partition(":")[0]
    return (number.isascii() and number.isdigit()) or any(fnmatchcase(user, pattern) for pattern in guests)


def may_use(
    user: UserId, *, patterns: Sequence[str], guests: Sequence[str], is_ours: Callable[[UserId], bool]
) -> Decision:
    """Whether the operator lets this user use the bridge at all: somebody named by ``patterns``, and no guest."""
    if is_guest(user, guests):
        reason = _("un compte invité ne donne pas de commandes")
        remedy = _("Demandez-le à un agent de ce salon.")
        return Decision(allowed=False, rule="guest", reason=reason, remedy=remedy)
    if is_ours(user) or not any(fnmatchcase(user, pattern) for pattern in patterns):
        reason = _("ce pont n'est pas ouvert à votre compte")
        remedy = _("Demandez à l'exploitant (policy.users).")
        return Decision(allowed=False, rule="users", reason=reason, remedy=remedy)
    return Decision(allowed=True, rule="users")


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


def raised(room: RoomFacts, is_ours: Callable[[UserId], bool]) -> Mapping[UserId, int]:
    """Users of ours who have a level that not everybody has, the bot too: none of them needs any."""
    return {
        user: level
        for user, level in room.levels.items()
        if is_ours(user) and level > max(room.users_default, 0) and user in room.present
    }


# Rooms and links


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What of a room its links hang on. ``rule`` and ``public`` as in `RoomFacts`.

    ``guests``: opaque ids of those who are there. ``in_sync``: who is in the room is known.
    """

    rule: str
    public: bool
    encrypted: bool
    federates: bool = True
    guests: frozenset[str] = frozenset()
    in_sync: bool = True


def standing(room: RoomFacts, guests: Iterable[str]) -> Standing:
    """``guests``: the opaque ids of those who are in the room."""
    return Standing(
        rule=room.rule,
        public=room.public,
        encrypted=room.encrypted,
        federates=room.federates,
        guests=frozenset(guests),
        in_sync=room.in_sync,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """What of a link matters to policy. ``consent``: a room admin lets an encrypted room's words leave by it.

    ``external``: the chat is an address, and not known for an agent's.
    """

    connection: ConnectionName
    destination: Destination
    direction: Direction = Direction.BOTH
    consent: bool = False
    external: bool = False


def may_link(room: Standing, tie: Tie, rules: Rules) -> Decision:
    """Whether anything at all may pass between the room and the chat, one way or the other."""
    facts = f"rule={room.rule or 'none'} encrypted={room.encrypted} destination={tie.destination.value}"
    facts += "".join(
        f" {name}"
        for name, so in (("public", room.public), ("local", not room.federates), ("guests", bool(room.guests)))
        if so
    )

    def refuse(rule: str, reason: str, remedy: str) -> Decision:
        return Decision(allowed=False, rule=f"{rule}: {facts}", reason=reason, remedy=remedy)

    if not room.in_sync:
        return refuse(
            "membership",
            _("le pont ne sait pas qui est dans ce salon"),
            _("Il regarde de nouveau tout seul ; si cela dure, réinvitez-le."),
        )
    if room.encrypted and not rules.encrypts:
        return refuse(
            "encryption",
            _("ce salon est chiffré, et le pont ne peut pas chiffrer : rien n'y entre ni n'en sort"),
            _("Le chiffrement d'un salon ne s'enlève pas : reliez-en un autre."),
        )
    if tie.destination not in rules.destinations:
        return refuse(
            "destination",
            _(
                "la destination « {label} » n'est pas autorisée par l'exploitant (policy.destinations)",
                label=tie.destination.value,
            ),
            _("Seul l'exploitant peut le changer."),
        )
    return _by_access_rule(room, tie, rules, refuse) or Decision(allowed=True, rule=f"allowed: {facts}")


def _by_access_rule(
    room: Standing, tie: Tie, rules: Rules, refuse: Callable[[str, str, str], Decision]
) -> Decision | None:
    admin = _("Un administrateur du salon peut le changer.")
    if room.rule == "malformed":
        return refuse(
            "malformed",
            _("la règle d'accès de ce salon est illisible ; un administrateur du salon doit la redéfinir"),
            admin,
        )
    if room.rule not in {"", "restricted", "unrestricted", "direct"}:
        return refuse("unknown", _("la règle d'accès « {rule} » est inconnue", rule=room.rule), admin)
    if room.public and room.rule in {"unrestricted", "direct"}:
        return refuse(
            "contradiction",
            _("ce salon est public et sa règle d'accès est « {rule} » : Tchap n'admet pas les deux", rule=room.rule),
            admin,
        )
    if room.rule == "restricted" and room.guests:
        return refuse(
            "guests",
            _("un invité est dans ce salon réservé aux agents : sa règle d'accès n'est pas appliquée"),
            _("Un administrateur du salon peut faire sortir les invités."),
        )
    if tie.connection in rules.agents_only and not tie.external:
        return None
    if room.rule in {"restricted", "direct"} and not rules.restricted_rooms:
        return refuse(
            "restricted",
            _(
                "ce salon est réservé aux agents (règle « {rule} ») ; "
                "seul l'exploitant peut consentir à en sortir des messages (policy.restricted_rooms)",
                rule=room.rule,
            ),
            _("Un administrateur du salon peut aussi l'ouvrir aux invités ; cela ne se défait pas.")
            if room.rule == "restricted"
            else "",
        )
    if not room.federates and not rules.local_rooms:
        return refuse(
            "local",
            _(
                "ce salon est fermé aux autres serveurs (m.federate) ; "
                "seul l'exploitant peut consentir à en sortir des messages (policy.local_rooms)"
            ),
            _("Un salon reste comme il a été créé : reliez-en un autre."),
        )
    return None


def may_leave(room: Standing, tie: Tie, rules: Rules) -> Decision:
    """Whether what is said in the room may leave by this link."""
    decision = may_link(room, tie, rules)
    if not decision.allowed:
        return decision
    if tie.direction is Direction.IN:
        return Decision(
            allowed=False,
            rule="direction: in",
            reason=_("ce lien ne fait qu'entrer"),
            remedy=_("Un modérateur peut le retirer et le refaire avec sens=deux-sens."),
        )
    if room.encrypted and not tie.consent:
        return no_consent()
    return decision


def no_consent() -> Decision:
    """Encrypted, and nobody has consented."""
    return Decision(
        allowed=False,
        rule="consent: none",
        reason=_("ce salon est chiffré, et aucun modérateur n'a autorisé ce qui s'y dit à en sortir"),
        remedy=_("Un modérateur du salon peut l'autoriser : !pont chiffrement autoriser"),
    )


def may_come_in(room: Standing, tie: Tie, rules: Rules) -> Decision:
    """Whether what is said elsewhere may come into the room by this link."""
    decision = may_link(room, tie, rules)
    if decision.allowed and tie.direction is Direction.OUT:
        return Decision(
            allowed=False,
            rule="direction: out",
            reason=_("ce lien ne fait que sortir"),
            remedy=_("Un modérateur peut le retirer et le refaire avec sens=deux-sens."),
        )
    return decision


# Single events


class Sender(StrEnum):
    """Who an event comes from. ``GONE``: deactivated, or out of the room; ``OURS``: the bot or a ghost."""

    AGENT = "agent"
    GUEST = "guest"
    GONE = "gone"
    OURS = "ours"
    OUTSIDER = "outsider"  # somebody of the network


class Kind(StrEnum):
    """What an event is, or what of its author goes along with it."""

    MESSAGE = "message"
    FILE = "file"
    EDIT = "edit"
    REACTION = "reaction"
    REDACTION = "redaction"
    TYPING = "typing"
    READ = "read"
    POLL = "poll"
    NAME = "name"
    AVATAR = "avatar"


_SHARED: Mapping[Kind, tuple[Shared, Phrase]] = {
    Kind.FILE: (Shared.FILES, _("les fichiers du salon ne sortent pas")),
    Kind.NAME: (Shared.NAMES, _("les noms des agents ne sortent pas")),
    Kind.AVATAR: (Shared.PHOTOS, _("les photos des agents ne sortent pas")),
    Kind.TYPING: (Shared.TYPING, _("ce qui s'écrit n'est pas annoncé au-dehors")),
}


def may_tell(kind: Kind, rules: Rules) -> Decision:
    """Whether the operator lets such a thing leave any room."""
    if kind in {Kind.READ, Kind.POLL}:
        return Decision(
            allowed=False,
            rule=f"never: {kind}",
            reason=_("aucun réseau n'apprend qui a lu, ni les votes"),
            remedy=_("Cela ne se règle pas."),
        )
    if kind in _SHARED and _SHARED[kind][0] not in rules.shared:
        return Decision(
            allowed=False,
            rule=f"shared: {_SHARED[kind][0]}",
            reason=_SHARED[kind][1],
            remedy=_("Seul l'exploitant peut le changer (policy.shared)."),
        )
    return Decision(allowed=True, rule=f"shared: {kind}")


def _loop() -> Decision:
    remedy = _("Cela ne se règle pas.")
    return Decision(allowed=False, rule="loop", reason=_("ce que le pont a dit ne repart pas"), remedy=remedy)


def may_go_out(room: Standing, tie: Tie, sender: Sender, kind: Kind, rules: Rules) -> Decision:
    """One event of the room, towards the chat."""
    if sender in {Sender.OURS, Sender.OUTSIDER}:
        return _loop()
    if sender is Sender.GONE:
        return Decision(
            allowed=False,
            rule="gone",
            reason=_("son auteur n'est plus dans ce salon, ou son compte est désactivé"),
            remedy=_("Un modérateur peut l'inviter de nouveau."),
        )
    if kind is Kind.REDACTION:  # it tells nothing, and takes back what has been told
        decision = may_link(room, tie, rules)
        return decision if tie.direction is not Direction.IN or not decision.allowed else may_leave(room, tie, rules)
    decision = may_leave(room, tie, rules)
    if not decision.allowed:
        return decision
    told = may_tell(kind, rules)
    return decision if told.allowed else told


def may_pass_in(room: Standing, tie: Tie, sender: Sender, kind: Kind, rules: Rules) -> Decision:
    """One event of the chat, towards the room."""
    if sender is not Sender.OUTSIDER:
        return _loop()
    if kind in {Kind.READ, Kind.POLL}:
        return may_tell(kind, rules)
    return may_come_in(room, tie, rules)
