"""Words and nothing else, as ``curl -d 'Sauvegarde finie'`` sends them."""

from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import clean, cut
from tchap_bot_alerts.words import LONGEST, words


def read(text: str) -> list[Notice]:
    """A delivery: one message, or none when there are no words."""
    said = cut(clean(text[: 4 * LONGEST]).strip(), LONGEST)
    return [Notice(kind="plain", text=words(said))] if said else []
