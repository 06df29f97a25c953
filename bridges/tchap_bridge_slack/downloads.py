"""Files of Slack and people's pictures, streamed. Our token is shown to Slack alone.

Nothing is fetched but from Slack and from where it keeps pictures: whoever posts through an app of theirs may write any
address beside their name, one in the operator's own network too.

https://docs.slack.dev/reference/objects/file-object ("url_private"): a token that is not good for a file gets a page to
sign in, with status 200.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import aiohttp

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.people import AVATAR
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.ids import FileRef

_CHUNK: Final = 64 * 1024
_REDIRECTS: Final = 3
_SLACK: Final = ("slack.com", "slack-files.com")
_PICTURES: Final = (*_SLACK, "slack-edge.com", "slack-imgs.com", "gravatar.com", "i0.wp.com", "i1.wp.com", "i2.wp.com")
"""Gravatar, and wp.com to which it redirects, for people who have given Slack no picture."""


class Downloads:
    """``most``: bytes that a file may have."""

    def __init__(self, api: Api, most: int) -> None:
        self._api = api
        self._most = most

    @asynccontextmanager
    async def open(self, ref: FileRef) -> AsyncIterator[AsyncIterator[bytes]]:
        """Raises `Undeliverable` for what is gone or not ours to see, `NotReady` when Slack does not answer."""
        if ref.startswith(AVATAR):
            async with self._get(ref.removeprefix(AVATAR), {}, _PICTURES, mime="image/") as chunks:
                yield chunks
            return
        kind, _space, id_ = ref.partition(" ")
        if kind != "file" or not id_:
            raise Undeliverable(_("Slack n'a pas ou plus ce fichier"))
        file = await self._info(id_)
        url = values.string(file, "url_private_download") or values.string(file, "url_private")
        size = file.get("size")
        if isinstance(size, int) and size > self._most:
            raise Undeliverable(_("ce fichier dépasse {n} Mo", n=self._most // 1_000_000))
        if not self._is_at(url, _SLACK):
            raise Undeliverable(_("ce fichier n'est pas chez Slack : l'application ne peut pas le lire"))
        async with self._get(url, self._api.bearer, _SLACK, mime=values.string(file, "mimetype"), size=size) as chunks:
            yield chunks

    async def _info(self, id_: str) -> Mapping[str, Any]:
        client = self._api.client
        said = await self._api.read("files.info", lambda: client.files_info(file=id_))
        return values.mapping(said.get("file"))

    def _is_at(self, url: str, hosts: Sequence[str]) -> bool:
        """Whether it is the API's own address, or one of these domains or below them, by HTTPS."""
        try:
            parts, ours = urlsplit(url), urlsplit(self._api.base)
            if (parts.scheme, parts.hostname, parts.port) == (ours.scheme, ours.hostname, ours.port):
                return True
            host = parts.hostname or ""
        except ValueError:
            return False
        return parts.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in hosts)

    @asynccontextmanager
    async def _get(
        self, url: str, headers: Mapping[str, str], hosts: Sequence[str], *, mime: str, size: Any = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            for _hop in range(_REDIRECTS):
                if not self._is_at(url, hosts):
                    raise _not_ours()
                async with self._api.http.get(
                    url, headers=headers, allow_redirects=False, proxy=self._api.client.proxy
                ) as answer:
                    if answer.status in {301, 302, 303, 307, 308}:
                        url = _next(url, answer.headers.get("Location", ""))
                        continue
                    self._check(answer, mime, size)
                    yield self._chunks(answer)
                    return
        except (aiohttp.ClientError, OSError) as error:
            raise NotReady(_("le fichier ne se lit pas chez Slack")) from error
        raise _not_ours()

    def _check(self, answer: aiohttp.ClientResponse, mime: str, size: Any) -> None:
        if answer.status in {404, 410}:
            raise Undeliverable(_("Slack n'a pas ou plus ce fichier"))
        if answer.status == 429 or answer.status >= 500:
            raise NotReady(_("le fichier ne se lit pas chez Slack ({code})", code=answer.status))
        if answer.status != 200:
            raise _not_ours()
        page = answer.content_type == "text/html"
        if page and (not mime.startswith("text/html") or (isinstance(size, int) and answer.content_length != size)):
            raise _not_ours()
        if mime == "image/" and not answer.content_type.startswith("image/"):
            raise Undeliverable(_("cette image n'en est pas une"))

    async def _chunks(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in answer.content.iter_chunked(_CHUNK):
            read += len(chunk)
            if read > self._most:
                raise Undeliverable(_("ce fichier dépasse {n} Mo", n=self._most // 1_000_000))
            yield chunk


def _next(url: str, location: str) -> str:
    """Where a redirect leads, "" for nowhere."""
    try:
        return urljoin(url, location)
    except ValueError:
        return ""


def _not_ours() -> Undeliverable:
    return Undeliverable(
        _("Slack ne laisse pas l'application lire ce fichier"),
        remedy=_("L'exploitant vérifie que l'application a le droit files:read."),
    )
