"""``/f/<token>/<name>`` and ``/a/<token>``: the files, texts and pictures that links of ours show, to whoever has one.

What they contain was written by others, so nothing of it can run here: safe types only, never guessed, in a sandbox.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from html import escape
from typing import Protocol
from urllib.parse import quote

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from tchap_bridges.core.shares import Shared, Unknown, Withdrawn
from tchap_bridges.errors import BridgeError, Undeliverable
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.logs import harmless
from tchap_bridges.web.gate import Gate, who_asks
from tchap_bridges.web.speech import language_of

FRESH = 86_400  # seconds for which a network may show a picture without asking again
STALLED = 60.0  # seconds after which somebody who takes no byte is given up …
LONGEST = 1800.0  # … and after which anybody is: places are few
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",  # asked for again each time: it may be withdrawn by then
    "X-Robots-Tag": "noindex",
}
SERVER = "tchap-bridges"
SEEN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types that a browser may show in place. Not SVG, which can run scripts."""
OPAQUE = "application/octet-stream"

log = structlog.get_logger(__name__)


class Found(Protocol):
    """As much of the core's `Shares` as this needs."""

    async def find(self, token: str) -> Shared: ...
    def proof(self, question: str) -> str: ...


class Pictured(Protocol):
    """As much of the core's `Avatars` as this needs."""

    async def find(self, token: str) -> Shared: ...


def shares_site(
    shares: Found,
    avatars: Pictured | None = None,
    *,
    language: Language,
    gate: Gate | None = None,
    beside: Sequence[web.AbstractRouteDef] = (),
) -> web.Application:
    """``language`` is that of people whose browser asks for neither French nor English.

    ``beside``: what else is served here, under headers and gates of its own.
    """
    gate = gate or Gate()

    def gated(handler: Handler) -> Handler:
        async def admitted(request: web.Request) -> web.StreamResponse:
            return await handler(request) if gate.admits(_asker(request)) else _busy(request, language)

        return admitted

    async def get_file(request: web.Request) -> web.StreamResponse:
        return await serve(request, shares)

    async def get_avatar(request: web.Request) -> web.StreamResponse:
        return await serve(request, avatars) if avatars is not None else _unknown(request, language)

    async def serve(request: web.Request, shelf: Found | Pictured) -> web.StreamResponse:
        try:
            shared = await shelf.find(request.match_info["token"])
            if request.method == "HEAD":
                return _response(shared)
            with gate.download(_asker(request)) as free:
                return await _stream(request, shared) if free else _busy(request, language)
        except Unknown:
            return _unknown(request, language)
        except (Withdrawn, Undeliverable):
            return _page(
                request,
                language,
                410,
                _("Ce contenu n'est plus disponible"),
                _("Le lien a expiré, ou le message a été retiré. Demandez-le à la personne qui vous l'a donné."),
            )
        except BridgeError as error:
            log.info("share.later", **harmless(error))
        except Exception:
            log.exception("share.failed")
        return _page(
            request, language, 503, _("Ce contenu n'est pas accessible pour l'instant"), _("Réessayez dans un moment.")
        )

    async def get_proof(request: web.Request) -> web.Response:
        try:
            return web.Response(text=shares.proof(request.match_info["question"]))
        except Unknown:
            return _unknown(request, language)

    async def missing(request: web.Request) -> web.Response:
        return _unknown(request, language)

    application = web.Application()
    application.on_response_prepare.append(_harden)
    application.add_routes(
        [
            *beside,
            web.get("/f/{token}", gated(get_file)),
            web.get("/f/{token}/{name}", gated(get_file)),  # the name is for eyes only
            web.get("/a/{token}", gated(get_avatar)),
            web.get("/check/{question}", gated(get_proof)),
            web.route("*", "/{path:.*}", gated(missing)),
        ]
    )
    return application


def _asker(request: web.Request) -> str:
    return who_asks(request.remote, request.headers)


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = SERVER
    if request.path.startswith("/a/") and response.status == 200:
        response.headers["Cache-Control"] = f"public, max-age={FRESH}"


async def _stream(request: web.Request, shared: Shared) -> web.StreamResponse:
    """Raises what opening raises while nothing has been said; later the connection breaks: the file is not whole."""
    opened: AbstractAsyncContextManager[AsyncIterator[bytes]] = shared.open()
    async with opened as chunks:
        first = await anext(chunks, b"")
        response = _response(shared)
        await response.prepare(request)
        try:
            async with asyncio.timeout(LONGEST):
                await _write(response, first)
                async for chunk in chunks:
                    await _write(response, chunk)
                await response.write_eof()
        except (BridgeError, OSError) as error:  # TimeoutError and ConnectionError among them
            log.info("share.broken_off", reason=type(error).__name__)
        except Exception:
            log.exception("share.broken_off")
        else:
            return response
        if request.transport is not None:
            request.transport.abort()
        return response


async def _write(response: web.StreamResponse, chunk: bytes) -> None:
    async with asyncio.timeout(STALLED):
        await response.write(chunk)


def _response(shared: Shared) -> web.StreamResponse:
    """No length: what the network told of it may be wrong."""
    response = web.StreamResponse(headers=_headers(shared))
    response.enable_chunked_encoding()
    return response


def _headers(shared: Shared) -> dict[str, str]:
    kind, place = _kind(shared.mime), "attachment"
    if kind in SEEN or kind.startswith("text/plain"):
        place = "inline"  # a PDF is saved: in the sandbox browsers do not show it
    shown = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in shared.name)
    name = shown[:255] or "fichier"
    plain = re.sub(r"[^ !#$&+.0-9A-Za-z^`|~_-]", "_", name)
    full = quote(name, safe="")
    return {"Content-Type": kind, "Content-Disposition": f"{place}; filename=\"{plain}\"; filename*=UTF-8''{full}"}


def _kind(mime: str) -> str:
    told = mime.partition(";")[0].strip().lower()
    if told in SEEN or told == "application/pdf":
        return told
    if told.startswith("text/"):
        return "text/plain; charset=utf-8" if "charset=utf-8" in mime.lower() else "text/plain"
    return OPAQUE


def _unknown(request: web.Request, language: Language) -> web.Response:
    return _page(
        request,
        language,
        404,
        _("Ce lien ne mène à rien"),
        _("Vérifiez qu'il a été copié en entier, ou demandez-en un autre à la personne qui vous l'a donné."),
    )


def _busy(request: web.Request, language: Language) -> web.Response:
    return _page(request, language, 429, _("Trop de demandes à la fois"), _("Réessayez dans une minute."))


def _page(request: web.Request, language: Language, status: int, title: Phrase, words: Phrase) -> web.Response:
    say = Translator(language_of(request, language))
    page = (
        f'<!doctype html><html lang="{say.language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(say(title))}</title>'
        f"<h1>{escape(say(title))}</h1><p>{escape(say(words))}</p></html>\n"
    )
    headers = {"Retry-After": "60"} if status in {429, 503} else {}
    return web.Response(status=status, text=page, content_type="text/html", charset="utf-8", headers=headers)
