"""What the bridge itself says: of a channel to its rooms, and to whoever writes to it alone on IRC."""

from datetime import datetime, tzinfo

from tchap_bridge_irc import formatting
from tchap_bridges.i18n import Phrase, _, ngettext

LEAST_ABSENCE = 60.0
"""Seconds of absence that are worth a notice."""
AGAIN = 3600.0
"""Seconds after which somebody who writes to us alone is told again who we are."""
MOST_GREETED = 1000
WHO_WE_ARE = _("Je suis un pont vers des salons Tchap : ce qu'on m'écrit ici n'est lu par personne.")


def absence(since: datetime, until: datetime, zone: tzinfo) -> Phrase:
    """That something may have been said that is not here."""
    start, end = since.astimezone(zone), until.astimezone(zone)
    shape = "%H:%M" if start.date() == end.date() else "%d/%m %H:%M"
    return _(
        "⚠ Le pont était absent d'IRC de {start} à {end} : ce qui s'est dit entre-temps sur le canal n'est pas relayé.",
        start=f"{start:{shape}}",
        end=f"{end:{shape}}",
    )


def split(near: str, far: str, people: int) -> Phrase:
    """Two servers have lost each other."""
    return ngettext(
        "⚡ Coupure entre serveurs IRC ({near} ↔ {far}) : {n} personne hors de portée.",
        "⚡ Coupure entre serveurs IRC ({near} ↔ {far}) : {n} personnes hors de portée.",
        people,
        near=near,
        far=far,
    )


def told(reason: str, remedy: str) -> Phrase:
    """Something that went wrong, and what mends it."""
    return _("⚠ {reason}. {remedy}", reason=reason, remedy=remedy)


def kicked(channel: str, by: str, why: str, seconds: float) -> Phrase:
    """We were put out."""
    why = formatting.strip(why).strip()[:200]
    back = duration(seconds)
    if why and why != by:
        return _(
            "⚠ {by} a exclu le pont de {channel} ({why}) ; il y revient dans {back}.",
            by=by,
            channel=channel,
            why=why,
            back=back,
        )
    return _("⚠ {by} a exclu le pont de {channel} ; il y revient dans {back}.", by=by, channel=channel, back=back)


def renamed(old: str, new: str) -> Phrase:
    """A channel has another name, and the link still names the old one."""
    return _(
        "⚠ {old} s'appelle désormais {new} : reliez-le sous ce nom, !pont irc {new}, et retirez l'ancien lien.",
        old=old,
        new=new,
    )


def renicked(old: str, new: str) -> Phrase:
    """Somebody who is linked by their nick has another one."""
    return _(
        "ℹ {old} s'appelle désormais {new} sur IRC ; ce salon reste relié à {old}. Pour suivre : !pont irc {new}",
        old=old,
        new=new,
    )


def duration(seconds: float) -> Phrase:
    """So long, in words."""
    if seconds < 90:
        return ngettext("{n} seconde", "{n} secondes", round(seconds))
    return ngettext("{n} minute", "{n} minutes", round(seconds / 60))
