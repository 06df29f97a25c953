"""What ``check`` asks the homeserver: is it there, does it know us, can it reach us, is it told too much or too little.

Works before the bridge has ever run, and beside a running one. Changes nothing on the homeserver.
Specification v1.17: client-server API ``/versions`` and ``/account/whoami``; application service API ``/ping``.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.config import Settings
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import _, ngettext

_LOOKED_AT = 200  # rooms
_NAMED = 5
_PATIENCE = aiohttp.ClientTimeout(total=20, sock_connect=5)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: Mapping[str, Any]

    @property
    def errcode(self) -> str:
        return str(self.body.get("errcode", ""))

    @property
    def words(self) -> str:
        return f"{self.status} {self.errcode} {self.body.get('error', '')}".strip()


async def diagnose(settings: Settings) -> list[Finding]:
    """Every finding about the homeserver, the nearest first. Stops at the one that makes the rest meaningless."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        found = []
        try:
            async for finding in _Homeserver(settings, session).findings():
                found.append(finding)  # noqa: PERF401  what was found before it fell silent stays
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            found.append(
                Finding(
                    subject=_("serveur Matrix"),
                    level=Level.FAIL,
                    detail=_("il ne répond plus ({reason})", reason=str(error) or type(error).__name__),
                    remedy=_("regardez son journal, puis relancez check"),
                )
            )
    return [*found, *_registration(settings)]


class _Homeserver:
    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def findings(self) -> AsyncIterator[Finding]:
        reached = await self._versions()
        yield reached
        if reached.level is Level.FAIL:
            return
        known = await self._token()
        yield known
        if known.level is Level.FAIL:
            return
        yield await self._bot()
        yield await self._ping()
        admin = await self._admin()
        if admin is not None:
            yield admin
        powers = await self._powers()
        if powers is not None:
            yield powers

    async def _versions(self) -> Finding:
        url = self._settings.homeserver.url
        subject = _("serveur Matrix")
        try:
            answer = await self._ask("GET", "/_matrix/client/versions", token=False)
        except aiohttp.ClientSSLError as error:
            return Finding(
                subject=subject,
                level=Level.FAIL,
                detail=_("{url} : certificat refusé ({reason})", url=url, reason=error),
                remedy=_(
                    "homeserver.url doit porter le nom du certificat, signé par une autorité que ce système connaît"
                ),
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Finding(
                subject=subject,
                level=Level.FAIL,
                detail=_("{url} ne répond pas ({reason})", url=url, reason=str(error) or _("trop lent")),
                remedy=_("vérifiez homeserver.url, et que le serveur est lancé"),
            )
        versions = answer.body.get("versions")
        if answer.status != 200 or not isinstance(versions, list) or not versions:
            return Finding(
                subject=subject,
                level=Level.FAIL,
                detail=_("{url} répond, mais pas comme un serveur Matrix ({words})", url=url, words=answer.words),
                remedy=_("homeserver.url est l'adresse de l'API cliente, par exemple http://127.0.0.1:8008"),
            )
        return Finding(
            subject=subject, level=Level.OK, detail=_("répond (jusqu'à {version})", version=str(versions[-1]))
        )

    async def _token(self) -> Finding:
        subject, server = _("as_token"), self._settings.homeserver.server_name
        answer = await self._ask("GET", "/_matrix/client/v3/account/whoami")
        if answer.status != 200:
            return Finding(
                subject=subject,
                level=Level.FAIL,
                detail=_("le serveur Matrix ne connaît pas ce jeton ({words})", words=answer.words),
                remedy=_(
                    "donnez-lui ce fichier {file} (Synapse : app_service_config_files), puis redémarrez-le",
                    file=self._settings.appservice.registration.name,
                ),
            )
        me = str(answer.body.get("user_id", ""))
        if me.partition(":")[2] != server:
            return Finding(
                subject="homeserver.server_name",
                level=Level.FAIL,
                detail=_("le serveur s'appelle {name}, pas {server}", name=me.partition(":")[2], server=server),
                remedy=_("corrigez homeserver.server_name, et les espaces de l'enregistrement"),
            )
        return Finding(subject=subject, level=Level.OK, detail=_("accepté"))

    async def _bot(self) -> Finding:
        bot, subject = self._settings.bot, _("bot")
        answer = await self._ask("GET", "/_matrix/client/v3/account/whoami", as_bot=True)
        if answer.status == 200:
            return Finding(subject=subject, level=Level.OK, detail=_("{bot} existe", bot=bot))
        if answer.status == 403 and "masquerade" not in answer.words.lower() and answer.errcode == "M_FORBIDDEN":
            return Finding(subject=subject, level=Level.OK, detail=_("{bot} sera créé au premier lancement", bot=bot))
        if answer.errcode == "M_FORBIDDEN":
            return Finding(
                subject=_("espaces de noms"),
                level=Level.FAIL,
                detail=_("le serveur ne nous donne pas {bot}", bot=bot),
                remedy=_("son enregistrement n'est pas le nôtre : donnez-lui le fichier actuel, puis redémarrez-le"),
            )
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("{bot} est refusé ({words})", bot=bot, words=answer.words),
            remedy=_("demandez à l'administrateur du serveur de rendre ce compte utilisable"),
        )

    async def _ping(self) -> Finding:
        registration = self._settings.registration
        running = await _listens(self._settings.appservice.listen)
        path = f"/_matrix/client/v1/appservice/{quote(registration.id, safe='')}/ping"
        answer = await self._ask("POST", path, json={"transaction_id": "check"})
        subject, url = _("hs_token et retour"), registration.url
        match answer.errcode:
            case _ if answer.status == 200:
                took = answer.body.get("duration_ms", "?")
                return Finding(subject=subject, level=Level.OK, detail=_("le serveur nous joint en {ms} ms", ms=took))
            case "M_BAD_STATUS" if answer.body.get("status") in {401, 403}:
                return Finding(
                    subject=subject,
                    level=Level.FAIL,
                    detail=_("le pont refuse le jeton du serveur : leurs hs_token diffèrent"),
                    remedy=_("donnez au serveur le fichier d'enregistrement actuel, redémarrez-le, puis le pont"),
                )
            case "M_BAD_STATUS":
                status = answer.body.get("status", "?")
                return Finding(
                    subject=subject,
                    level=Level.FAIL,
                    detail=_("à {url}, un autre programme répond au serveur ({status})", url=url, status=status),
                    remedy=_("l'url de l'enregistrement doit mener à appservice.listen"),
                )
            case "M_CONNECTION_FAILED" | "M_CONNECTION_TIMEOUT" if running:
                return Finding(
                    subject=subject,
                    level=Level.FAIL,
                    detail=_("le pont est lancé, mais le serveur ne le joint pas à {url}", url=url),
                    remedy=_(
                        "mettez dans l'enregistrement une url qui mène d'un serveur à l'autre ; voyez le pare-feu"
                    ),
                )
            case "M_CONNECTION_FAILED" | "M_CONNECTION_TIMEOUT":
                return Finding(
                    subject=subject,
                    level=Level.WARN,
                    detail=_("le pont n'est pas lancé : le retour du serveur vers nous n'a pas pu être essayé"),
                    remedy=_("relancez check pendant que « tchap-bridges run » tourne"),
                )
            case "M_URL_NOT_SET":
                return Finding(
                    subject=subject,
                    level=Level.FAIL,
                    detail=_("l'enregistrement que le serveur a chargé n'a pas d'url : il n'enverra rien"),
                    remedy=_("donnez-lui le fichier actuel, puis redémarrez-le"),
                )
            case "M_FORBIDDEN":
                return Finding(
                    subject=subject,
                    level=Level.FAIL,
                    detail=_("le serveur connaît ce jeton sous un autre id que « {id} »", id=registration.id),
                    remedy=_("donnez-lui le fichier d'enregistrement actuel, puis redémarrez-le"),
                )
            case _:
                return Finding(
                    subject=subject,
                    level=Level.WARN,
                    detail=_("le serveur n'a pas pu l'essayer ({words})", words=answer.words),
                    remedy=_("il faut un serveur Matrix 1.7 ou plus récent pour ce contrôle"),
                )

    async def _admin(self) -> Finding | None:
        """No right that is not needed. Only Synapse can be asked; elsewhere, silence."""
        path = f"/_synapse/admin/v1/users/{quote(self._settings.bot, safe='')}/admin"
        answer = await self._ask("GET", path, as_bot=True)
        if answer.status == 200 and answer.body.get("admin") is True:
            return Finding(
                subject=_("droits du bot"),
                level=Level.WARN,
                detail=_("{bot} est administrateur du serveur", bot=self._settings.bot),
                remedy=_("retirez-lui ce droit : le pont n'en a pas besoin"),
            )
        return None

    async def _powers(self) -> Finding | None:
        """No level that is not needed: only in the conversations of two that the bot has made does it need any."""
        raised = [room for room in await self._rooms() if await self._is_raised(room)]
        if not raised:
            return None
        return Finding(
            subject=_("niveaux du bot"),
            level=Level.WARN,
            detail=ngettext(
                "{bot} a dans {n} salon un niveau que tous n'ont pas : {rooms}",
                "{bot} a dans {n} salons un niveau que tous n'ont pas : {rooms}",
                len(raised),
                bot=self._settings.bot,
                rooms=", ".join(raised[:_NAMED]),
            ),
            remedy=_("un administrateur de chaque salon peut le remettre à 0 : le pont n'en a pas besoin"),
        )

    async def _rooms(self) -> Sequence[str]:
        answer = await self._ask("GET", "/_matrix/client/v3/joined_rooms", as_bot=True)
        rooms = answer.body.get("joined_rooms")
        return [room for room in rooms if isinstance(room, str)][:_LOOKED_AT] if isinstance(rooms, list) else []

    async def _is_raised(self, room: str) -> bool:
        path, bot = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/state", self._settings.bot
        powers = (await self._ask("GET", f"{path}/m.room.power_levels", as_bot=True)).body
        users, everybody = powers.get("users"), powers.get("users_default", 0)
        own = users.get(bot, 0) if isinstance(users, dict) else 0
        if not (isinstance(own, int) and isinstance(everybody, int) and own > max(everybody, 0)):
            return False
        create = await self._ask("GET", f"{path}/m.room.create?format=event", as_bot=True)
        made_by = create.body.get("sender")  # not every homeserver tells events whole
        return isinstance(made_by, str) and made_by != bot

    async def _ask(
        self, method: str, path: str, *, token: bool = True, as_bot: bool = False, json: Any = None
    ) -> _Answer:
        headers = {}
        if token:
            headers["Authorization"] = f"Bearer {self._settings.registration.as_token.get_secret_value()}"
        params = {"user_id": self._settings.bot} if as_bot else {}
        url = self._settings.homeserver.url + path
        async with self._session.request(method, url, headers=headers, params=params, json=json) as response:
            try:
                body = await response.json(content_type=None)
            except ValueError:
                body = {}
            return _Answer(response.status, body if isinstance(body, dict) else {})


def _registration(settings: Settings) -> list[Finding]:
    """What the file itself asks for that it should not, or does not ask for."""
    registration, listen = settings.registration, settings.appservice.listen
    found = []
    if registration.rate_limited:
        found.append(
            Finding(
                subject="rate_limited",
                level=Level.WARN,
                detail=_("le serveur bridera le pont comme un utilisateur"),
                remedy=_("mettez « rate_limited: false » dans l'enregistrement"),
            )
        )
    if not registration.msc4190:
        found.append(
            Finding(
                subject="io.element.msc4190",
                level=Level.WARN,
                detail=_(
                    "sans appareil à son nom, un envoi répété après un redémarrage du serveur peut se voir deux fois"
                ),
                remedy=_("mettez « io.element.msc4190: true » dans l'enregistrement"),
            )
        )
    if not (registration.receive_ephemeral or registration.push_ephemeral):
        found.append(
            Finding(
                subject="receive_ephemeral",
                level=Level.WARN,
                detail=_("le serveur ne dira ni qui écrit ni qui a lu"),
                remedy=_("mettez « receive_ephemeral: true » et « de.sorunome.msc2409.push_ephemeral: true »"),
            )
        )
    parts = urlsplit(registration.url)
    if (parts.port or {"http": 80, "https": 443}[parts.scheme]) != listen.port:
        found.append(
            Finding(
                subject="url",
                level=Level.WARN,
                detail=_(
                    "le serveur appelle {url}, le pont écoute sur {listen}", url=registration.url, listen=listen.shown
                ),
                remedy=_("sans relais entre eux, mettez le même port aux deux"),
            )
        )
    return found


async def _listens(endpoint: Endpoint) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)  # noqa: S104  compared, not bound
    try:
        async with asyncio.timeout(2):
            _reader, writer = await asyncio.open_connection(host, endpoint.port)
    except OSError:
        return False
    writer.close()
    return True
