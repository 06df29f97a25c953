"""What was said while we were away, from the history, oldest first. All of it may be told again: it is told once.

Edits and deletions are found by comparison with what was seen last; Slack keeps no list of them.
https://docs.slack.dev/reference/methods/conversations.history, …/conversations.replies
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple, Protocol

from tchap_bridge_slack import convert, values
from tchap_bridge_slack.api import Api
from tchap_bridge_slack.config import CatchUp as Settings
from tchap_bridge_slack.convert import TS, Json, Told
from tchap_bridge_slack.progress import Mark, Marks
from tchap_bridge_slack.refusals import Refused
from tchap_bridges.events import Author
from tchap_bridges.i18n import _, ngettext
from tchap_bridges.ids import PersonId

OVERLAP: Final = 900.0
"""Seconds before the last message that are always read again: two sockets tell things in no certain order."""
_PAGE: Final = 200
_MOST_COUNTED: Final = 10_000


class Teller(Protocol):
    """Who hands things to the core; see `incoming.Incoming`."""

    async def history(self, chat: str, message: Json, /) -> None: ...
    async def tell(self, told: Told, /) -> bool: ...
    def shut_out(self, chat: str, /) -> None: ...


class _Found(NamedTuple):
    messages: list[Json]
    left: int  # older ones that are only counted
    oldest: float  # from here on, everything is in ``messages`` that is in no thread
    threads: set[str]  # … and everything in these


class CatchUp:
    """For one connection. ``where``: the channel's id today."""

    def __init__(self, api: Api, settings: Settings, marks: Marks, teller: Teller, where: Callable[[str], str]) -> None:
        self._api = api
        self._settings = settings
        self._marks = marks
        self._teller = teller
        self._where = where

    async def run(self, chat: str, *, away: bool) -> None:
        """Raises `NotReady` when Slack or the core cannot now: then it begins again.

        ``away``: nobody listened for a while. Then all that is remembered is looked at again, for answers and changes.
        """
        mark = await self._marks.of(chat)
        if not mark.cursor:
            return await self._marks.begin(chat, f"{self._api.now():.6f}")
        try:
            found = await self._gather(self._where(chat), mark, away=away)
        except Refused as refused:
            self._teller.shut_out(chat)
            said = _("⚠ Ce canal Slack ne se lit plus : {why}. {remedy}", why=refused.reason, remedy=refused.remedy)
            key = f"unreadable {chat} {mark.cursor} {refused.code}"
            await self._teller.tell(Told(convert.notice(chat, mark.cursor, said, _SLACK, id_=key), key))
            return None
        if found.left:
            await self._tell_left(chat, mark, found)
        deleted = _missing(mark, found)
        for message in sorted(found.messages, key=lambda one: float(one["ts"])):
            await self._teller.history(chat, message)
        for ts in deleted:
            await self._teller.tell(convert.deletion_of(chat, ts, _SLACK, convert.moment(ts)))
            mark.forget(ts)
        await self._marks.save(chat)
        return None

    async def _tell_left(self, chat: str, mark: Mark, found: _Found) -> None:
        oldest = f"{found.oldest:.6f}"
        said = ngettext(
            "⏮ {n} message plus ancien de Slack n'a pas été repris : il se lit dans Slack",
            "⏮ {n} messages plus anciens de Slack n'ont pas été repris : ils se lisent dans Slack",
            found.left,
        )
        key = f"left {chat} {mark.cursor}"
        await self._teller.tell(Told(convert.notice(chat, oldest, said, _SLACK, id_=key), key))

    async def _gather(self, channel: str, mark: Mark, *, away: bool) -> _Found:
        cursor, most = float(mark.cursor), self._settings.messages
        floor = max(self._api.now() - self._settings.days * 86_400, float(mark.since or 0))
        near = max(cursor - OVERLAP, floor)
        remembered = min(map(float, mark.seen), default=near) - 0.001  # Slack gives what is after a bound
        oldest, left = max(min(near, remembered), floor) if away else near, 0
        messages: list[Json] = []
        async for one in self._history(channel, oldest):
            if len(messages) < most:
                messages.append(one)
            elif float(one["ts"]) <= cursor or left >= _MOST_COUNTED:
                break
            else:
                left += 1
        if len(messages) >= most:
            oldest = float(messages[-1]["ts"])
        if cursor < floor:
            async for _one in self._history(channel, cursor, latest=floor):
                left += 1
                if left >= _MOST_COUNTED:
                    break
        roots = {str(one["ts"]): one for one in messages}
        active = {ts for ts, one in roots.items() if _number(one.get("latest_reply")) > near}
        active |= {root for ts, (_words, root) in mark.seen.items() if root and float(ts) > near}
        known = floor if away else near
        active |= {ts for ts, last in mark.threads.items() if float(last) > known and ts not in roots}
        for root in sorted(active, key=float):
            messages += [one async for one in self._replies(channel, root, oldest)]
        return _Found(list({str(one["ts"]): one for one in messages}.values()), left, oldest, active)

    async def _history(self, channel: str, oldest: float, *, latest: float | None = None) -> AsyncIterator[Json]:
        """Newest first."""
        client = self._api.client
        bounds: dict[str, Any] = {"oldest": f"{oldest:.6f}"} | (
            {"latest": f"{latest:.6f}"} if latest is not None else {}
        )

        def page(cursor: str) -> Awaitable[Any]:
            return client.conversations_history(
                channel=channel, limit=_PAGE, cursor=cursor or None, include_all_metadata=True, **bounds
            )

        async for said in self._api.pages("conversations.history", page):
            for one in _messages(said):
                yield one

    async def _replies(self, channel: str, root: str, oldest: float) -> AsyncIterator[Json]:
        client = self._api.client

        def page(cursor: str) -> Awaitable[Any]:
            return client.conversations_replies(
                channel=channel,
                ts=root,
                limit=_PAGE,
                cursor=cursor or None,
                oldest=f"{oldest:.6f}",
                include_all_metadata=True,
            )

        try:
            async for said in self._api.pages("conversations.replies", page):
                for one in _messages(said):
                    if one["ts"] != root:
                        yield one
        except Refused as refused:
            if refused.code != "thread_not_found":
                raise


def _messages(said: Json) -> list[Json]:
    return [one for one in values.each(said.get("messages")) if TS.fullmatch(values.string(values.mapping(one), "ts"))]


def _missing(mark: Mark, found: _Found) -> list[str]:
    """What was seen, and is no longer where it was."""
    there = {str(one["ts"]) for one in found.messages}
    gone = [
        ts
        for ts, (words, root) in mark.seen.items()
        if words and ts not in there and float(ts) > found.oldest and (not root or root in found.threads)
    ]
    return sorted(gone, key=float)


def _number(ts: Any) -> float:
    return float(ts) if isinstance(ts, str) and TS.fullmatch(ts) else 0.0


_SLACK: Final = Author(person=PersonId("slack"), name="Slack")
