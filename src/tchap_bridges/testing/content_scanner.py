"""A stand-in of a Matrix content scanner, written from its public description (matrix-content-scanner-python, api.md).

    async with ContentScanner(homeserver_url) as scanner:
        url = scanner.url

It fetches media from a real homeserver with the Authorization that it is sent, decrypts what is encrypted, and its
antivirus is a search for the EICAR test file, also inside of zip archives. What it cannot stand for: ``encrypted_body``
and what a real installation calls its findings.
"""

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from tchap_bridges.antivirus.content_scanner import PREFIX
from tchap_bridges.antivirus.kinds import by_content
from tchap_bridges.testing.clamd import eicar
from tchap_bridges.testing.ports import free_port

KEY = "GdwYYj5Ey9O96FMi4DjIhPhY604RuZg2Om98Kqh+3GE"


class Refusal(Exception):
    """An error of the API: HTTP status, reason and info."""

    def __init__(self, status: int, reason: str, info: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.info = status, reason, info


class ContentScanner:
    """``forbidden`` are types that it refuses; with ``hangs`` it takes requests and never answers.

    ``asked`` are the paths that it was asked for, in order.
    """

    def __init__(self, homeserver: str) -> None:
        self.homeserver = homeserver
        self.forbidden: set[str] = set()
        self.hangs = False
        self.asked: list[str] = []
        self.port = free_port()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        application = web.Application()
        application.add_routes(
            [
                web.get(f"{PREFIX}/public_key", self._public_key),
                web.get(f"{PREFIX}/scan/{{server}}/{{media}}", self._scan),
                web.get(f"{PREFIX}/download/{{server}}/{{media}}", self._download),
                web.post(f"{PREFIX}/scan_encrypted", self._scan_encrypted),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _public_key(self, _request: web.Request) -> web.Response:
        return web.json_response({"public_key": KEY})

    async def _scan(self, request: web.Request) -> web.Response:
        await self._noted(request)
        try:
            data = await self._fetched(request, request.match_info["server"], request.match_info["media"])
            return web.json_response(self._judged(data))
        except Refusal as refusal:
            return _refused(refusal)

    async def _download(self, request: web.Request) -> web.Response:
        await self._noted(request)
        try:
            data = await self._fetched(request, request.match_info["server"], request.match_info["media"])
            if not self._judged(data)["clean"]:
                return _refused(Refusal(403, "MCS_MEDIA_NOT_CLEAN", "***VIRUS DETECTED***"))
        except Refusal as refusal:
            return _refused(refusal)
        return web.Response(body=data)

    async def _scan_encrypted(self, request: web.Request) -> web.Response:
        await self._noted(request)
        try:
            try:
                file = (await request.json())["file"]
                server, media = file["url"].removeprefix("mxc://").split("/")
            except (ValueError, KeyError, TypeError):
                raise Refusal(400, "MCS_MALFORMED_JSON", "no file is named") from None
            return web.json_response(self._judged(_decrypted(file, await self._fetched(request, server, media))))
        except Refusal as refusal:
            return _refused(refusal)

    async def _noted(self, request: web.Request) -> None:
        self.asked.append(request.path.removeprefix(PREFIX))
        if self.hangs:
            await asyncio.Event().wait()

    async def _fetched(self, request: web.Request, server: str, media: str) -> bytes:
        authorization = request.headers.get("Authorization")
        if authorization is None:
            raise Refusal(404, "M_NOT_FOUND", "the media is for users only")
        url = f"{self.homeserver}/_matrix/client/v1/media/download/{server}/{media}"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"Authorization": authorization}) as answer:
            if answer.status == 404:
                raise Refusal(404, "M_NOT_FOUND", "there is no such media")
            if answer.status != 200:
                raise Refusal(502, "MCS_MEDIA_REQUEST_FAILED", f"the homeserver answered {answer.status}")
            return await answer.read()

    def _judged(self, data: bytes) -> dict[str, Any]:
        if by_content(data) in self.forbidden:
            raise Refusal(403, "MCS_MIME_TYPE_FORBIDDEN", f"{by_content(data)} is not allowed")
        clean = not infected(data)
        return {"clean": clean, "info": "File is clean" if clean else "***VIRUS DETECTED***"}


def infected(data: bytes) -> bool:
    """Whether the EICAR test file is in it, also in an archive in an archive."""
    if eicar() in data:
        return True
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return False
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return any(infected(archive.read(name)) for name in archive.namelist())


def encrypted(data: bytes, mxc: str) -> tuple[bytes, dict[str, Any]]:
    """``data`` as an encrypted attachment, and the EncryptedFile that names and opens it, once it lies at ``mxc``."""
    key, iv = hashlib.sha256(data).digest(), bytes(16)
    sealed = _counted(key, iv, data)
    file = {
        "v": "v2",
        "url": mxc,
        "key": {
            "alg": "A256CTR",
            "ext": True,
            "k": base64.urlsafe_b64encode(key).decode().rstrip("="),
            "key_ops": ["encrypt", "decrypt"],
            "kty": "oct",
        },
        "iv": base64.b64encode(iv).decode().rstrip("="),
        "hashes": {"sha256": base64.b64encode(hashlib.sha256(sealed).digest()).decode().rstrip("=")},
    }
    return sealed, file


def _decrypted(file: dict[str, Any], sealed: bytes) -> bytes:
    try:
        if hashlib.sha256(sealed).digest() != _bytes(file["hashes"]["sha256"]):
            raise Refusal(400, "MCS_MEDIA_FAILED_TO_DECRYPT", "the hash differs")
        return _counted(_bytes(file["key"]["k"]), _bytes(file["iv"]), sealed)
    except (KeyError, TypeError, ValueError):
        raise Refusal(400, "MCS_MEDIA_FAILED_TO_DECRYPT", "the key is malformed") from None


def _counted(key: bytes, iv: bytes, data: bytes) -> bytes:
    """AES-256 in counter mode: the same both ways."""
    cipher = Cipher(AES(key), CTR(iv)).encryptor()
    return cipher.update(data) + cipher.finalize()


def _bytes(text: str) -> bytes:
    """Base64 of either alphabet, without padding."""
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4))


def _refused(refusal: Refusal) -> web.Response:
    said = json.dumps({"reason": refusal.reason, "info": refusal.info})
    return web.Response(status=refusal.status, text=said, content_type="application/json")
