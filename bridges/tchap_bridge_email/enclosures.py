"""Files on their way into a mail: read, counted, and told by name to both sides where they cannot go along."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridge_email.compose import Enclosure
from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.outgoing import Attachment, Outgoing

LIGHTER = _("Envoyez une pièce jointe plus légère, ou un lien.")


async def enclose(message: Outgoing, budget: int) -> dict[int, Enclosure]:
    """The files that fit into ``budget`` bytes together, by their place in the message; the others are left out.

    Raises what `Attachment.open` raises, but for `Undeliverable`: a file that is gone does not hold its text back.
    """
    enclosures: dict[int, Enclosure] = {}
    left = budget
    for n, file in enumerate(message.files):
        try:
            data = await _read(file, left)
        except Undeliverable as error:
            await message.leave_out(n, error)
            continue
        if data is None:
            await message.leave_out(n, _too_big(budget))
            continue
        left -= len(data)
        enclosures[n] = Enclosure(name=file.name, mime=file.mime, data=data)
    return enclosures


def missing(message: Outgoing) -> list[str]:
    """A sentence on each file that was left out, for whoever gets the mail."""
    found = ((file.name, message.left_out(n)) for n, file in enumerate(message.files))
    return [
        _("Pièce jointe non transmise : {name} ({why})", name=name, why=why.reason)
        for name, why in found
        if why is not None
    ]


class Space:
    """Memory for the mails with files that are leaving: that of two as large as may be, in the order of asking.

    How large a file is nobody knows before it is read: `Attachment.size` is its sender's word. So each mail is given
    room for the largest, one after the other, and gives back what it does not need (`Held.keep`) once it is made.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._free = 2 * largest
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def of(self, files: Sequence[Attachment]) -> AsyncIterator["Held"]:
        """Wait until there is room for these, and hold it: for a mail as large as may be, if there are any at all."""
        wanted = self._largest if files else 0
        async with self._turn:  # a large one is not passed by small ones for ever
            while self._free < wanted:
                self._freed.clear()
                await self._freed.wait()
            self._free -= wanted
        held = Held(self, wanted)
        try:
            yield held
        finally:
            held.keep(0)

    def release(self, size: int) -> None:
        self._free += size
        self._freed.set()


class Held:
    """A part of the space. ``keep`` gives back what turned out not to be needed."""

    def __init__(self, space: Space, size: int) -> None:
        self._space, self._size = space, size

    def keep(self, size: int) -> None:
        if size < self._size:
            self._space.release(self._size - size)
            self._size = size


def _too_big(budget: int) -> Undeliverable:
    return Undeliverable(
        _("un courriel porte ici {size} Mo de pièces jointes au plus", size=max(1, budget // 1_000_000)), remedy=LIGHTER
    )


async def _read(file: Attachment, budget: int) -> bytes | None:
    """All of the file, or None as soon as it is known to be too big."""
    if file.size is not None and file.size > budget:
        return None
    held = bytearray()
    async with file.open() as chunks:
        async for chunk in chunks:
            held += chunk
            if len(held) > budget:
                return None
    return bytes(held)
