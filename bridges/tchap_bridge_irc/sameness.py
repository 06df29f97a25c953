"""Whether a linked chat is still the one that was meant: a network that compares names otherwise may mean another.

A link remembers by which casemapping its chat was named. Where the server has another one by now, and that matters for
the name, nothing passes until somebody links it again (CVE-2022-39203).
"""

from collections.abc import Mapping

from tchap_bridge_irc.isupport import Isupport
from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId

CASEMAPPING = "casemapping"
"""In a link's options: by which one its chat was named."""


def unsure(support: Isupport, chat: ChatId, options: Mapping[str, str]) -> bool:
    """Whether the network compares names in another way than when the chat was named, and it matters for this one."""
    return support.unsure(chat, options.get(CASEMAPPING, support.casemapping))


def doubt(chat: ChatId) -> Undeliverable:
    """What the room is told."""
    return Undeliverable(
        _("le réseau a changé sa façon de comparer les noms : {chat} y est peut-être un autre", chat=chat),
        remedy=_("Retirez ce lien et reliez de nouveau."),
    )
