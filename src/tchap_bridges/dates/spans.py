"""A span from now on: "dans 15 min", "dans une heure et demie", "dans 1 h 30", "in half an hour"."""

import re
from datetime import timedelta
from typing import Final

from tchap_bridges.dates.words import END, NUMBER, number

_PARTS: Final = {"demi": 30, "demie": 30, "quart": 15, "half": 30, "quarter": 15}
_HOURS: Final = r"(?:heures?|h|hours?|hrs?)"
_MINUTES: Final = r"(?:minutes?|mins?|mn)"
_SPAN: Final = re.compile(
    rf"(?:dans|d'ici|sous|in|within)\s(?:(?P<days>{NUMBER})\s?(?:jours?|j|days?)\s(?:(?:et|and)\s)?)?(?:"
    rf"(?P<hours>{NUMBER})\s?{_HOURS}(?:\s(?:et|and)\s(?:une?\s|a\s)?(?P<part>demie?|quart|half|quarter)"
    rf"|\s?(?:et\s|and\s)?(?P<more>{NUMBER})(?:\s?{_MINUTES})?)?"
    rf"|(?P<minutes>{NUMBER})\s?{_MINUTES}"
    rf"|(?:une\s)?(?P<half>demi)[- ]heure|(?P<half_en>half)\san\shour|an?\shour\sand\sa\s(?P<hour_and>half|quarter)"
    rf"|(?:(?P<quarters>un|trois)\s)quarts?\sd'heure|a\s(?P<quarter_en>quarter)\sof\san\shour"
    rf"){END}"
)


def read(text: str, at: int) -> tuple[timedelta, int] | None:
    """The span that begins there, and where it ends."""
    found = _SPAN.match(text, at)
    if found is None:
        return None
    word = found["half"] or found["half_en"] or found["quarter_en"]
    if word:
        minutes = _PARTS[word]
    elif found["quarters"]:
        minutes = 15 * number(found["quarters"])
    elif found["hour_and"]:
        minutes = 60 + _PARTS[found["hour_and"]]
    elif found["minutes"]:
        minutes = number(found["minutes"])
    else:
        more = _PARTS[found["part"]] if found["part"] else number(found["more"] or "0")
        minutes = number(found["hours"]) * 60 + more
    return timedelta(days=number(found["days"] or "0"), minutes=minutes), found.end()
