"""The network's words as the core's events, and the core's messages as the network's. Pure: no socket, no clock.

All that is peculiar to the network is settled here, so that it can be tested with tables of cases. `wire` has cleaned
every text already; a bridge whose wire does not must do it here, for events carry no control characters.
"""

from collections.abc import Sequence

from tchap_bridge_echo import wire
from tchap_bridges.bridge import Outgoing
from tchap_bridges.events import Author, ChatChanged, Deletion, Edit, Event, File, Message, Reaction, Text, Typing
from tchap_bridges.i18n import stamp
from tchap_bridges.ids import ChatId, FileRef, MessageId, PersonId

# In: the network's ids go into events as they are; only their type changes.


def event_of(news: wire.News) -> Event:
    """What happened, as the core says it."""
    chat, at, author = ChatId(news.chat), news.at, author_of(news.nick, news.name)
    id_ = MessageId(news.event)
    match news:
        case wire.Said():
            return Message(
                id=MessageId(news.message),
                chat=chat,
                author=author,
                at=at,
                text=Text(plain=news.text),
                files=tuple(file_of(file) for file in news.files),
                thread=(MessageId(news.thread),) if news.thread else (),
                reply_to=MessageId(news.reply_to) if news.reply_to else None,
                form=news.form,
                echo=news.mine,
            )
        case wire.Reworded():
            target = MessageId(news.message)
            return Edit(id=id_, chat=chat, author=author, at=at, target=target, text=Text(plain=news.text))
        case wire.Withdrawn():
            return Deletion(id=id_, chat=chat, author=author, at=at, target=MessageId(news.message))
        case wire.Reacted():
            return Reaction(
                id=MessageId(news.reaction),
                chat=chat,
                author=author,
                at=at,
                target=MessageId(news.message),
                key=news.symbol,
                removed=news.removed,
            )
        case wire.Renamed():
            return ChatChanged(chat=chat, author=author, at=at, topic=news.topic)


def typing_of(typed: wire.Typed) -> Typing:
    return Typing(chat=ChatId(typed.chat), author=author_of(typed.nick, typed.name), active=typed.active)


def author_of(nick: str, name: str) -> Author:
    """``nick`` identifies, ``name`` is only shown: two people may have one name, never one nick."""
    return Author(person=PersonId(nick), name=name or nick)


def file_of(file: wire.Attached) -> File:
    return File(name=file.name, mime=file.mime, ref=FileRef(file.file), size=file.size)


# Out


def speaker(author: Author | None, network: str) -> str:
    """The name a message is shown under: "Jeanne Martin (Tchap)", or '' when the bridge itself speaks."""
    if author is None:
        return ""
    name = author.name or author.person
    return f"{name} ({network})" if network else name


def posts_of(message: Outgoing, *, files: Sequence[str] = (), notes: Sequence[str] = ()) -> list[wire.Say]:
    """The posts that show a message: one, or several when its text is longer than the network's posts may be.

    ``files`` are the ids of what was uploaded, ``notes`` tell of what could not be. Each post has a key of its own,
    derived from the message's, so that a second attempt shows none of them twice.
    """
    pieces = split(words_of(message, notes), wire.TEXT_BYTES)
    return [
        wire.Say(
            key=message.key if n == 0 else f"{message.key}/{n}",
            chat=message.chat,
            by=speaker(message.author, message.network),
            text=piece,
            thread=message.thread[0] if message.in_thread else "",
            reply_to=(message.reply_to or "") if n == 0 else "",
            form=message.form,
            files=tuple(files) if n == 0 else (),
        )
        for n, piece in enumerate(pieces)
        if piece or files
    ]


def words_of(message: Outgoing, notes: Sequence[str] = ()) -> str:
    """The text that is posted. The network has no titles, so one is a first line where a conversation begins."""
    title = str(wire.one_line(message.title))[:200] if message.title and not message.thread else ""
    said = f"[{stamp(message.at)}] {message.text.plain}" if message.late else message.text.plain
    return str(wire.clean("\n".join(part for part in (title, said, *notes) if part)))


def split(text: str, limit: int) -> list[str]:
    """Pieces of at most ``limit`` bytes, none of them tiny: cut after a line, else a word, else a character."""
    pieces = []
    while len(text.encode()) > limit:
        head = text.encode()[:limit].decode(errors="ignore")
        half = len(head) // 2
        end = head.rfind("\n", half) + 1 or head.rfind(" ", half) + 1 or len(head)
        pieces.append(head[:end].rstrip())
        text = text[end:]
    return [*pieces, text]


def cut(text: str, limit: int) -> str:
    """The first ``limit`` bytes of a text, with an ellipsis when that is not all."""
    first, *rest = split(str(wire.clean(text)), limit - len("…".encode()))
    return f"{first}…" if rest else first
