"""Files on their way to Slack: announced, sent as a stream, and shown by one message in the end.

https://docs.slack.dev/messaging/working-with-files#upload
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import IO, Final

import aiohttp

from tchap_bridge_slack import values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.composing import Post
from tchap_bridge_slack.people import one_line
from tchap_bridge_slack.refusals import Doubtful, Refused
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.outgoing import Attachment, Outgoing

_CHUNK: Final = 64 * 1024
_IN_MEMORY: Final = 1024 * 1024
_LOOKS: Final = 4


class Uploads:
    """``most``: bytes that a file may have."""

    def __init__(self, api: Api, most: int) -> None:
        self._api = api
        self._most = most

    async def all_of(self, message: Outgoing) -> tuple[list[str], list[str]]:
        """The ids of the files that are in Slack now, and the names of those that stay behind, with why.

        Nobody sees them yet. What was done by an earlier attempt is not done again.
        """
        ids: list[str] = []
        notes: list[str] = []
        for n, file in enumerate(message.files):
            name = name_for(file.name)
            try:
                if (why := message.left_out(n)) is not None:
                    raise why
                ids.append(message.steps.get(f"file.{n}") or await self._upload(file, name, message, f"file.{n}"))
            except Undeliverable as why:
                await message.leave_out(n, why)
                notes.append(_("[fichier non transmis : {name} ({why})]", name=name, why=why.reason))
        return ids, notes

    async def _upload(self, file: Attachment, name: str, message: Outgoing, step: str) -> str:
        if file.size is not None:
            self._check(file.size)
            async with file.open() as chunks:
                id_ = await self._send(name, file.size, chunks)
        else:  # Slack wants to know how long it is before it begins
            async with file.open() as chunks, self._spooled(chunks) as (spool, size):
                id_ = await self._send(name, size, _read(spool))
        await message.steps.done(step, id_)
        return id_

    def _check(self, size: int) -> None:
        if size > self._most:
            raise Undeliverable(
                _("Slack n'en accepte pas de plus de {n} Mo", n=self._most // 1_000_000),
                remedy=_("Envoyez un fichier plus petit, ou un lien."),
            )
        if size == 0:
            raise Undeliverable(_("Slack refuse les fichiers vides"))

    @asynccontextmanager
    async def _spooled(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[IO[bytes], int]]:
        """The bytes on disk, at most as many as may pass."""
        size = 0
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            async for chunk in chunks:
                size += len(chunk)
                if size > self._most:
                    self._check(size)
                await asyncio.to_thread(spool.write, chunk)
            self._check(size)
            spool.seek(0)
            yield spool, size

    async def _send(self, name: str, size: int, chunks: AsyncIterator[bytes]) -> str:
        client = self._api.client
        said = await self._api.do(
            "files.getUploadURLExternal", lambda: client.files_getUploadURLExternal(filename=name, length=size)
        )
        url, id_ = values.string(said, "upload_url"), values.string(said, "file_id")
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            async with self._api.http.post(
                url, data=_exactly(size, chunks), headers=headers, proxy=client.proxy
            ) as answer:
                status = answer.status
        except Undeliverable:
            raise
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, Undeliverable):
                raise error.__cause__ from None
            raise NotReady(_("l'envoi du fichier à Slack s'est interrompu")) from error
        if status >= 500 or status == 429:
            raise NotReady(_("Slack n'a pas pris le fichier ({code})", code=status))
        if status >= 400:
            raise Undeliverable(_("Slack a refusé le fichier ({code})", code=status))
        return id_

    # Showing them

    async def show(self, post: Post, channel: str, thread: str) -> str:
        """One message with the files; its ts. Raises as `Api.do`; `Refused` ``file_not_found`` when they are gone."""
        arguments = {
            "files": json.dumps([{"id": one} for one in post.files]),
            "channel_id": channel,
            **({"thread_ts": thread} if thread else {}),
            **({"blocks": json.dumps(post.blocks)} if post.blocks else {}),
        }
        client = self._api.client
        await self._api.do(
            "files.completeUploadExternal",
            lambda: client.api_call("files.completeUploadExternal", data=arguments),
            channel=channel,
        )
        ts = await self.shown(post.files, channel)
        if not ts:
            raise Doubtful(_("Slack n'a pas encore montré le fichier"), retry_after=1.0)
        return ts

    async def shown(self, files: Sequence[str], channel: str) -> str:
        """The ts of the message that shows them there; "" when they are in Slack no further than uploaded.

        Slack shows a file some moments after it has said so. Raises `Doubtful` meanwhile: once is enough.
        """
        client = self._api.client
        for _attempt in range(_LOOKS):
            try:
                said = await self._api.read("files.info", lambda: client.files_info(file=files[0]))
            except Refused:  # nobody is shown it yet, us included
                return ""
            shares = values.mapping(values.mapping(said.get("file")).get("shares"))
            for kind in ("public", "private"):
                for share in values.each(values.mapping(shares.get(kind)).get(channel)):
                    if ts := values.string(values.mapping(share), "ts"):
                        return ts
            await asyncio.sleep(0.5)
        raise Doubtful(_("Slack n'a pas encore montré le fichier"), retry_after=5.0)


def name_for(name: str) -> str:
    """A file's name on one line and in no folder."""
    return "".join(c for c in one_line(name) if c.isprintable()).replace("/", "_").replace("\\", "_") or "fichier"


async def _exactly(size: int, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes, as many as were announced: a file that is another than it was said to be is not sent in part."""
    left = size
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left:
        raise Undeliverable(_("le fichier n'a pas la taille annoncée"))


async def _read(spool: IO[bytes]) -> AsyncIterator[bytes]:
    while data := await asyncio.to_thread(spool.read, _CHUNK):
        yield data
