"""Antiviruses: what the core's `Scanner` is, outside of it. `scanners_of` reads the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tchap_bridges.antivirus.clamd import Clamd
from tchap_bridges.antivirus.content_scanner import ContentScanner, Deposit
from tchap_bridges.antivirus.kinds import Types
from tchap_bridges.config.models import Antivirus
from tchap_bridges.core.ports import Outcome, Scanner, Suspect, Verdict
from tchap_bridges.core.screening import Checks


@dataclass(frozen=True, slots=True)
class All:
    """Several antiviruses, one after the other: what is clean is so for each of them."""

    scanners: Sequence[Scanner]

    async def scan(self, suspect: Suspect) -> Verdict:
        for scanner in self.scanners:
            verdict = await scanner.scan(suspect)
            if verdict.outcome is not Outcome.CLEAN:
                return verdict
        return Verdict(outcome=Outcome.CLEAN)

    async def probe(self) -> str:
        return ", ".join([await scanner.probe() for scanner in self.scanners])


def scanners_of(settings: Antivirus, *, token: str, deposit: Deposit) -> Mapping[str, Scanner]:
    """By the key that sets each up. clamd first: what it finds is never put on the homeserver."""
    found: dict[str, Scanner] = {}
    if settings.clamd is not None:
        found["clamd"] = Clamd(settings.clamd, seconds=settings.seconds)
    if settings.content_scanner is not None:
        found["content_scanner"] = ContentScanner(settings.content_scanner, token, deposit, seconds=settings.seconds)
    return found


def checks_of(settings: Antivirus | None, *, token: str, deposit: Deposit) -> Checks | None:
    """What the core is to do; None where the operator has set nothing up."""
    if settings is None:
        return None
    types = Types(settings.allowed, settings.forbidden)
    return Checks(
        scanner=All(tuple(scanners_of(settings, token=token, deposit=deposit).values())),
        largest=settings.largest_mb * 1_000_000,
        patience=settings.patience,
        refused=types.refused,
    )
