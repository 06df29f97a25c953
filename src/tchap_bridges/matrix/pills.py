"""People named in room messages: a link to a user (a pill), and the field that calls them, as the contract's mentions.

https://spec.matrix.org/v1.17/client-server-api/#user-and-room-mentions, and for the links
https://spec.matrix.org/v1.17/appendices/#uris; Tchap's clients write links to their own site. Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape, unescape
from typing import Any, Final
from urllib.parse import quote, unquote

from tchap_bridges.events import PERSON, Text, mention, mentioned
from tchap_bridges.ids import PersonId, UserId
from tchap_bridges.matrix.names import is_user_id

MOST: Final = 20
"""So many people a message calls; whoever names more speaks to nobody in particular."""

_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_MENTION = re.compile(rf'<a href="({PERSON}[^"]*)">(.*?)</a>', re.DOTALL)
_TO_USER = re.compile(r"(?:https://matrix\.to/#/|https://(?:www\.)?tchap\.gouv\.fr/#/user/)(@[^/?]+)(?:\?.*)?")
_MATRIX_URI = re.compile(r"matrix:(?:u|user)/([^/?]+)(?:\?.*)?")
_TAG = re.compile(r"<[^>]*>")


def user_of(href: str) -> UserId | None:
    """The user that a link leads to; None for any other link."""
    if found := _TO_USER.fullmatch(href) or _TO_USER.fullmatch(unquote(href)):
        user = unquote(found[1])
    elif found := _MATRIX_URI.fullmatch(href):
        user = f"@{unquote(found[1])}"
    else:
        return None
    return user if is_user_id(user) else None


def read_mentions(text: Text, content: Mapping[str, Any], is_ghost: Callable[[object], bool]) -> Text:
    """What a client wrote, its pills made mentions. A ghost that ``m.mentions`` alone calls is one without a name.

    Its display name may stand in the words; the core, which can know it, looks for it. Most often it does not: whoever
    answers somebody calls them.
    """
    named: set[str] = set()

    def replaced(found: re.Match[str]) -> str:
        user = user_of(unescape(found[1]))
        if user is None:
            return found[0]
        named.add(user)
        return mention(PersonId(user), unescape(_TAG.sub("", found[2])).strip())

    html = _LINK.sub(replaced, text.html) if text.html else None
    about = content.get("m.mentions")
    called = about.get("user_ids") if isinstance(about, dict) else None
    silent = (
        [user for user in called[:MOST] if is_ghost(user) and user not in named] if isinstance(called, list) else []
    )
    if silent and text.plain:
        html = html or escape(text.plain, quote=False).replace("\n", "<br>")
        html += "".join(mention(PersonId(user), "") for user in dict.fromkeys(silent))
    return Text(plain=text.plain, html=html)


def people(text: Text) -> Sequence[tuple[PersonId, str]]:
    """Whom a text names, each once, with what they are called there."""
    found: dict[PersonId, str] = {}
    for href, inner in _MENTION.findall(text.html or ""):
        if (person := mentioned(unescape(href))) is not None:
            found.setdefault(person, unescape(_TAG.sub("", inner)).strip())
    return tuple(found.items())


def with_pills(text: Text, users: Mapping[PersonId, UserId]) -> Text:
    """Every mention made a pill of the user it stands for; of whoever has none, the name is left."""

    def replaced(found: re.Match[str]) -> str:
        user = users.get(mentioned(unescape(found[1])) or PersonId(""))
        return found[2] if user is None else f'<a href="https://matrix.to/#/{quote(user, safe="@:")}">{found[2]}</a>'

    return Text(plain=text.plain, html=_MENTION.sub(replaced, text.html)) if text.html else text


def mentions(users: Iterable[UserId]) -> dict[str, Any]:
    """``m.mentions``: always there, so that no client looks for names in the words, or for ``@room``."""
    called = list(dict.fromkeys(users))
    return {"user_ids": called} if called else {}
