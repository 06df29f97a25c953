"""Whose coming and going the core can use: of those who have spoken, and not of a crowd. Pure.

A channel may have thousands of members, most of whom never say a word: nobody in the rooms knows them, and telling of
them would fill the core's inbox. Who has spoken and goes is told, so that their ghost may go too; so is their coming
back. People behind a netsplit did not leave, and are not told of here.
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime

from tchap_bridge_irc import changes, formatting
from tchap_bridge_irc.changes import Change
from tchap_bridge_irc.isupport import Isupport
from tchap_bridges.events import Author, Membership
from tchap_bridges.i18n import _
from tchap_bridges.ids import ChatId

MOST = 20_000
"""People and channels that are remembered; beyond it those who spoke least recently are forgotten."""


class People:
    """Who has spoken where, under which nick, and whether they are still there."""

    def __init__(self) -> None:
        self._spoke: OrderedDict[tuple[ChatId, str], tuple[Author, bool]] = OrderedDict()

    def spoke(self, chat: ChatId, nick: str, author: Author) -> None:
        """``nick``, folded, said something."""
        self._spoke[chat, nick] = author, True
        self._spoke.move_to_end((chat, nick))
        if len(self._spoke) > MOST:
            self._spoke.popitem(last=False)

    def changed(self, change: Change, support: Isupport, at: datetime) -> Iterator[tuple[Membership, str]]:
        """What of a change the core should know, each with what sets it apart."""
        match change:
            case changes.Joined(me=False):
                yield from self._came(ChatId(support.fold(change.channel)), support.fold(change.who.nick), at)
            case changes.Left(me=False):
                yield from self._went(change.channel, change.who.nick, change.reason, support, at)
            case changes.Kicked(me=False):
                reason = _("exclu par {by}", by=change.by.nick)
                said = formatting.strip(change.reason).strip()
                if said and said != change.who.nick:
                    reason = _("exclu par {by} : {said}", by=change.by.nick, said=said[:200])
                yield from self._went(change.channel, change.who.nick, reason, support, at)
            case changes.Quit():
                for channel in change.channels:
                    yield from self._went(channel, change.who.nick, change.reason, support, at)
            case changes.Renicked(me=False):
                yield from self._renamed(change, support, at)
            case _other:
                pass

    def _came(self, chat: ChatId, nick: str, at: datetime) -> Iterator[tuple[Membership, str]]:
        author, there = self._spoke.get((chat, nick), (None, True))
        if author is not None and not there:
            self._spoke[chat, nick] = author, True
            yield Membership(chat=chat, author=author, present=True, at=at), nick

    def _went(
        self, channel: str, nick: str, reason: str, support: Isupport, at: datetime
    ) -> Iterator[tuple[Membership, str]]:
        chat, nick = ChatId(support.fold(channel)), support.fold(nick)
        author, there = self._spoke.get((chat, nick), (None, False))
        if author is not None and there:
            self._spoke[chat, nick] = author, False
            said = formatting.strip(reason).strip()[:200] or None
            yield Membership(chat=chat, author=author, present=False, at=at, reason=said), nick

    def _renamed(self, change: changes.Renicked, support: Isupport, at: datetime) -> Iterator[tuple[Membership, str]]:
        """Whom we know by the account is the same under another nick; else the old one is gone, a new one may speak."""
        old, new = support.fold(change.old.nick), support.fold(change.new)
        for channel in change.channels:
            chat = ChatId(support.fold(channel))
            author, _there = self._spoke.get((chat, old), (None, False))
            if author is None:
                continue
            if author.person.startswith("@"):
                self._spoke[chat, new] = self._spoke.pop((chat, old))
            elif old != new:
                reason = _("s'appelle désormais {nick}", nick=change.new)
                yield from self._went(channel, change.old.nick, reason, support, at)
                yield from self._came(chat, new, at)
