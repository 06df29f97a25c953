"""``!aide`` and ``!help``: every command, with an example."""

from collections.abc import Mapping, Sequence

from tchap_bridges.core.commands import Apply, Call, Topic
from tchap_bridges.core.ports import Tx
from tchap_bridges.i18n import Language, _

WORDS: Mapping[str, Language] = {"aide": "fr", "help": "en"}


def help_topic(topics: Sequence[Topic]) -> Topic:
    """Asks every topic for its own examples."""

    async def answer(call: Call) -> Apply:
        language = call.translator.language
        lines = [f"{example} — {what}" for topic in topics for example, what in topic.help(language, call.room)]

        async def apply(tx: Tx) -> str:
            del tx
            return "\n".join([call.translator(_("Commandes de ce salon :")), *lines])

        return apply

    return Topic(words=WORDS, help=lambda _language, _room: (), answer=answer)
