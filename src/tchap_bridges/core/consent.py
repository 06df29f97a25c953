"""``!pont chiffrement autoriser|retirer``: a room admin lets what is said in an encrypted room leave by a link, or not.

In force from the moment at which the answer is said. What had been said before it stays where it was.
"""

from tchap_bridges.bridge import Direction
from tchap_bridges.core import policy
from tchap_bridges.core.commands import Apply, Call, audit
from tchap_bridges.core.links import Link, Links
from tchap_bridges.core.ports import RoomFacts, Tx
from tchap_bridges.core.words import unaccented
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, _

GIVEN = frozenset({"autoriser", "allow"})
TAKEN = frozenset({"retirer", "withdraw"})


def asked(call: Call) -> bool:
    """Whether it is given, rather than taken back. Raises `Misconfigured` for neither."""
    word = unaccented(call.arguments[1]) if len(call.arguments) > 1 else ""
    if word not in GIVEN | TAKEN:
        raise Misconfigured(
            _("il manque « autoriser » ou « retirer »"), remedy=_("Exemple : !pont chiffrement autoriser 1")
        )
    return word in GIVEN


def give(links: Links, call: Call, link: Link, facts: RoomFacts, rules: policy.Rules) -> Apply:
    """``facts``: those by which the caller was found to be an admin."""
    if not facts.encrypted:  # to consent before is to consent to something else
        raise Misconfigured(
            _("ce salon n'est pas chiffré : il n'y a rien à autoriser"), remedy=_("Voyez !pont politique.")
        )
    if not rules.encrypts:
        raise Misconfigured(_("le pont ne peut pas chiffrer"), remedy=_("Voyez !pont politique."))
    if link.direction is Direction.IN:
        raise Misconfigured(_("{name} ne fait qu'entrer", name=link.name), remedy=_("Voyez !pont politique."))

    async def apply(tx: Tx) -> str:
        t = call.translator
        if link.consent:
            return t(_("C'est déjà autorisé, par {who}.", who=link.consent))
        await links.consent(tx, link, call.user)
        await audit(tx, call, "encryption allowed", link.name, f"destination={link.destination.value}")
        return t(given_words(call, link, rules.operator))

    return apply


def given_words(call: Call, link: Link, operator: str) -> Phrase:
    """The notice: who decided, where it goes, who runs the bridge, how it ends."""
    return _(
        "🔓 {who} l'autorise : ce qui se dit dans ce salon chiffré part désormais, déchiffré par le pont, vers {name}"
        " ({network}, destination « {label} »). Exploitant du pont : {operator}. Chaque nouveau membre en est averti."
        " Pour revenir en arrière : !pont chiffrement retirer {n}",
        who=call.user_name,
        name=link.name,
        network=link.connection,
        label=link.destination.value,
        operator=operator or _("non nommé"),
        n=link.number,
    )


def take_back(links: Links, call: Call, link: Link) -> Apply:
    """What waits to leave does not leave any more; what is deleted here is deleted there all the same."""

    async def apply(tx: Tx) -> str:
        t = call.translator
        if not link.consent:
            return t(_("Rien n'était autorisé vers {name}.", name=link.name))
        await links.consent(tx, link, "")
        await audit(tx, call, "encryption withdrawn", link.name, f"destination={link.destination.value}")
        return t(_("🔒 Ce qui se dit dans ce salon ne part plus vers {name}.", name=link.name))

    return apply
