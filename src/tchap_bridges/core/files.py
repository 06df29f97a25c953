"""Files on their way: whatever network named one, its bytes are opened the same way, again for each attempt, and pass
the same gate (`screening`).

What cannot go along is left out for good (`outgoing.Outgoing.leave_out`), and whoever sent it reads why.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

import structlog

from tchap_bridges.bridge import OpensFiles
from tchap_bridges.core.ports import Row, Suspect
from tchap_bridges.core.screening import Docket, Screen
from tchap_bridges.errors import BridgeError, RemoteViolation, Undeliverable
from tchap_bridges.events import Author, File, Message
from tchap_bridges.i18n import Translator, _, ngettext
from tchap_bridges.ids import FileRef
from tchap_bridges.outgoing import Attachment, Outgoing, no_public_address

CHUNK = 1 << 16
NAME = 80  # characters of a file's name in a notice
PERHAPS = _("Un nouvel envoi, ou un lien, passera peut-être.")

log = structlog.get_logger(__name__)
OpenBytes = Callable[[Row, FileRef], Awaitable["bytes | OpensFiles"]]


async def _unchecked() -> None:
    """There is nothing to look at."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """`outgoing.Attachment`: opened through the place where the message came from.

    ``checker`` raises `Undeliverable` for what may not go anywhere, and `NotReady` while that is not known.
    """

    name: str
    mime: str
    size: int | None
    opener: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
    linker: Callable[[], Awaitable[str]]
    checker: Callable[[], Awaitable[object]] = _unchecked

    def open(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self.opener()

    async def link(self) -> str:
        await self.checker()
        return await self.linker()


class Files:
    """``find`` gives the bytes of a file that lies in the inbox, or the connection that can fetch it."""

    def __init__(self, find: OpenBytes, screen: Screen) -> None:
        self._find = find
        self._screen = screen

    def of(
        self, message: Row, event: Message, link: Callable[[int, str], Awaitable[str]], docket: Docket
    ) -> tuple[SentFile, ...]:
        """``link`` makes a URL of a part of the message; the files are its parts from 1 on."""
        return tuple(
            self._sent(message, file, partial(link, part, file.name), docket, part)
            for part, file in enumerate(event.files, start=1)
        )

    def portrait(self, message: Row, author: Author | None) -> SentFile | None:
        """The picture of an author whose network has it."""
        file = author.avatar if author is not None and str(message["origin"]).startswith("link:") else None
        return self._sent(message, file, no_public_address, None, 0) if file is not None else None

    def opener(self, message: Row, file: File) -> Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]:
        return partial(self._screen.opened, self._suspect(message, file))

    def _sent(
        self, message: Row, file: File, link: Callable[[], Awaitable[str]], docket: Docket | None, part: int
    ) -> SentFile:
        suspect = self._suspect(message, file)
        opener = partial(self._screen.opened, suspect, docket, part)
        checker = partial(self._screen.check, suspect, docket, part)
        return SentFile(file.name, file.mime, file.size, opener, link, checker)

    def _suspect(self, message: Row, file: File) -> Suspect:
        return Suspect(
            name=file.name,
            mime=file.mime,
            size=file.size,
            ref=file.ref,
            in_matrix=not str(message["origin"]).startswith("link:"),
            open=partial(self._opened, message, file),
        )

    @asynccontextmanager
    async def _opened(self, message: Row, file: File) -> AsyncIterator[AsyncIterator[bytes]]:
        """Not to be given to anybody but the gate."""
        try:
            found = await self._find(message, file.ref)
        except RemoteViolation as error:
            raise Undeliverable(_("son contenu ne peut pas être lu")) from error
        except BridgeError:
            raise
        except Exception as error:  # the text that came with it goes on without it
            log.exception("files.unreadable", message=message["id"])
            raise Undeliverable(_("son contenu ne peut pas être lu")) from error
        if isinstance(found, OpensFiles):
            async with found.open_file(file.ref) as chunks:
                yield chunks
        else:
            yield _chunks(found)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]


# What does not go along


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The name of a file, or that it is the end of the text, and why it stays here."""

    name: str
    why: Undeliverable


async def screen(message: Outgoing) -> None:
    """Have its files looked at, and leave out those that may not go along.

    Raises `NotReady` while that is not known of each: without them it would be taken for whole.
    """
    for n, file in enumerate(message.files):
        if isinstance(file, SentFile) and message.left_out(n) is None:
            try:
                await file.checker()
            except Undeliverable as why:
                await message.leave_out(n, why)


def without_left_out(message: Outgoing) -> Outgoing:
    """As it is handed to a connection: what is left out can be opened no more."""
    whole: tuple[Attachment, ...] = tuple(
        file
        if (why := message.left_out(n)) is None
        else SentFile(file.name, file.mime, file.size, _refused(why), file.link)
        for n, file in enumerate(message.files)
    )
    return replace(message, files=whole)


def kept_back(files: Sequence[SentFile], why: Undeliverable) -> tuple[SentFile, ...]:
    """Files that are not to leave: neither their bytes nor their names, and no link to them."""

    async def no_link() -> str:
        raise Undeliverable(why.reason, remedy=why.remedy)

    return tuple(SentFile(_("fichier"), "application/octet-stream", None, _refused(why), no_link) for _file in files)


def left_out(message: Outgoing) -> Sequence[LeftOut]:
    """What of it was left out, once it was sent."""
    found = ((file.name, message.left_out(n)) for n, file in enumerate(message.files))
    left = [LeftOut(name=" ".join(name.split())[:NAME] or "fichier", why=why) for name, why in found if why is not None]
    if (why := message.left_out(None)) is not None:
        left.insert(0, LeftOut(name=_("le reste du texte"), why=why))
    return left


def told(left: Sequence[LeftOut], where: str, words: Translator) -> str:
    """What whoever sent them reads: a line for each reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for file in left:
        names.setdefault((words(file.why.reason), words(file.why.remedy)), []).append(words(file.name))
    lines = []
    for (why, remedy), those in names.items():
        line = ngettext(
            "⚠ {names} n'est pas parti vers {where} : {why}.",
            "⚠ {names} ne sont pas partis vers {where} : {why}.",
            len(those),
            names=", ".join(those),
            where=where,
            why=why,
        )
        lines.append(f"{words(line)} {remedy or words(PERHAPS)}")
    return "\n".join(lines)


def _refused(why: Undeliverable) -> Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
        raise Undeliverable(why.reason, remedy=why.remedy)
        yield

    return opened
