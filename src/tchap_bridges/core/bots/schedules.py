"""When the schedules of a bot come: from what its class declares, and what is set in a room, to moments. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Final, Self
from zoneinfo import ZoneInfo

from tchap_bridges.bot import Bot, CatchUp, RoomConfig, Schedule
from tchap_bridges.dates import Ambiguous, Recurrence, Refused, parse, recurrence, said_recurrence
from tchap_bridges.dates.recurrence import Daily, Weekly
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _
from tchap_bridges.roomconfig.values import listed

MOST: Final = 100
"""So many missed times are called for by `CatchUp.ALL`: the last ones."""
LATE: Final = timedelta(minutes=5)
"""What is later than this is nothing for `CatchUp.NONE`."""
MARK: Final = "@"
"""What the key of a schedule's timer begins with; that of an order of the bot's own never does (`ordered`)."""
_DAY: Final = timedelta(days=1)
_WORKDAYS: Final = Weekly((0, 1, 2, 3, 4), holidays=False)
_EXAMPLE: Final = _("Exemple : tous les lundis à 9h")
_TIME: Final = _("Exemple : 9h30")


def key_of(handler: str) -> str:
    """Of the timer of a schedule; ``handler`` is an identifier, so that none begins with the mark."""
    return f"{MARK}{handler}"


def ordered(key: str) -> str:
    """Of the timer of what a bot has ordered under its own ``key``, whatever that is."""
    return f"{MARK}{key}" if key.startswith(MARK) else key


def is_schedule(key: str) -> bool:
    return key.startswith(MARK) and not key.startswith(2 * MARK)


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again, ``span`` apart, whatever the clocks on the walls do."""

    span: timedelta

    def next(self, after: datetime, zone: ZoneInfo) -> datetime:
        """``after`` is one of them."""
        del zone
        return after + self.span

    def __str__(self) -> str:
        return f"every {self.span // timedelta(milliseconds=1)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When a handler is called, and what becomes of times that were missed. All moments are aware, in UTC."""

    rule: Recurrence | Every
    catch_up: CatchUp

    def first(self, now: datetime, zone: ZoneInfo) -> datetime:
        """When it comes for the first time, as of now."""
        return self.rule.next(now, zone)

    def next(self, called: datetime, zone: ZoneInfo) -> datetime:
        """The time after one that was called for: later, whatever the clock says now, so that none comes twice."""
        return self.rule.next(called, zone)

    def coming(self, due: datetime, now: datetime, zone: ZoneInfo) -> datetime:
        """The time to be called for, now or, if it is later than that, then. ``due``: the first not called for yet."""
        match self.catch_up:
            case _ if due > now:
                return due
            case CatchUp.NONE:
                return self._not_before(due, now - LATE, zone)
            case CatchUp.ONCE:
                return self._last(due, now, zone, 1)
            case CatchUp.ALL:
                return self._last(due, now, zone, MOST)

    def _not_before(self, due: datetime, floor: datetime, zone: ZoneInfo) -> datetime:
        if due >= floor:
            return due
        if isinstance(self.rule, Every):
            return due - (due - floor) // self.rule.span * self.rule.span
        return self.rule.next(floor - timedelta.resolution, zone)

    def _last(self, due: datetime, now: datetime, zone: ZoneInfo, most: int) -> datetime:
        """The first of the last ones, ``most`` of them at most, from ``due`` until now."""
        if isinstance(self.rule, Every):
            return due + max(0, (now - due) // self.rule.span - most + 1) * self.rule.span
        back = _DAY
        while True:  # from now backwards: we may have been away for years, and the last ones are looked for
            start = max(due, now - back)
            found = deque([due] if start == due else [], maxlen=most)
            at = self.rule.next(start, zone)
            while at <= now:
                found.append(at)
                at = self.rule.next(at, zone)
            if start == due or len(found) == most:
                return found[0]
            back *= 2

    def starting(self, now: datetime, zone: ZoneInfo) -> Self:
        """With its first day, where that decides which weeks or months count."""
        if isinstance(self.rule, Every) or self.rule.every == 1:
            return self
        return replace(self, rule=self.rule.starting(now.astimezone(zone).date()))

    def same(self, other: "Plan") -> bool:
        """Whether they are the same, from whatever day on."""
        return _without_start(self) == _without_start(other)

    def __str__(self) -> str:
        """For the store; `read` reads it: ``"once day 09:00"``, ``"all every 30000"``."""
        return f"{self.catch_up} {self.rule}"

    @classmethod
    def read(cls, text: str) -> Self:
        """What ``str()`` of a plan gave. ValueError for any other text."""
        catch_up, _space, rule = text.partition(" ")
        every, _space, span = rule.partition(" ")
        found = Every(timedelta(milliseconds=int(span))) if every == "every" else parse(rule)
        return cls(rule=found, catch_up=CatchUp(catch_up))


def _without_start(plan: Plan) -> Plan:
    return plan if isinstance(plan.rule, Every) else replace(plan, rule=replace(plan.rule, since=None))


def plans(bot: Bot | type[Bot], config: RoomConfig) -> Mapping[str, Plan]:
    """Each schedule by its handler, as it is set; one whose setting is empty is none.

    Raises `Misconfigured` for a setting that says no time, and for a declaration that names nothing, each by name.
    """
    found = {each.handler: _plan(bot, each, config) for each in bot.schedules}
    return {handler: plan for handler, plan in found.items() if plan is not None}


def check(bot: type[Bot]) -> None:
    """Raises `Misconfigured` when what the class declares, with its settings as they are at first, can never be."""
    if bot.schedules:
        plans(bot, bot.Config())


def _plan(bot: Bot | type[Bot], declared: Schedule, config: RoomConfig) -> Plan | None:
    if declared.seconds:
        span = timedelta(milliseconds=round(declared.seconds * 1000))
        return Plan(rule=Every(span), catch_up=declared.catch_up)
    at = declared.at
    setting = at if isinstance(at, str) and at in type(config).model_fields else None
    value = getattr(config, setting) if setting is not None else at
    if value is None or (setting is not None and value == ""):
        return None
    try:
        rule = _time(value, workdays=declared.workdays) if declared.daily else _recurrence(value)
    except Misconfigured as error:
        raise _named(error, bot, declared, setting) from None
    return Plan(rule=rule, catch_up=declared.catch_up)


def _named(error: Misconfigured, bot: Bot | type[Bot], declared: Schedule, setting: str | None) -> Misconfigured:
    if setting is not None:
        return Misconfigured(error.reason, where=setting, remedy=error.remedy)
    reason = _(
        "le robot {bot} est mal écrit, {handler} : {why}", bot=bot.name, handler=declared.handler, why=error.reason
    )
    return Misconfigured(
        reason, remedy=_("Prévenez son auteur : il faut une heure, ou des jours, ou le nom d'un réglage.")
    )


def _time(value: object, *, workdays: bool) -> Recurrence:
    at = value
    if isinstance(value, str):
        understood = recurrence(f"tous les jours à {value}")
        daily = isinstance(understood, Recurrence) and understood.pattern == Daily() and understood.every == 1
        at = understood.at if daily and isinstance(understood, Recurrence) else None
    if not isinstance(at, time) or at.second or at.microsecond or at.tzinfo is not None:
        raise Misconfigured(_("« {words} » n'est pas une heure, à la minute", words=str(value)[:60]), remedy=_TIME)
    return Recurrence(pattern=_WORKDAYS if workdays else Daily(), at=at)


def _recurrence(value: object) -> Recurrence:
    words = str(value)
    match recurrence(words) if isinstance(value, str) else None:
        case Recurrence() as found:
            return found
        case Ambiguous(readings=readings):
            raise Misconfigured(
                _("« {words} » peut se comprendre de plusieurs façons", words=words[:60]),
                remedy=_("Dites : {ways}", ways=listed(said_recurrence(one) for one in readings)),
            )
        case Refused(reason=reason):
            raise Misconfigured(reason, remedy=_EXAMPLE)
        case None:
            raise Misconfigured(_("« {words} » ne dit pas quand", words=words[:60]), remedy=_EXAMPLE)
