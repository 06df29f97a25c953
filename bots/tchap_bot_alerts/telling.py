"""What a step of a book asks for, done in the room: said, edited, and told to those who want to know.

Messages are edited no oftener than every few seconds, and few at a time: what is left shows later what is so then, by
`due`. People's own doings are shown at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tchap_bot_alerts.book import Book, Edit, Entry, Say, Shown, Step, Wait
from tchap_bot_alerts.keeping import Desk, Hook, Kept, Standing
from tchap_bot_alerts.notice import Severity
from tchap_bot_alerts.settings import AlertsConfig
from tchap_bot_alerts.wording import reminder, worded
from tchap_bot_alerts.words import row, stacked
from tchap_bot_alerts.writing import Style, write_aside
from tchap_bridges.bot import Member, Room
from tchap_bridges.events import Text, mention
from tchap_bridges.i18n import Translator

PACE: Final = timedelta(seconds=5)
MOST_EDITS: Final = 15
"""Of one call, which may do fifty things in all."""


class Telling:
    """One call for one hook."""

    def __init__(self, room: Room[AlertsConfig], kept: Kept, desk: Desk, hook: Hook) -> None:
        self._room, self._kept, self._desk, self._hook = room, kept, desk, hook
        self._messages = dict(hook.wall.messages)
        self._left: datetime | None = None

    async def tell(self, step: Step, *, urgent: bool = False) -> None:
        """Do it, and keep what is then so. ``urgent``: somebody waits to see it."""
        before = self._hook.book
        self._hook = replace(self._hook, book=step.book)
        says = [one for one in step.actions if isinstance(one, Say)]
        edits = dict.fromkeys(one.key for one in step.actions if isinstance(one, Edit))
        await self._show(says, self._timely(list(edits), urgent=urgent))
        for one in step.actions:
            if isinstance(one, Wait):
                await self._room.at(one.until, "wake", self._hook.name, key=f"wake {self._hook.name}")
        await self._tell_people(_alarming(before, step.book))
        await self._keep()

    async def refresh(self) -> None:
        """Show what was left to be shown."""
        stale = [key for key, one in self._messages.items() if one.stale and key in self._hook.book.messages]
        await self._show((), self._timely(stale))
        await self._keep()

    def _timely(self, keys: Sequence[str], *, urgent: bool = False) -> list[str]:
        """Those that are edited now; the others are marked, and seen to later."""
        now: list[str] = []
        for key in keys:
            standing = self._messages.get(key)
            due = standing.at + PACE if standing is not None else self._room.now
            if (urgent or due <= self._room.now) and len(now) < MOST_EDITS:
                now.append(key)
                continue
            if standing is not None:
                self._messages[key] = replace(standing, stale=True)
            later = max(due, self._room.now + timedelta(seconds=1))
            self._left = later if self._left is None else min(self._left, later)
        return now

    async def _show(self, says: Sequence[Say], edits: Sequence[str]) -> None:
        shown = [one.shown for one in says if not one.reminds] + [_shown(self._hook.book, key) for key in edits]
        texts = iter(await write_aside(shown, self._style()) if shown else ())
        called = await self._called() if says else Text()
        for say in says:
            text = self._again(say.shown) if say.reminds else next(texts)
            text = stacked((text, called)) if _critical(say.shown.entries) else text
            about = self._messages.get(say.reminds)
            said = await self._room.say(text, about=about.id if about is not None else None)
            self._messages[say.key] = Standing(id=said, at=self._room.now)
        for key, text in zip(edits, texts, strict=True):
            standing = self._messages.get(key)
            if standing is None:  # it stands in the room that this one replaces
                said = await self._room.say(text)
            else:
                said = standing.id
                await self._room.edit(said, text)
            self._messages[key] = Standing(id=said, at=self._room.now)

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

    async def _tell_people(self, entries: Sequence[Entry]) -> None:
        """What is critical, to each who asked for it and is in the room; others are told no more."""
        if not entries or not self._desk.told:
            return
        say = Translator(self._room.language)
        here = {one.person for one in await self._room.members()}
        text = worded(Shown(entries=tuple(entries), digest=len(entries) > 1), say, self._room.zone)
        gone = {one for one in self._desk.told if one not in here or not await self._room.tell(one, text)}
        if gone:
            self._desk = replace(self._desk, told=tuple(one for one in self._desk.told if one not in gone))

    async def _keep(self) -> None:
        name = self._hook.name
        if self._left is not None:
            await self._room.at(self._left, "refresh", name, key=f"refresh {name}")
        self._desk = await self._kept.heard_of(self._desk, name)
        await self._kept.set_desk(self._desk)
        await self._kept.set_hook(replace(self._hook, wall=replace(self._hook.wall, messages=self._messages)))


def _shown(book: Book, key: str) -> Shown:
    message = book.messages[key]
    entries = tuple(book.entries[one] for one in message.entries)
    return Shown(entries=entries, digest=message.digest, dropped=message.dropped)


def _critical(entries: Sequence[Entry]) -> bool:
    return any(one.ongoing and one.notice.severity is Severity.CRITICAL for one in entries)


def _alarming(before: Book, after: Book) -> list[Entry]:
    """What is critical and was not, or was and waited; not what waits still."""
    known = {one for one, entry in before.entries.items() if _critical([entry]) and one not in before.held}
    return [entry for one, entry in after.entries.items() if one not in {*known, *after.held} and _critical([entry])]


def _mentioned(member: Member) -> Text:
    return Text(plain=member.name, html=mention(member.person, member.name))
