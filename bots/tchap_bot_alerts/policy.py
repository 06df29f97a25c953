"""When a room wants to be told: at once, by the day, not at night. Pure; instants come in and go out."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from tchap_bot_alerts.notice import Notice, Severity


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``start`` up to ``end``, over midnight when that is earlier; never when both are the same."""

    start: time
    end: time

    def over(self, now: datetime, zone: tzinfo) -> datetime | None:
        """When the hours that *now* lies in are over; None outside of them."""
        local = now.astimezone(zone)
        at = local.time()
        day = local.date()
        if self.start < self.end:
            inside = self.start <= at < self.end
        else:
            inside = self.start != self.end and (at >= self.start or at < self.end)
            day += timedelta(days=at >= self.start)
        if not inside:
            return None
        end = datetime.combine(day, self.end, zone)
        # The hour that comes twice in autumn: its first end may lie behind us.
        return _instant(end) if _instant(end) > now else _instant(end.replace(fold=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a room admin chose.

    ``window``: so long, notices of one group share one message, and what comes again after it was over is the same
    trouble. ``quiet``: hours in which nothing is said, ``digest``: times of the day at which all is said at once, ()
    for at once; both by the clock of ``zone``. ``through``: what is as bad is said at once all the same. ``repeat``:
    what goes on is said again when its sender repeats it after so long, None for never. ``unannounced``: whether the
    end of what nobody was told of is told. ``muted``: until then nothing at all is said. ``crowded``: the room has just
    been told so much that what comes is added to what was said last.
    """

    window: timedelta = timedelta(0)
    quiet: Hours | None = None
    digest: tuple[time, ...] = ()
    through: Severity | None = None
    repeat: timedelta | None = None
    unannounced: bool = True
    muted: datetime | None = None
    crowded: bool = False
    zone: tzinfo = field(default=UTC)

    def held(self, notice: Notice, now: datetime) -> datetime | None:
        """Until when this waits; None when it is said at once."""
        passes = self.through is not None and notice.severity.rank >= self.through.rank
        if (until := self._muted(now)) is not None:
            return until if passes else self.due(until) or until
        return None if passes else self.due(now)

    def due(self, now: datetime) -> datetime | None:
        """When what waits from *now* on is said; None when nothing has to wait."""
        until = self._next_digest(now) if self.digest else now
        if self.quiet is not None:
            until = self.quiet.over(until, self.zone) or until
        return until if until > now else None

    def silent(self, now: datetime) -> datetime | None:
        """Until when it is quiet; None when it is not."""
        if (until := self._muted(now)) is not None:
            return until
        return self.quiet.over(now, self.zone) if self.quiet is not None else None

    def _muted(self, now: datetime) -> datetime | None:
        return self.muted if self.muted is not None and now < self.muted else None

    def _next_digest(self, now: datetime) -> datetime:
        today: date = now.astimezone(self.zone).date()
        days = (today, today + timedelta(days=1), today + timedelta(days=2))
        times = (_instant(datetime.combine(day, at, self.zone)) for day in days for at in self.digest)
        return min(when for when in times if when > now)


def _instant(local: datetime) -> datetime:
    return local.astimezone(UTC)
