"""A result in the words of the room."""

from tchap_bot_polls.model import Result
from tchap_bridges.events import Text
from tchap_bridges.i18n import Language


def told(result: Result, language: Language) -> Text:
    del language
    lines = [result.question, *(f"{count.option.text} : {count.votes}" for count in result.counts)]
    return Text(plain="\n".join(lines))
