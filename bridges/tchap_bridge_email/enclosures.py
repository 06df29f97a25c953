"""Files on their way into a mail: read, counted, and told by name where they cannot go along."""

from collections.abc import Sequence

from tchap_bridge_email.compose import Enclosure
from tchap_bridges.bridge import Attachment
from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import _


async def enclose(files: Sequence[Attachment], budget: int) -> tuple[list[Enclosure], list[str]]:
    """The files that fit into ``budget`` bytes together, and a sentence for each that does not.

    Raises what `Attachment.open` raises, but for `Undeliverable`: a file that is gone does not hold its text back.
    """
    enclosures: list[Enclosure] = []
    missing: list[str] = []
    for file in files:
        try:
            data = await _read(file, budget)
        except Undeliverable as error:
            missing.append(_("Pièce jointe non transmise : {name} ({why})", name=file.name, why=error.reason))
            continue
        if data is None:
            missing.append(too_big(file.name))
            continue
        budget -= len(data)
        enclosures.append(Enclosure(name=file.name, mime=file.mime, data=data))
    return enclosures, missing


def too_big(name: str) -> str:
    return _("Pièce jointe non transmise : {name} (trop volumineuse pour un courriel)", name=name)


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
