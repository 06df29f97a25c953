"""``/reglages/<token>``: the page on which a room admin sets a bot, and what comes back of it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from tchap_bridges.bot import RoomConfig
from tchap_bridges.core.bots.forms import PATH, Opened, Over
from tchap_bridges.errors import BridgeError, Misconfigured
from tchap_bridges.i18n import Language, Phrase, Translator, _
from tchap_bridges.logs import harmless
from tchap_bridges.web import forms
from tchap_bridges.web.gate import Gate, who_asks
from tchap_bridges.web.speech import language_of

log = structlog.get_logger(__name__)


class Kept(Protocol):
    """As much of the core's `Forms` as this needs."""

    async def open(self, token: str) -> Opened: ...
    async def save(self, opened: Opened, config: RoomConfig) -> None: ...


def settings_routes(kept: Kept, *, language: Language, gate: Gate | None = None) -> Sequence[web.RouteDef]:
    """``language`` is that of people whose browser asks for neither French nor English."""
    gate = gate or Gate()

    def guarded(answer: Callable[[web.Request, Language], Awaitable[web.Response]]) -> Handler:
        async def handler(request: web.Request) -> web.StreamResponse:
            spoken = language_of(request, language)
            if not gate.admits(who_asks(request.remote, request.headers)):
                return _done(429, spoken, _("Trop de demandes à la fois"), _("Réessayez dans une minute."))
            try:
                return await answer(request, spoken)
            except Over:
                return _done(410, spoken, _("Ce lien ne sert plus"), _OVER)
            except BridgeError as error:
                log.info("settings.later", **harmless(error))
            return _done(503, spoken, _("Ce n'est pas possible pour l'instant"), _("Réessayez dans un moment."))

        return handler

    async def show(request: web.Request, spoken: Language) -> web.Response:
        opened = await kept.open(request.match_info["token"])
        return _form(request, opened, spoken, {})

    async def take(request: web.Request, spoken: Language) -> web.Response:
        opened = await kept.open(request.match_info["token"])
        posted = await request.post()
        sent = {name: [one for one in posted.getall(name) if isinstance(one, str)] for name in posted}
        found = forms.parse(type(opened.config), sent, kept=opened.config)
        if not isinstance(found, RoomConfig):
            return _form(request, opened, spoken, found, sent)
        try:
            await kept.save(opened, found)
        except Misconfigured as error:
            why = _("{reason}. {remedy}", reason=error.reason, remedy=error.remedy)
            return _form(request, opened, spoken, {error.where: why}, sent)
        return _done(200, spoken, _("C'est enregistré"), _("Le salon en est averti. Vous pouvez fermer cette page."))

    path = f"/{PATH}/{{token}}"
    return (web.get(path, guarded(show)), web.post(path, guarded(take)))


_OVER: Final = _(
    "Il a expiré, ou il a déjà servi. Demandez-en un autre dans le salon : !bot regler, suivi du nom du robot."
)


def _form(
    request: web.Request,
    opened: Opened,
    spoken: Language,
    errors: Mapping[str, Phrase],
    sent: Mapping[str, Sequence[str]] | None = None,
) -> web.Response:
    title = _("Robot {bot}, salon « {room} »", bot=opened.bot.name, room=opened.room)
    page = forms.render(
        type(opened.config),
        opened.config,
        errors,
        language=spoken,
        title=Translator(spoken)(title),
        action=request.path,
        token=request.match_info["token"],
        sent=sent,
    )
    return _html(page, 422 if errors else 200)


def _done(status: int, spoken: Language, title: Phrase, text: Phrase) -> web.Response:
    return _html(forms.told(title, text, language=spoken), status)


def _html(page: str, status: int) -> web.Response:
    return web.Response(
        status=status, text=page, content_type="text/html", charset="utf-8", headers=dict(forms.headers())
    )
