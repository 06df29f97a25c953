"""What a network refuses, in words for people: to let us in, into a channel, or a message through; and what mends it.

Numerics are those of RFC 2812 section 5.2 and modern.ircdocs.horse; 470, 477 and 489 are what InspIRCd, ngIRCd and
others made of them. Servers speak English and each in its own words, which are kept only where ours say less.
"""

from collections.abc import Mapping

from tchap_bridge_irc.registration import Ended, Why
from tchap_bridge_irc.wire import Line
from tchap_bridges.errors import BadCredentials, BridgeError, Misconfigured, NotReady, Undeliverable
from tchap_bridges.i18n import Phrase, _

LATER_SECONDS = 15.0
"""How long a network that asks for patience, or whose services are away, is left in peace."""
NOT_JOINED = frozenset({"403", "405", "437", "470", "471", "473", "474", "475", "476", "477", "480", "489", "520"})
"""Numerics that answer a JOIN. Some may as well answer a message."""
NOT_DELIVERED = NOT_JOINED | frozenset(
    {"401", "402", "404", "407", "411", "412", "413", "414", "415", "417", "421", "442", "461", "482", "531"}
)
"""Those that say that what was sent did not get where it was to go."""
FORWARDED = "470"
_NEVER = frozenset({"403", "405", "476", "520"})
_OPERATORS = _("Demandez-le à un opérateur du canal.")


class Refused(Undeliverable):
    """The server has said that something did not get where it was to go. ``code``: its numeric, or FAIL's own word."""

    def __init__(self, reason: str, *, code: str, remedy: str = "") -> None:
        super().__init__(reason, remedy=remedy)
        self.code = code


def not_joined(line: Line) -> tuple[Phrase, Phrase, bool]:
    """Why we are not let into a channel, what to do about it, and whether it is worth trying again by ourselves."""
    nick, channel = line.param(0), line.param(1)
    reason: Phrase
    remedy: Phrase = _OPERATORS
    match line.command:
        case "470":
            reason = _("le réseau renvoie de {channel} vers {other}", channel=channel, other=line.param(2))
            remedy = _("Reliez plutôt {other}, ou faites retirer ce renvoi.", other=line.param(2))
        case "471":
            reason = _("{channel} est plein (+l)", channel=channel)
            remedy = _(
                "Un opérateur du canal peut relever la limite ; sur certains réseaux une invitation suffit :"
                " « /invite {nick} {channel} ».",
                nick=nick,
                channel=channel,
            )
        case "473":
            reason = _("on n'entre sur {channel} que sur invitation (+i)", channel=channel)
            remedy = _(
                "Un opérateur du canal peut inviter le pont : « /invite {nick} {channel} ».", nick=nick, channel=channel
            )
        case "474":
            reason = _("le pont est banni de {channel} (+b)", channel=channel)
            remedy = _(
                "Un opérateur du canal peut lever le bannissement, ou inviter le pont : « /invite {nick} {channel} ».",
                nick=nick,
                channel=channel,
            )
        case "475":
            reason = _("{channel} demande un mot de passe (+k)", channel=channel)
            remedy = _(
                "Un opérateur du canal peut retirer le mot de passe ; sur certains réseaux une invitation suffit :"
                " « /invite {nick} {channel} ».",
                nick=nick,
                channel=channel,
            )
        case "477":
            reason = _("{channel} n'admet que les pseudos enregistrés (+r)", channel=channel)
            remedy = _("L'exploitant peut donner un compte au pont : « sasl », « account » et « password ».")
        case "489":
            reason = _("{channel} n'admet que les connexions chiffrées", channel=channel)
            remedy = _("L'exploitant peut mettre « security: tls ».")
        case "437":
            reason = _("{channel} est indisponible pour l'instant, après une coupure entre serveurs", channel=channel)
            remedy = _("Le pont réessaie de lui-même.")
        case "405":
            reason = _("le réseau ne laisse pas le pont entrer sur plus de canaux")
            remedy = _("Retirez un lien qui ne sert plus, ou demandez une exception aux opérateurs du réseau.")
        case "403" | "476":
            reason = _("le réseau n'a pas de canal de ce nom : {channel}", channel=channel)
            remedy = _("Vérifiez le nom du canal : !pont irc #general.")
        case _other:
            reason = _("le réseau ne laisse pas entrer sur {channel} : {said}", channel=channel, said=line.param(-1))
    return reason, remedy, line.command not in _NEVER


def not_linked(refused: Refused) -> Misconfigured:
    """The same in answer to a command, which comes to nothing: once it is mended, somebody has to type it again."""
    remedy: str = refused.remedy
    if refused.code not in _NEVER and refused.code != FORWARDED:
        remedy = _("{remedy} Refaites ensuite la commande.", remedy=refused.remedy)
    return Misconfigured(refused.reason, remedy=remedy)


def undelivered(line: Line, modes: Mapping[str, str]) -> Refused:
    """Why a message was not passed on. ``modes`` are the channel's, as far as they are known."""
    code = line.param(1) if line.command == "FAIL" else line.command
    if line.command in NOT_JOINED and line.command not in {"403", "477"}:
        reason, remedy, _again = not_joined(line)
        return Refused(reason, remedy=remedy, code=code)
    where, said = line.param(1), line.param(-1)
    reason = _("le réseau n'a pas remis le message : {said}", said=said)
    remedy = _("Vérifiez que le pont est sur ce canal et peut y parler, ou que la personne est connectée.")
    match code:
        case "401":
            reason = _("{nick} n'est pas connecté à ce réseau", nick=where)
            remedy = _("Réessayez quand la personne est là.")
        case "403" | "442":
            reason = _("le pont n'est pas sur {channel}", channel=where)
            remedy = _("Il y revient dès qu'on l'y laisse entrer ; voyez !pont etat.")
        case "404" | "477" | "531":
            reason, remedy = _muted(where, said, modes), _silence(line, modes)
        case "417":
            reason, remedy = _("le réseau trouve ce message trop long"), _("Écrivez-le en plusieurs.")
        case "REDACT_FORBIDDEN":
            reason = _("le réseau ne laisse pas le pont supprimer ce message")
            remedy = _("Un opérateur du canal peut le faire, ou donner au pont le rang qu'il faut.")
        case "REDACT_WINDOW_EXPIRED":
            reason, remedy = _("il est trop tard pour supprimer ce message sur IRC"), _OPERATORS
        case "UNKNOWN_MSGID":
            reason, remedy = _("le réseau ne connaît plus ce message"), _("Il n'y a rien à faire.")
        case _other:
            pass
    return Refused(reason, remedy=remedy, code=code)


def _muted(where: str, said: str, modes: Mapping[str, str]) -> Phrase:
    low = said.lower()
    if "+m" in low or "moderated" in low:
        return _("{channel} est modéré (+m) : n'y parle que qui en a le droit", channel=where)
    if "banned" in low or "+b" in low:
        return _("le pont est banni de {channel} : il entend et ne peut pas parler", channel=where)
    if "external" in low or "+n" in low:
        return _("{channel} ne prend rien de qui n'y est pas (+n)", channel=where)
    if "registered" in low or "identif" in low:
        return _("{channel} n'écoute que les pseudos enregistrés (+M)", channel=where)
    if "colo" in low or "+c" in low:
        return _("{channel} refuse les couleurs (+c)", channel=where)
    if "m" in modes:
        return _("{channel} est modéré (+m) : n'y parle que qui en a le droit", channel=where)
    return _("le réseau ne laisse pas le pont parler sur {channel} : {said}", channel=where, said=said)


def _silence(line: Line, modes: Mapping[str, str]) -> Phrase:
    low = line.param(-1).lower()
    if "banned" in low or "+b" in low:
        return _("Un opérateur du canal peut lever le bannissement du pont.")
    if "registered" in low or "identif" in low:
        return _("L'exploitant peut donner un compte au pont : « sasl », « account » et « password ».")
    if "m" in modes or "+m" in low or "moderated" in low:
        return _(
            "Un opérateur du canal peut donner la parole au pont : « /mode {channel} +v {nick} ».",
            channel=line.param(1),
            nick=line.param(0),
        )
    return _OPERATORS


def refused(ended: Ended) -> BridgeError:
    """An end as the core understands it."""
    said: str | Phrase = ended.reason or _("sans dire pourquoi")
    match ended.why:
        case Why.CREDENTIALS:
            return BadCredentials(
                _("le réseau refuse notre identification : {said}", said=said),
                remedy=_("Vérifiez « account » et « password », le certificat, ou « server_password »."),
            )
        case Why.BANNED:
            return BadCredentials(
                _("le réseau ne veut pas de nous : {said}", said=said),
                remedy=_("Parlez-en à ses opérateurs ; le pont n'insiste pas."),
            )
        case Why.NAME:
            return Misconfigured(
                _("le réseau n'accepte aucun de nos pseudos : {said}", said=said),
                where="nick",
                remedy=_("Choisissez un autre « nick »."),
            )
        case Why.SERVICES:
            return NotReady(
                _("le réseau ne peut pas vérifier notre compte pour l'instant : ses services sont absents"),
                retry_after=LATER_SECONDS,
            )
        case Why.LATER:
            return NotReady(_("le réseau a fermé la connexion : {said}", said=said), retry_after=LATER_SECONDS)
