"""What becomes of notices: said, edited into a message that stands, or held. A pure state machine.

A trouble is said once; heard again, its message is edited (how often, since when); over, it is edited into that. What
nobody needs to see now waits and is said in one message, and of a storm most is edited into the last message.

Nothing here knows the time: every step is given it, and a `Wait` says when `wake` has something to do. Messages have
keys of our own, which the caller keeps beside event ids.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from tchap_bot_alerts.book import Action, Book, Edit, Entry, Message, Say, Shown, Step, Taken, Wait
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.policy import Policy

MOST: Final = 500
"""Troubles and news that are kept; the oldest messages go, and are then edited no more."""
MOST_HELD: Final = 200
"""What waits; of more, those that matter least, the oldest of them, are only counted."""
STORM: Final = timedelta(minutes=1)
MOST_AT_ONCE: Final = 10
"""Messages that are said within a storm; what comes then is added to the last of them."""
FORGOTTEN: Final = timedelta(days=30)
"""What nobody has spoken of for so long goes on no more."""
_MOST_DELIVERIES: Final = 200
_MOST_REMINDERS: Final = 10


def take(book: Book, notices: Sequence[Notice], policy: Policy, now: datetime, *, delivery: str = "") -> Step:
    """The notices of one delivery; "" for none in particular. One that was taken before changes nothing."""
    turn = _Turn(book, policy, now)
    turn.flush()
    if not turn.seen(delivery):
        for notice in notices:
            turn.take(notice)
    return turn.step()


def wake(book: Book, policy: Policy, now: datetime) -> Step:
    """What waited is said when its time has come."""
    turn = _Turn(book, policy, now)
    turn.flush()
    return turn.step()


def tidied(book: Book, policy: Policy, now: datetime) -> Book:
    """Without what is forgotten by now; nothing is said."""
    return _Turn(book, policy, now).step().book


def gather(book: Book, policy: Policy, now: datetime) -> Step:
    """The messages are out of reach, in a room that was replaced: what goes on is said anew, in one."""
    turn = _Turn(book, policy, now)
    turn.gather()
    return turn.step()


def acknowledge(book: Book, key: str, who: str, policy: Policy, now: datetime, *, name: str = "") -> Step:
    """Somebody sees to what a message, or a reminder of it, tells: it is not said again until it is over."""
    turn = _Turn(book, policy, now)
    turn.assign(key, Taken(who, name or who, now))
    return turn.step()


def close(book: Book, keys: Sequence[str] | None, policy: Policy, now: datetime) -> Step:
    """People say that what these messages tell, None for all of them, is over."""
    turn = _Turn(book, policy, now)
    turn.close(keys)
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
        self._again_said: dict[str, str] = {}
        self._places = {one: key for key, message in book.messages.items() for one in message.entries}
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
        """Say what waited, unless it is too early; in quiet hours only what passes through them."""
        if not self._held or self._due is None or self._now < self._due:
            return
        later = self._policy.silent(self._now)
        passing = [one for one in self._held if self._policy.held(self._entries[one].notice, self._now) is None]
        ready = self._held if later is None else passing
        if ready:
            self._open("", ready, digest=True, dropped=self._dropped if later is None else 0)
        self._held = [one for one in self._held if one not in ready]
        self._due = later
        if later is None:
            self._dropped = 0

    def gather(self) -> None:
        held = set(self._held)
        going = [one for one, entry in self._entries.items() if entry.ongoing and one not in held]
        self._entries = {one: self._entries[one] for one in (*going, *self._held)}
        self._messages, self._places = {}, {}
        if going:
            self._open("", going, digest=True)

    def assign(self, key: str, taken: Taken) -> None:
        for main in self._named(key):
            for one in self._ids(main):
                if (entry := self._entries[one]).ongoing and entry.taken is None:
                    self._entries[one] = replace(entry, taken=taken)
                    self._edited[main] = None

    def close(self, keys: Sequence[str] | None) -> None:
        wanted = [*self._messages] if keys is None else [main for key in keys for main in self._named(key)]
        held = self._held if keys is None else []
        for one in [*(one for key in wanted for one in self._ids(key)), *held]:
            if (entry := self._entries[one]).ongoing:
                self._entries[one] = replace(entry, over=self._now)
                if (key := self._where(one)) is not None:
                    self._edited[key] = None

    def unassign(self, key: str, who: str) -> None:
        for main in self._named(key):
            for one in self._ids(main):
                if (entry := self._entries[one]).ongoing and entry.taken is not None and entry.taken.who == who:
                    self._entries[one] = replace(entry, taken=None)
                    self._edited[main] = None

    def step(self) -> Step:
        self._evict()
        reminder = self._remind()
        actions: list[Action] = [Say(key=key, shown=self._shown(key)) for key in self._said if key in self._messages]
        edited = (key for key in self._edited if key not in self._said and key in self._messages)
        actions += [Edit(key=key, shown=self._shown(key)) for key in edited]
        actions += [reminder] if reminder is not None else []
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
        else:
            self._put(notice.group, one)

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
            self._put(notice.group, one)
        if key is None or entry.taken is not None:
            return
        self._edited[key] = None
        repeat = self._policy.repeat
        due = repeat is not None and entry.said is not None and self._now - entry.said >= repeat
        if (due or worse) and self._policy.held(notice, self._now) is None:
            self._again_said[one] = key
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
            least = min(self._held, key=lambda one: self._weight(self._entries[one]))
            self._held.remove(least)
            del self._entries[least]
            self._dropped += 1

    @staticmethod
    def _weight(entry: Entry) -> tuple[bool, int]:
        return entry.ongoing, entry.notice.severity.rank

    def _put(self, group: str, one: str) -> None:
        """Into the message that it belongs to, or into a new one."""
        if (key := self._joined(group, self._entries[one].notice.severity)) is None:
            self._open(group, [one])
            return
        self._messages[key] = replace(self._messages[key], entries=(*self._ids(key), one))
        self._places[one] = key
        self._entries[one] = replace(self._entries[one], said=self._now)
        self._edited[key] = None

    def _open(self, group: str, entries: Iterable[str], *, digest: bool = False, dropped: int = 0) -> None:
        key = self._next()
        self._messages[key] = Message(group=group, at=self._now, entries=tuple(entries), digest=digest, dropped=dropped)
        for one in self._ids(key):
            self._places[one] = key
            self._entries[one] = replace(self._entries[one], said=self._now)
        self._said.append(key)

    def _joined(self, group: str, severity: Severity) -> str | None:
        """The message that what comes of this group is added to; in a storm, the last one.

        Nobody is called by what is added: what is critical is not, unless something critical is there already.
        """
        for key, message in self._messages.items():
            near = key in self._said or self._now - message.at < self._policy.window
            if group and message.group == group and near and self._takes(key, severity):
                return key
        late = [key for key, message in self._messages.items() if self._now - message.at < STORM]
        if not self._policy.crowded and len(late) < MOST_AT_ONCE:
            return None
        return next((key for key in reversed(late) if self._takes(key, severity)), None)

    def _takes(self, key: str, severity: Severity) -> bool:
        if severity is not Severity.CRITICAL or key in self._said:
            return True
        return any(self._entries[one].notice.severity is severity for one in self._ids(key))

    def _remind(self) -> Say | None:
        """One message for all that has to be said again; whoever sees to it sees to all of that."""
        standing = {one: key for one, key in self._again_said.items() if one in self._entries}
        if not standing:
            return None
        reminder = self._next()
        for key in dict.fromkeys(standing.values()):
            kept = self._messages[key].reminders[1 - _MOST_REMINDERS :]
            self._messages[key] = replace(self._messages[key], reminders=(*kept, reminder))
        shown = Shown(entries=tuple(self._entries[one] for one in standing))
        return Say(key=reminder, shown=shown, reminds=next(iter(standing.values())))

    def _forget(self) -> None:
        """What is over, or was only news, and has not been heard of for a window."""
        near = max(self._policy.window, STORM)
        for message in list(self._messages.values()):
            told = [self._entries[one] for one in message.entries]
            if not any(self._now - one.last < (FORGOTTEN if one.ongoing else near) for one in told):
                for one in message.entries:
                    self._drop(one)

    def _evict(self) -> None:
        """Of what is too much, what is over goes first, then the oldest of the longest message; what is new stays."""
        over = len(self._entries) - MOST
        if over <= 0:
            return
        standing = [one for one, key in self._places.items() if key not in self._said]
        size = {key: len(message.entries) for key, message in self._messages.items()}
        standing.sort(key=lambda one: (self._entries[one].ongoing, -size[self._places[one]], self._entries[one].last))
        for one in standing[:over]:
            self._drop(one)

    def _drop(self, one: str) -> None:
        """Its message tells no more of it than that there was one; without any, it is edited no more."""
        key = self._places.pop(one)
        del self._entries[one]
        message = self._messages[key]
        left = tuple(other for other in message.entries if other != one)
        if left:
            self._messages[key] = replace(message, entries=left, dropped=message.dropped + 1)
        else:
            del self._messages[key]

    def _where(self, one: str) -> str | None:
        return self._places.get(one)

    def _named(self, key: str) -> list[str]:
        """The message itself; those that a reminder says again."""
        return [main for main, message in self._messages.items() if key == main or key in message.reminders]

    def _ids(self, key: str) -> tuple[str, ...]:
        return self._messages[key].entries if key in self._messages else ()

    def _shown(self, key: str) -> Shown:
        message = self._messages[key]
        entries = tuple(self._entries[one] for one in message.entries)
        return Shown(entries=entries, digest=message.digest, dropped=message.dropped)

    def _next(self) -> str:
        self._serial += 1
        return str(self._serial)
