"""``POST /hook/<id>`` and ``/hook/<id>/<secret>``: what other systems post to a room.

Nothing is parsed before it is known to be genuine, nothing acknowledged before it is on disk. Whoever is refused learns
nothing: an address that never was, has expired, or is called with a wrong secret, reads and answers alike.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog
from aiohttp import web

from tchap_bridges.core.bots.deliveries import Outcome
from tchap_bridges.errors import NotReady
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.logs import harmless
from tchap_bridges.web.gate import Gate, who_asks

PREFIX: Final = "/hook/"
LARGEST: Final = 1 << 20
"""Bytes of one delivery; of a larger one no more is read."""
LONGEST: Final = 10.0  # seconds that its bytes may take
FORGERIES: Final = 300
"""Refused ones of one address in a minute; then no more of its forgeries are looked at until the next.

What is genuine is taken all the same: a forge posts for all its users from the same few addresses, a proxy may have but
one, and whoever sends nonsense by either must not keep others from being heard."""
_UNHEARD: Final = frozenset((401, 408, 413, 415))
"""Told as 429 from then on."""

_TAKEN: Final = "ok"
"""Word for word what Slack's own addresses answer: who posts in Slack's shape (Alertmanager, Grafana) calls all else a
failure, and goes on trying. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"""
_WORDS: Final[Mapping[int, Phrase]] = {
    400: _("Le corps n'est pas le JSON attendu."),
    401: _("Adresse inconnue ou expirée, ou signature fausse."),
    405: _("Cette adresse ne prend que POST."),
    408: _("L'envoi a duré trop longtemps."),
    409: _("Le robot qui devait le lire est arrêté dans ce salon."),
    413: _("L'envoi est trop grand : un mégaoctet au plus."),
    415: _("L'envoi est comprimé : envoyez-le tel quel."),
    429: _("Trop d'envois : réessayez plus tard."),
    503: _("L'envoi ne peut pas être gardé pour l'instant : réessayez dans un moment."),
}
_STATUS: Final[Mapping[Outcome, int]] = {
    Outcome.TAKEN: 202,
    Outcome.UNREADABLE: 400,
    Outcome.FORGED: 401,
    Outcome.OFF: 409,
    Outcome.TOO_MANY: 429,
}

log = structlog.get_logger(__name__)


class Accepts(Protocol):
    """As much of the core's `Hooks` as this needs."""

    async def accept(self, id_: str, path: str, headers: Mapping[str, str], body: bytes) -> Outcome: ...
    def wait(self, id_: str) -> int: ...
    def knows(self, id_: str) -> bool: ...


def hook_routes(hooks: Accepts, *, language: Language, gate: Gate | None = None) -> Sequence[web.RouteDef]:
    """``gate`` counts what is refused. ``language``: of what a sender's log shows."""
    gate = gate or Gate(a_minute=FORGERIES)
    say = Translator(language)

    def answer(status: int, **headers: str) -> web.Response:
        text = f"{say(_WORDS[status])}\n" if status in _WORDS else _TAKEN
        return web.Response(status=status, text=text, headers=headers)

    async def take(request: web.Request) -> web.Response:
        if request.method != "POST":  # previews of links would set hooks off
            return answer(405, Allow="POST")
        asker = who_asks(request.remote, request.headers)
        spent = gate.spent(asker)
        heard = not spent or hooks.knows(request.match_info["id"])
        status = await received(request) if heard else 401
        if spent and status in _UNHEARD:
            return answer(429, **{"Retry-After": "60"})
        match status:
            case 401:
                gate.admits(asker)
                return answer(401, **{"WWW-Authenticate": "Webhook"})
            case 429:
                return answer(429, **{"Retry-After": str(hooks.wait(request.match_info["id"]))})
            case 503:
                return answer(503, **{"Retry-After": "10"})
            case _:
                return answer(status)

    async def received(request: web.Request) -> int:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return 415
        try:
            async with asyncio.timeout(LONGEST):
                body = await _body(request)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        path = request.match_info
        try:
            return _STATUS[await hooks.accept(path["id"], path.get("secret", ""), request.headers, body)]
        except NotReady as error:
            log.warning("hook.later", **harmless(error))
        except Exception:
            log.exception("hook.failed")
        return 503

    return [web.route("*", PREFIX + "{id}", take), web.route("*", PREFIX + "{id}/{secret}", take)]


async def _body(request: web.Request) -> bytes | None:
    """All of it; None when it is too large, whatever length it claims."""
    if (request.content_length or 0) > LARGEST:
        return None
    parts, left = [], LARGEST
    while part := await request.content.read(left + 1):
        left -= len(part)
        if left < 0:
            return None
        parts.append(part)
    return b"".join(parts)
