"""Files are looked at before they go anywhere: the one gate that the bytes of every file pass, whatever way they go.

A file is read twice: once to be looked at, and only then to be sent. What is sent is compared with what was looked at,
and its end is kept back until both are the same: nobody is given other bytes than those that were found clean.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import structlog

from tchap_bridges.core import clock
from tchap_bridges.core.ports import Meter, Outcome, Scanner, ScannerAway, Suspect, Tx, Verdict
from tchap_bridges.errors import Undeliverable
from tchap_bridges.i18n import Phrase, _
from tchap_bridges.logs import harmless

HEAD = 8192
"""Bytes from which the type of a file is told."""
SIDE_BY_SIDE = 4  # files that are looked at: a scanner has few threads, and other users
STEP = "scan."
"""The steps of a row that keep what was found (``scan.<part>``), and since when the scanner is away."""
SINCE = "scan.since"

log = structlog.get_logger(__name__)
Also = Callable[[Tx], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """What the operator has set up. ``refused(name, declared type, first bytes)`` is the type that may not pass, or ''.

    ``largest``: bytes of a file. ``patience``: seconds for which a file waits for a scanner that is away.
    """

    scanner: Scanner
    largest: int
    patience: float
    refused: Callable[[str, str, bytes], str] = lambda _name, _mime, _head: ""


class Held(Undeliverable):
    """A file that stays where it is."""

    def __init__(self, verdict: Verdict) -> None:
        reason, remedy = _words(verdict)
        super().__init__(reason, remedy=remedy)
        self.verdict = verdict


class Keeps(Protocol):
    """The steps of a row."""

    def get(self, step: str) -> str | None: ...
    async def done(self, step: str, result: str, *, also: Also | None = None) -> None:
        """On disk when it returns, with all that ``also`` writes, or nothing of both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """Where it is kept what became of the files of one row, and what the audit says of it."""

    steps: Keeps
    who: str
    room: str
    link: str
    where: str
    """As for a `Meter`."""


class Screen:
    """Looks at each file once for each row; without ``checks`` everything passes."""

    def __init__(self, checks: Checks | None, meter: Meter) -> None:
        self._checks = checks
        self._meter = meter
        self._turns = asyncio.Semaphore(SIDE_BY_SIDE)
        self._away_since: int | None = None

    async def check(self, suspect: Suspect, docket: Docket | None = None, part: int = 0) -> str:
        """Look at the file, if that is not done; returns the hash of its bytes, '' where nothing is looked at.

        Raises `Held`, and `NotReady` while the scanner is away. With a ``docket`` it is away for a time only: then the
        file is held. What is found is kept there as that of this ``part``; without one it is found anew each time.
        """
        if self._checks is None:
            return ""
        kept = docket.steps.get(f"{STEP}{part}") if docket is not None else None
        if kept is not None:
            outcome, detail, found = json.loads(kept)
            verdict, digest = Verdict(outcome=Outcome(outcome), detail=detail), str(found)
        else:
            verdict, digest = await self._found(self._checks, suspect, docket)
            if docket is not None:
                also = partial(_audited, docket, verdict) if verdict.outcome is not Outcome.CLEAN else None
                said = json.dumps([verdict.outcome, verdict.detail, digest])
                await docket.steps.done(f"{STEP}{part}", said, also=also)
            self._meter.count(verdict.outcome, docket.where if docket is not None else "link")
        if verdict.outcome is not Outcome.CLEAN:
            raise Held(verdict)
        return digest

    @asynccontextmanager
    async def opened(
        self, suspect: Suspect, docket: Docket | None = None, part: int = 0
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes that were looked at, streamed. Raises what `check` does, and `Held` at their end if they differ."""
        digest = await self.check(suspect, docket, part)
        async with suspect.open() as chunks:
            yield _the_same(chunks, digest) if digest else chunks

    async def _found(self, checks: Checks, suspect: Suspect, docket: Docket | None) -> tuple[Verdict, str]:
        try:
            async with self._turns:
                verdict, digest = await _looked_at(checks, suspect)
        except Held as held:  # by us, for its size or type: what the scanner would say of it matters no more
            return held.verdict, ""
        except ScannerAway as error:
            log.warning("screening.away", **harmless(error))
            now = clock.now()
            self._away_since = min(self._away_since or now, now)
            if docket is None or not await self._waited(checks, docket, now):
                raise
            return Verdict(outcome=Outcome.AWAY), ""
        self._away_since = None
        if verdict.outcome is not Outcome.CLEAN:
            log.warning("screening.held", outcome=verdict.outcome.value, detail=verdict.detail)
        return verdict, digest

    async def _waited(self, checks: Checks, docket: Docket, now: int) -> bool:
        """Whether it has waited its time: since it was first tried, or with others since the scanner is away."""
        own = docket.steps.get(SINCE)
        if own is None:
            await docket.steps.done(SINCE, str(now))
        first = min(int(own) if own is not None else now, self._away_since or now)
        return now - first >= checks.patience * 1000


async def _audited(docket: Docket, verdict: Verdict, tx: Tx) -> None:
    await tx.run(
        "audit_add",
        at=clock.now(),
        who=docket.who,
        what=verdict.outcome.value,
        room=docket.room,
        detail=docket.link,
        rule=verdict.detail,
    )


async def _looked_at(checks: Checks, suspect: Suspect) -> tuple[Verdict, str]:
    reading = _Reading(suspect, checks)
    watched = replace(suspect, open=reading.open)
    verdict = await checks.scanner.scan(watched)
    if verdict.outcome is not Outcome.CLEAN:
        return verdict, ""
    if not reading.digests:  # the scanner has bytes of its own
        async with watched.open() as chunks:
            async for _chunk in chunks:
                pass
    if len(reading.digests) != 1:
        return Verdict(outcome=Outcome.CHANGED), ""
    return verdict, reading.digests.pop()


@dataclass(slots=True)
class _Reading:
    """Every reading of a file while it is looked at. ``digests`` are those of the readings that came to its end."""

    suspect: Suspect
    checks: Checks
    digests: set[str] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[bytes]]:
        if (self.suspect.size or 0) > self.checks.largest:
            raise Held(Verdict(outcome=Outcome.TOO_LARGE))
        async with self.suspect.open() as chunks:
            yield self._watched(chunks)

    async def _watched(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size, digest, head, judged = 0, hashlib.sha256(), b"", False
        async for chunk in chunks:
            size += len(chunk)
            if size > self.checks.largest:
                raise Held(Verdict(outcome=Outcome.TOO_LARGE))
            digest.update(chunk)
            if not judged:
                head += chunk[: HEAD - len(head)]
                if judged := len(head) == HEAD:
                    self._judge(head)
            yield chunk
        if not judged:
            self._judge(head)
        self.digests.add(digest.hexdigest())

    def _judge(self, head: bytes) -> None:
        if kind := self.checks.refused(self.suspect.name, self.suspect.mime, head):
            raise Held(Verdict(outcome=Outcome.FORBIDDEN, detail=kind))


async def _the_same(chunks: AsyncIterator[bytes], expected: str) -> AsyncIterator[bytes]:
    """The chunks, each behind the next one: the last comes when they are known to be what was looked at."""
    digest, last = hashlib.sha256(), b""
    async for chunk in chunks:
        digest.update(chunk)
        if last:
            yield last
        last = chunk
    if digest.hexdigest() != expected:
        raise Held(Verdict(outcome=Outcome.CHANGED))
    if last:
        yield last


def _words(verdict: Verdict) -> tuple[Phrase, Phrase]:
    """The reason and the remedy, for whoever has sent it."""
    match verdict.outcome:
        case Outcome.INFECTED:
            return (
                _("l'antivirus y a trouvé un programme malveillant ({name})", name=verdict.detail or "?"),
                _("Ne le renvoyez pas, et prévenez votre équipe de sécurité informatique."),
            )
        case Outcome.FORBIDDEN:
            return (
                _("les fichiers de ce type ne passent pas ici ({kind})", kind=verdict.detail or "?"),
                _("Envoyez-le sous une autre forme, par exemple en PDF."),
            )
        case Outcome.TOO_LARGE:
            return (
                _("il est trop grand pour être contrôlé par l'antivirus"),
                _("Envoyez un fichier plus petit, ou un lien."),
            )
        case Outcome.UNREADABLE:
            return (
                _("l'antivirus n'a pas pu le lire ({why})", why=verdict.detail or "?"),
                _("Envoyez-le de nouveau, sans mot de passe."),
            )
        case Outcome.CHANGED:
            return (_("il a changé depuis que l'antivirus l'a contrôlé"), _("Envoyez-le de nouveau."))
        case Outcome.CLEAN | Outcome.AWAY:
            return (
                _("l'antivirus ne répond pas, et rien ne passe sans avoir été contrôlé"),
                _("Renvoyez-le plus tard, ou prévenez l'exploitant du pont."),
            )
