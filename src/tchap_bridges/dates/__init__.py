"""French (and simple English) words for moments and recurrences, in the time zone of whoever says them. Pure.

Nothing is guessed: words that may mean several moments are `Ambiguous`, those that can mean none are `Refused` with the
reason, and a bot always says back what was understood::

    match split(words, now, zone):  # "demain 9h30 appeler Ana"
        case Moment() as moment, rest:
            return _("Rappel {date} : {words}", date=said(moment, now, zone), words=rest)
        case Ambiguous() as question, _rest:
            ...  # ask which of ask(question, now, zone), and why: question.why
        case Refused(reason=reason), _rest:
            return reason
        case None:
            ...  # no moment was said
"""

from tchap_bridges.dates.holidays import holidays, is_working, working_day
from tchap_bridges.dates.moments import Understood, split, understand
from tchap_bridges.dates.outcomes import Ambiguous, Moment, Refused
from tchap_bridges.dates.recurrence import Recurrence, parse
from tchap_bridges.dates.recurring import Recurring, recurrence, split_recurrence
from tchap_bridges.dates.saying import ask, said, said_date, say
from tchap_bridges.dates.saying_again import said_recurrence, say_recurrence

__all__ = [
    "Ambiguous",
    "Moment",
    "Recurrence",
    "Recurring",
    "Refused",
    "Understood",
    "ask",
    "holidays",
    "is_working",
    "parse",
    "recurrence",
    "said",
    "said_date",
    "said_recurrence",
    "say",
    "say_recurrence",
    "split",
    "split_recurrence",
    "understand",
    "working_day",
]
