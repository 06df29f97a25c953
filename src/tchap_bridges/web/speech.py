"""In which language a page speaks to somebody."""

import re

from aiohttp import web

from tchap_bridges.i18n import Language


def language_of(request: web.Request, otherwise: Language) -> Language:
    """Browsers name the language that is wanted most first."""
    found = re.search(r"\b(fr|en)\b", request.headers.get("Accept-Language", "").lower())
    if found is None:
        return otherwise
    return "en" if found[1] == "en" else "fr"
