"""A moment, or words for whoever typed it that say why there is none."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tchap_bridges.dates.moments import Understood, understand
from tchap_bridges.dates.outcomes import Ambiguous, Moment, Refused
from tchap_bridges.dates.saying import ask
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Language, _


def meant(words: str, now: datetime, zone: ZoneInfo, language: Language = "fr") -> Moment:
    """The moment that all of *words* mean. Raises `Misconfigured` as `settled` does."""
    return settled(understand(words, now=now, zone=zone), words, now, zone, language)


def settled(found: Understood | None, words: str, now: datetime, zone: ZoneInfo, language: Language = "fr") -> Moment:
    """The one moment that was understood. Raises `Misconfigured` for several, naming each, and for none."""
    match found:
        case Moment():
            return found
        case Ambiguous():
            ways = " ; ".join(ask(found, now, zone, language))
            raise Misconfigured(
                _("« {words} » peut se comprendre de plusieurs façons", words=found.words),
                remedy=_("Dites : {ways}", ways=ways),
            )
        case Refused():
            raise Misconfigured(found.reason)
        case None:
            reason = _("« {words} » ne dit pas un moment", words=words[:100])
            raise Misconfigured(reason, remedy=_("Exemple : vendredi 17h, demain midi."))
