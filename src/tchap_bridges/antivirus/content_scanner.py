"""A Matrix content scanner, as Tchap runs one: it fetches a file from the homeserver itself, and says what it found.

API: docs/api.md of element-hq/matrix-content-scanner-python. It knows files by their mxc URI only: one that comes from
a network is first put on the homeserver, where nobody is told of it. An encrypted file is named with its key.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from tchap_bridges.core.ports import Outcome, ScannerAway, Suspect, Verdict
from tchap_bridges.i18n import _

PREFIX: Final = "/_matrix/media_proxy/unstable"
PROBE: Final = 10.0  # seconds
_LONGEST: Final = 1 << 16  # bytes of an answer
_REFUSALS: Final[Mapping[str, Outcome]] = {
    "MCS_MEDIA_NOT_CLEAN": Outcome.INFECTED,
    "MCS_MIME_TYPE_FORBIDDEN": Outcome.FORBIDDEN,
    "MCS_MEDIA_FAILED_TO_DECRYPT": Outcome.UNREADABLE,
    "MCS_BAD_DECRYPTION": Outcome.UNREADABLE,
}
Deposit = Callable[[Suspect], Awaitable[str]]
"""Puts a file on the homeserver and returns its mxc URI."""


class ContentScanner:
    """``token`` lets the scanner fetch media that only users may have. ``seconds``: for so long it may be silent."""

    def __init__(self, url: str, token: str, deposit: Deposit, *, seconds: float) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._deposit = deposit
        self._seconds = seconds

    async def scan(self, suspect: Suspect) -> Verdict:
        """Raises what opening the file and the homeserver raise, too, for a file that is not in Matrix yet."""
        if suspect.in_matrix and suspect.ref.startswith("{"):
            return await self.scan_encrypted(json.loads(suspect.ref))
        mxc = suspect.ref if suspect.in_matrix and suspect.ref.startswith("mxc://") else await self._deposit(suspect)
        server, _slash, media = mxc.removeprefix("mxc://").partition("/")
        path = f"{PREFIX}/scan/{quote(server, safe='')}/{quote(media, safe='')}"
        async with self._asked("GET", path, self._seconds) as answer:
            return await _verdict(answer)

    async def scan_encrypted(self, file: Mapping[str, Any]) -> Verdict:
        """``file``: https://spec.matrix.org/v1.17/client-server-api/#extensions-to-mroommessage-msgtypes."""
        async with self._asked("POST", f"{PREFIX}/scan_encrypted", self._seconds, {"file": file}) as answer:
            return await _verdict(answer)

    async def probe(self) -> str:
        """Its public key: what every content scanner has, and needs no file for."""
        async with self._asked("GET", f"{PREFIX}/public_key", PROBE) as answer:
            said = await _json(answer)
            if answer.status != 200 or not isinstance(said.get("public_key"), str):
                what = _("une autre réponse que celle d'un content scanner ({status})", status=answer.status)
                raise ScannerAway(what)
            return str(said["public_key"])

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, seconds: float, body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=self._headers) as http,
                http.request(method, URL(self._url + path, encoded=True), json=body, allow_redirects=False) as answer,
            ):
                yield answer
        except TimeoutError as error:
            raise ScannerAway(_("le content scanner ne répond pas en {n} s", n=round(seconds))) from error
        except (aiohttp.ClientError, OSError) as error:
            kind = type(error).__name__
            raise ScannerAway(_("le content scanner est injoignable ({why})", why=kind)) from error


async def _verdict(answer: aiohttp.ClientResponse) -> Verdict:
    said = await _json(answer)
    if answer.status == 200 and isinstance(said.get("clean"), bool):
        if said["clean"]:
            return Verdict(outcome=Outcome.CLEAN)
        return Verdict(outcome=Outcome.INFECTED, detail=_info(said))
    outcome = _REFUSALS.get(str(said.get("reason")))
    if outcome is not None:
        return Verdict(outcome=outcome, detail=_info(said))
    if answer.status == 413:
        return Verdict(outcome=Outcome.TOO_LARGE)
    reason = str(said.get("reason") or answer.status)[:60]
    raise ScannerAway(_("le content scanner a répondu par une erreur ({reason})", reason=reason))


async def _json(answer: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """What it said; {} for anything but a JSON object."""
    data = b""
    async for chunk in answer.content.iter_any():
        data += chunk
        if len(data) > _LONGEST:
            return {}
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _info(said: Mapping[str, Any]) -> str:
    return " ".join(str(said.get("info") or "").replace("*", " ").split())[:100]
