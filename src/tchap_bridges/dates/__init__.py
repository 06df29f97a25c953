"""French (and simple English) words for moments and recurrences, in the time zone of whoever says them. Pure.

Nothing is guessed: words that may mean several moments are `Ambiguous`, those that can mean none are `Refused` with the
reason, and a bot always says back what was understood::

    match split(words, now, zone):
        case Moment() as moment, rest:
            return _("Rappel {date}.", date=said(moment, now, zone))
        case Ambiguous() as question, _rest:
            ...ask(question, now, zone)
        case Refused(reason=reason), _rest:
            return reason
        case None:
            ...no moment was said
"""

from tchap_bridges.dates.moments import split, understand
from tchap_bridges.dates.outcomes import Ambiguous, Moment, Refused
from tchap_bridges.dates.saying import ask, said, say

__all__ = ["Ambiguous", "Moment", "Refused", "ask", "said", "say", "split", "understand"]
