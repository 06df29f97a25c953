"""What a step of a book asks for, done in the room: said, edited, and told to those who want to know.

A message is edited once in a few seconds at most, few are at a time, and not too many in a minute: the others show
later what is so then. People's own doings are shown at once. Who is told directly is told once a minute at most.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tchap_bot_alerts.book import Book, Edit, Entry, Say, Shown, Step, Wait
from tchap_bot_alerts.grouping import gather
from tchap_bot_alerts.keeping import MINUTE, Desk, Hook, Kept, Standing
from tchap_bot_alerts.notice import Severity
from tchap_bot_alerts.policy import Policy
from tchap_bot_alerts.settings import AlertsConfig
from tchap_bot_alerts.wording import reminder, worded
from tchap_bot_alerts.words import bold, bounded, row, stacked
from tchap_bot_alerts.writing import Style, write_aside
from tchap_bridges.bot import Member, Room
from tchap_bridges.events import Text, mention
from tchap_bridges.i18n import Translator

PACE: Final = timedelta(seconds=5)
MOST_EDITS: Final = 15
"""Of one call, which may do fifty things in all."""
CROWD: Final = 20
MOST_A_MINUTE: Final = 40
"""Things said and edited in a room: from when on troubles share messages, and edits wait. A bot may say sixty."""


class Telling:
    """One call for one hook."""

    def __init__(self, room: Room[AlertsConfig], kept: Kept, desk: Desk, hook: Hook) -> None:
        self._room, self._kept, self._desk, self._hook = room, kept, desk, hook
        self._messages = dict(hook.wall.messages)
        self._spoken = [one for one in desk.spoken if room.now - one < MINUTE]

    @property
    def book(self) -> Book:
        """What is known by now."""
        return self._hook.book

    async def tell(self, step_of: Callable[[Book, Policy], Step], *, urgent: bool = False) -> None:
        """Do what a step asks for, and keep what is then so. ``urgent``: somebody waits to see it."""
        before, now = self._hook.book, self._room.now
        crowded = len(self._spoken) >= CROWD
        policy = self._room.config.policy(self._room.zone, self._desk.muted, crowded=crowded)
        moved = gather(before, policy, now) if self._hook.moved else Step(before)
        step = step_of(moved.book, policy)
        actions = (*moved.actions, *step.actions)
        self._hook = replace(self._hook, book=step.book)
        known = step.book.messages
        says = [one for one in actions if isinstance(one, Say) and (one.reminds or one.key in known)]
        edits = dict.fromkeys(one.key for one in actions if isinstance(one, Edit) and one.key in self._messages)
        await self._show(says, self._timely(list(edits), urgent=urgent))
        for one in actions:
            if isinstance(one, Wait):
                await self._room.at(one.until, "wake", self._hook.name, key=f"wake {self._hook.name}")
        await self._alarm([] if self._hook.moved else _alarming(before, step.book))
        await self._keep()

    async def refresh(self) -> None:
        """Show what was left to be shown."""
        if self._hook.moved:
            await self.tell(lambda book, _policy: Step(book))
            return
        stale = [key for key, one in self._messages.items() if one.stale and key in self._hook.book.messages]
        await self._show((), self._timely(stale))
        await self._keep()

    async def alarm(self) -> None:
        """Tell people what they were to be told later, unless somebody sees to it."""
        if self._hook.moved:
            await self.tell(lambda book, _policy: Step(book))
            return
        entries = self._hook.book.entries
        waiting = [one for one in self._hook.wall.alarming if one in entries and entries[one].taken is None]
        self._hook = replace(self._hook, wall=replace(self._hook.wall, alarming=()))
        await self._alarm([one for one in waiting if _critical([entries[one]])])
        await self._keep()

    def _timely(self, keys: Sequence[str], *, urgent: bool = False) -> list[str]:
        """Those that are edited now; the others are marked, and seen to later."""
        chosen = list[str]()
        free = MOST_EDITS if urgent else min(MOST_EDITS, MOST_A_MINUTE - len(self._spoken))
        for key in keys:
            standing = self._messages[key]
            if len(chosen) < free and (urgent or self._room.now >= standing.at + PACE):
                chosen.append(key)
            else:
                self._messages[key] = replace(standing, stale=True)
        return chosen

    def _next(self) -> datetime | None:
        """When what is marked can be seen to; None when nothing is."""
        due = min((one.at + PACE for one in self._messages.values() if one.stale), default=None)
        if due is None:
            return None
        if len(self._spoken) >= MOST_A_MINUTE:
            due = max(due, self._spoken[-MOST_A_MINUTE] + MINUTE)
        return max(due, self._room.now + timedelta(seconds=1))

    async def _show(self, says: Sequence[Say], edits: Sequence[str]) -> None:
        keys = [*(one.key for one in says if not one.reminds), *edits]
        shown = [_shown(self._hook.book, key) for key in keys]
        texts = iter(await write_aside(shown, self._style()) if shown else ())
        called = await self._called() if says else Text()
        for say in says:
            text = self._again(say.shown) if say.reminds else next(texts)
            text = stacked((text, called)) if _critical(say.shown.entries) else text
            about = self._messages.get(say.reminds)
            said = await self._room.say(text, about=about.id if about is not None else None)
            self._messages[say.key] = Standing(id=said, at=self._room.now)
        for key, text in zip(edits, texts, strict=True):
            standing = self._messages[key]
            await self._room.edit(standing.id, text)
            self._messages[key] = Standing(id=standing.id, at=self._room.now)
        self._spoken += [self._room.now] * (len(says) + len(edits))

    def _again(self, shown: Shown) -> Text:
        return reminder(shown, Translator(self._room.language), self._room.zone)

    def _style(self) -> Style:
        return Style(template=self._room.config.template, language=self._room.language, zone=self._room.zone)

    async def _called(self) -> Text:
        """Those whom the room wants called, by a mention; only people who are there."""
        wanted = set(self._room.config.call)
        if not wanted:
            return Text()
        return row(*(_mentioned(one) for one in await self._room.members() if one.person in wanted))

    async def _alarm(self, ids: Sequence[str]) -> None:
        """What is critical, to each who asked for it and is in the room; others are told no more."""
        wall, now, name = self._hook.wall, self._room.now, self._hook.name
        if not ids or not self._desk.told:
            return
        if wall.alarmed is not None and now - wall.alarmed < MINUTE:
            waiting = tuple(dict.fromkeys((*wall.alarming, *ids)))
            self._hook = replace(self._hook, wall=replace(wall, alarming=waiting))
            await self._room.at(wall.alarmed + MINUTE, "alarm", name, key=f"alarm {name}")
            return
        self._hook = replace(self._hook, wall=replace(wall, alarmed=now))
        entries = tuple(self._hook.book.entries[one] for one in ids)
        told = worded(Shown(entries=entries), Translator(self._room.language), self._room.zone)
        text = bounded(stacked((bold(f"🔔 {name}"), told)))
        here = {one.person for one in await self._room.members()}
        gone = {one for one in self._desk.told if one not in here or not await self._room.tell(one, text)}
        self._desk = replace(self._desk, told=tuple(one for one in self._desk.told if one not in gone))

    async def _keep(self) -> None:
        name = self._hook.name
        if (later := self._next()) is not None:
            await self._room.at(later, "refresh", name, key=f"refresh {name}")
        desk = replace(self._desk, spoken=tuple(self._spoken[-MOST_A_MINUTE:]))
        await self._kept.set_desk(await self._kept.heard_of(desk, name))
        wall = replace(self._hook.wall, at=self._room.now, messages=self._messages)
        await self._kept.set_hook(replace(self._hook, wall=wall))


def _shown(book: Book, key: str) -> Shown:
    message = book.messages[key]
    entries = tuple(book.entries[one] for one in message.entries)
    return Shown(entries=entries, digest=message.digest, dropped=message.dropped)


def _critical(entries: Sequence[Entry]) -> bool:
    return any(one.ongoing and one.notice.severity is Severity.CRITICAL for one in entries)


def _alarming(before: Book, after: Book) -> list[str]:
    """What is critical and was not, or was and waited; not what waits still."""
    known = {one for one, entry in before.entries.items() if _critical([entry]) and one not in before.held}
    return [one for one, entry in after.entries.items() if one not in {*known, *after.held} and _critical([entry])]


def _mentioned(member: Member) -> Text:
    return Text(plain=member.name, html=mention(member.person, member.name))
