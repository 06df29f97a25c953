"""What becomes of notices: said, edited into a message that stands, or held. A pure state machine.

A trouble is said once; heard again, its message is edited (how often, since when); over, it is edited into that. What
nobody needs to see now waits and is said in one message. Nothing here knows the time: every step is given it, and a
`Wait` says when `wake` has something to do. Messages have keys of our own, which the caller keeps beside event ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from tchap_bot_alerts.book import Action, Book, Edit, Entry, Message, Say, Shown, Step, Taken, Wait
from tchap_bot_alerts.notice import Notice, State
from tchap_bot_alerts.policy import Policy

MOST: Final = 500
"""Troubles and news that are kept; the oldest messages go, and are then edited no more."""
MOST_HELD: Final = 200
"""What waits; of more, the oldest are only counted."""
_MOST_DELIVERIES: Final = 200
_MOST_REMINDERS: Final = 10


def take(book: Book, notices: Sequence[Notice], policy: Policy, now: datetime) -> Step:
    """The notices of one delivery. A delivery that was taken before changes nothing."""
    turn = _Turn(book, policy, now)
    turn.flush()
    delivery = next((one.delivery for one in notices if one.delivery), "")
    if not turn.seen(delivery):
        for notice in notices:
            turn.take(notice)
    return turn.step()


def wake(book: Book, policy: Policy, now: datetime) -> Step:
    """What waited is said when its time has come."""
    turn = _Turn(book, policy, now)
    turn.flush()
    return turn.step()


def acknowledge(book: Book, key: str, who: str, policy: Policy, now: datetime) -> Step:
    """Somebody sees to what a message, or a reminder of it, tells: it is not said again until it is over."""
    turn = _Turn(book, policy, now)
    turn.assign(key, Taken(who, now))
    return turn.step()


def release(book: Book, key: str, who: str, policy: Policy, now: datetime) -> Step:
    """They no longer do."""
    turn = _Turn(book, policy, now)
    turn.unassign(key, who)
    return turn.step()


class _Turn:
    """One step: a book that may still change, and which messages it touched."""

    def __init__(self, book: Book, policy: Policy, now: datetime) -> None:
        self._policy, self._now = policy, now
        self._entries, self._messages = dict(book.entries), dict(book.messages)
        self._held, self._dropped, self._due = list(book.held), book.dropped, book.due
        self._deliveries, self._serial = book.deliveries, book.serial
        self._said: list[str] = []
        self._edited: dict[str, None] = {}
        self._reminders: list[tuple[str, str, str]] = []
        self._forget()

    def seen(self, delivery: str) -> bool:
        if delivery in self._deliveries:
            return True
        if delivery:
            self._deliveries = (*self._deliveries, delivery)[-_MOST_DELIVERIES:]
        return False

    def take(self, notice: Notice) -> None:
        known = self._entries.get(notice.fingerprint) if notice.fingerprint else None
        match notice.state:
            case State.FIRING if known is not None:
                self._again(known, notice)
            case State.RESOLVED if known is not None:
                self._over(known, notice)
            case State.RESOLVED if notice.fingerprint and not self._policy.unannounced:
                pass
            case _:
                self._new(notice)

    def flush(self) -> None:
        """Say what waited, unless it is too early."""
        if not self._held or self._due is None or self._now < self._due:
            return
        if (later := self._policy.silent(self._now)) is not None:
            self._due = later
            return
        self._open("", self._held, digest=True, dropped=self._dropped)
        self._held, self._dropped, self._due = [], 0, None

    def assign(self, key: str, taken: Taken) -> None:
        key = self._named(key)
        for one in self._ids(key):
            if (entry := self._entries[one]).ongoing and entry.taken is None:
                self._entries[one] = replace(entry, taken=taken)
                self._edited[key] = None

    def unassign(self, key: str, who: str) -> None:
        key = self._named(key)
        for one in self._ids(key):
            if (entry := self._entries[one]).ongoing and entry.taken is not None and entry.taken.who == who:
                self._entries[one] = replace(entry, taken=None)
                self._edited[key] = None

    def step(self) -> Step:
        self._evict()
        actions: list[Action] = [Say(key=key, shown=self._shown(key)) for key in self._said if key in self._messages]
        edited = (key for key in self._edited if key not in self._said and key in self._messages)
        actions += [Edit(key=key, shown=self._shown(key)) for key in edited]
        for key, reminds, one in self._reminders:
            if one in self._entries:
                actions.append(Say(key=key, shown=Shown(entries=(self._entries[one],)), reminds=reminds))
        if self._held and self._due is not None:
            actions.append(Wait(self._due))
        book = Book(
            entries=self._entries,
            messages=self._messages,
            held=tuple(self._held),
            dropped=self._dropped,
            due=self._due if self._held else None,
            deliveries=self._deliveries,
            serial=self._serial,
        )
        return Step(book, tuple(actions))

    def _new(self, notice: Notice) -> None:
        began = notice.at if notice.at is not None and notice.at <= self._now else self._now
        one = notice.fingerprint if notice.fingerprint and notice.state is not State.NONE else f"#{self._next()}"
        resolved = notice.state is State.RESOLVED
        self._entries[one] = Entry(
            notice=notice, since=None if resolved else began, last=self._now, over=began if resolved else None
        )
        if (until := self._policy.held(notice, self._now)) is not None:
            self._hold(one, until)
        elif (key := self._open_one(notice.group)) is not None:
            self._messages[key] = replace(self._messages[key], entries=(*self._ids(key), one))
            self._entries[one] = replace(self._entries[one], said=self._now)
            self._edited[key] = None
        else:
            self._open(notice.group, [one])

    def _again(self, known: Entry, notice: Notice) -> None:
        """Heard once more: going on, or back after it was over."""
        one = notice.fingerprint
        back = not known.ongoing
        worse = notice.severity.rank > known.notice.severity.rank
        since = known.since
        if back or since is None:
            since = notice.at if notice.at is not None and notice.at <= self._now else self._now
        entry = replace(
            known,
            notice=notice,
            since=since,
            last=self._now,
            count=known.count + 1,
            over=None,
            taken=None if back or worse else known.taken,
        )
        self._entries[one] = entry
        key = self._where(one)
        if key is None and self._policy.held(notice, self._now) is None:
            # It waited, and has become too bad for that.
            self._held.remove(one)
            self._open(notice.group, [one])
        if key is None or entry.taken is not None:
            return
        self._edited[key] = None
        repeat = self._policy.repeat
        due = repeat is not None and entry.said is not None and self._now - entry.said >= repeat
        if (due or worse) and self._policy.held(notice, self._now) is None:
            reminder = self._next()
            self._reminders.append((reminder, key, one))
            self._messages[key] = replace(
                self._messages[key], reminders=(*self._messages[key].reminders[-9:], reminder)
            )
            self._entries[one] = replace(entry, said=self._now)

    def _over(self, known: Entry, notice: Notice) -> None:
        if known.over is not None:
            return
        began, ended = known.since, notice.at
        trusted = ended is not None and ended <= self._now and (began is None or ended >= began)
        over = ended if trusted else self._now
        self._entries[notice.fingerprint] = replace(known, notice=notice, last=self._now, over=over)
        if (key := self._where(notice.fingerprint)) is not None:
            self._edited[key] = None

    def _hold(self, one: str, until: datetime) -> None:
        self._held.append(one)
        self._due = until if self._due is None else min(self._due, until)
        if len(self._held) > MOST_HELD:
            del self._entries[self._held.pop(0)]
            self._dropped += 1

    def _open(self, group: str, entries: Iterable[str], *, digest: bool = False, dropped: int = 0) -> None:
        key = self._next()
        self._messages[key] = Message(group=group, at=self._now, entries=tuple(entries), digest=digest, dropped=dropped)
        for one in self._ids(key):
            self._entries[one] = replace(self._entries[one], said=self._now)
        self._said.append(key)

    def _open_one(self, group: str) -> str | None:
        """The message that what comes of this group still joins."""
        if not group:
            return None
        joined = (key for key, one in self._messages.items() if one.group == group)
        return next((key for key in joined if self._now - self._messages[key].at < self._policy.window), None)

    def _forget(self) -> None:
        """What is over, or was only news, and has not been heard of for a window."""
        for key, message in list(self._messages.items()):
            told = [self._entries[one] for one in message.entries]
            if not any(one.ongoing or self._now - one.last < self._policy.window for one in told):
                self._drop(key)

    def _evict(self) -> None:
        for key in list(self._messages):
            if len(self._entries) <= MOST:
                return
            if key not in self._said:
                self._drop(key)

    def _drop(self, key: str) -> None:
        for one in self._messages.pop(key).entries:
            del self._entries[one]

    def _where(self, one: str) -> str | None:
        return next((key for key, message in self._messages.items() if one in message.entries), None)

    def _named(self, key: str) -> str:
        """The message itself, of a message or a reminder."""
        return next((main for main, message in self._messages.items() if key in message.reminders), key)

    def _ids(self, key: str) -> tuple[str, ...]:
        return self._messages[key].entries if key in self._messages else ()

    def _shown(self, key: str) -> Shown:
        message = self._messages[key]
        entries = tuple(self._entries[one] for one in message.entries)
        return Shown(entries=entries, digest=message.digest, dropped=message.dropped)

    def _next(self) -> str:
        self._serial += 1
        return str(self._serial)
