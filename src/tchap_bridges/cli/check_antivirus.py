"""What ``check`` asks of the antivirus: that it is there, that it takes a file, and that nobody reads along."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tchap_bridges.antivirus import scanners_of
from tchap_bridges.bridge import Finding, Level
from tchap_bridges.config import Settings
from tchap_bridges.core.ports import Outcome, Scanner, ScannerAway, Suspect
from tchap_bridges.fields import loopback
from tchap_bridges.i18n import _
from tchap_bridges.ids import FileRef

HARMLESS = b"tchap-bridges check"


async def antivirus(settings: Settings) -> Sequence[Finding]:
    """One finding for each antivirus; one that says so where there is none."""
    if settings.antivirus is None:
        return [
            Finding(
                subject="antivirus",
                level=Level.WARN,
                detail=_("aucun : les fichiers passent sans être contrôlés, dans les deux sens"),
                remedy=_("donnez la section « antivirus » (docs/operate/antivirus.md)"),
            )
        ]

    async def nowhere(suspect: Suspect) -> str:
        raise AssertionError(f"check puts nothing on the homeserver: {suspect.name}")

    token = settings.registration.as_token.get_secret_value()
    found = [
        await _asked(f"antivirus.{key}", scanner, takes_files=key == "clamd")
        for key, scanner in scanners_of(settings.antivirus, token=token, deposit=nowhere).items()
    ]
    place = settings.antivirus.clamd
    if place is not None and not place.unix and not loopback(place.host):
        found.append(
            Finding(
                subject="antivirus.clamd",
                level=Level.WARN,
                detail=_("les fichiers vont en clair à {host}", host=place.host),
                remedy=_("faites tourner clamd ici, ou passez par un tunnel chiffré"),
            )
        )
    return found


async def _asked(subject: str, scanner: Scanner, *, takes_files: bool) -> Finding:
    """A content scanner takes no bytes, and ``check`` sends nothing to the homeserver: it is only asked who it is."""
    try:
        name = await scanner.probe()
        outcome = (await scanner.scan(_harmless())).outcome if takes_files else Outcome.CLEAN
    except ScannerAway as error:
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=error.reason,
            remedy=_("lancez-le, ou corrigez son adresse : sans lui aucun fichier ne passe"),
        )
    if outcome is not Outcome.CLEAN:
        return Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("il refuse un fichier sans danger ({outcome})", outcome=outcome.value),
            remedy=_("vérifiez ses réglages et ses signatures"),
        )
    return Finding(subject=subject, level=Level.OK, detail=_("répond ({name})", name=name))


def _harmless() -> Suspect:
    @asynccontextmanager
    async def opened() -> AsyncIterator[AsyncIterator[bytes]]:
        async def once() -> AsyncIterator[bytes]:
            yield HARMLESS

        yield once()

    return Suspect(
        name="check.txt", mime="text/plain", size=len(HARMLESS), ref=FileRef(""), in_matrix=False, open=opened
    )
