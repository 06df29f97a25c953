"""``!pont politique``: the rules in force in a room, what they let pass by each link, and who can change what. Pure."""

from collections.abc import Sequence

from tchap_bridges.core import policy
from tchap_bridges.core.links import Link
from tchap_bridges.core.policy import Decision, Kind, Rules, Standing
from tchap_bridges.core.words import state_words
from tchap_bridges.i18n import Phrase, Translator, _, ngettext


def told(room: Standing, links: Sequence[Link], rules: Rules, t: Translator) -> str:
    """In the language of ``t``, a line for each thing."""
    lines = [t(line) for line in (_access(room), _encryption(room, rules), *_people(room))]
    lines += [line for link in links for line in _link(room, link, rules, t)]
    if not links:
        lines.append(t(_("Ce salon n'est relié à rien : rien n'y entre ni n'en sort.")))
    lines.append(t(_("Les liens et leurs autorisations : un modérateur du salon (niveau 50), !aide.")))
    lines.append(t(_("Le reste : l'exploitant du pont ({who}).", who=rules.operator or _("non nommé"))))
    return "\n".join(lines)


def _access(room: Standing) -> Phrase:
    match room.rule:
        case "restricted" if room.public:
            return _("Accès : forum ouvert à tous les agents, fermé aux invités (« restricted »).")
        case "restricted":
            return _("Accès : réservé aux agents (« restricted ») ; un administrateur peut l'ouvrir, pour toujours.")
        case "unrestricted":
            return _("Accès : ouvert aux invités (« unrestricted ») ; cela ne se défait pas.")
        case "direct":
            return _("Accès : conversation de deux personnes (« direct ») ; cela ne se change pas.")
        case "malformed":
            return _("Accès : règle illisible ; un administrateur du salon doit la redéfinir.")
        case "":
            return _("Accès : aucune règle de Tchap.")
        case rule:
            return _("Accès : règle inconnue (« {rule} »).", rule=rule)


def _encryption(room: Standing, rules: Rules) -> Phrase:
    if not room.encrypted:
        return _("Chiffrement : non. S'il est activé, ce qui se dit ici n'en sort plus sans autorisation.")
    if not rules.encrypts:
        return _("Chiffrement : oui, et le pont ne peut pas chiffrer.")
    return _("Chiffrement : oui. Ce qui se dit ici n'en sort que par les liens qu'un modérateur y autorise.")


def _people(room: Standing) -> Sequence[Phrase]:
    found: list[Phrase] = []
    if not room.in_sync:
        found.append(_("Membres : le pont ne sait pas qui est dans ce salon."))
    if room.guests:
        n = len(room.guests)
        found.append(ngettext("Membres : {n} invité est présent.", "Membres : {n} invités sont présents.", n))
    if not room.federates:
        found.append(
            _(
                "Fédération : non (m.federate). Seuls les comptes de ce serveur peuvent entrer, ceux du pont aussi ;"
                " personne d'un autre serveur ne peut être invité. Cela ne se change pas."
            )
        )
    return found


def _link(room: Standing, link: Link, rules: Rules, t: Translator) -> Sequence[str]:
    head = t(
        _(
            "{n}. {name} ({network}, destination « {label} ») — {state}",
            n=link.number,
            name=link.name,
            network=link.connection,
            label=link.destination.value,
            state=state_words(link.state),
        )
    )
    ways = (
        (_("entre"), policy.may_come_in(room, link.tie, rules)),
        (_("sort"), policy.may_leave(room, link.tie, rules)),
    )
    lines = [head, *(f"   {t(_way(name, decision))}" for name, decision in ways)]
    if ways[1][1].allowed:
        kinds = (
            (Kind.FILE, _("fichiers")),
            (Kind.NAME, _("noms")),
            (Kind.AVATAR, _("photos")),
            (Kind.TYPING, _("saisie")),
        )
        marks = (f"{'✓' if policy.may_tell(kind, rules).allowed else '✗'} {t(name)}" for kind, name in kinds)
        lines.append("   " + t(_("avec les messages : {what}", what=", ".join(marks))))
    if link.consent:
        lines.append(
            "   " + t(_("autorisé par {who} : !pont chiffrement retirer {n}", who=link.consent, n=link.number))
        )
    return lines


def _way(name: Phrase, decision: Decision) -> Phrase:
    if decision.allowed:
        return _("{way} : oui", way=name)
    return _("{way} : non — {why}. {remedy}", way=name, why=decision.reason, remedy=decision.remedy)
