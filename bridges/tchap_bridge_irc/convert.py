"""The network's lines as the core's events, and the core's messages as lines. Pure: no socket, no clock of its own.

Who speaks for whom: one nick of ours says what many people of the room said, each line after their name in angle
brackets, as people on IRC expect of a relay.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tchap_bridge_irc import formatting, markup
from tchap_bridge_irc.batches import Batch, multiline
from tchap_bridge_irc.difference import difference
from tchap_bridge_irc.isupport import Isupport
from tchap_bridge_irc.splitting import LEAST_ROOM, LEAST_TEXT, split
from tchap_bridge_irc.wire import Line, Source, clean, cut
from tchap_bridges.events import Author, ChatChanged, Deletion, Event, Form, Message, Reaction, Text, Typing
from tchap_bridges.i18n import Translator, _
from tchap_bridges.ids import ChatId, MessageId, PersonId
from tchap_bridges.outgoing import Outgoing, OutgoingEdit

NAME_BYTES = 60
"""Of a relayed name at most: the rest of the line is for what is said."""
RELAYED = "draft/relaymsg"
"""The tag that says who relayed a message, and the ability to do so."""
SYNTHETIC = "~"
"""What begins an id of ours for what was shown where the network gives none: for edits, never for a tag."""
_ACTION = "\x01ACTION "


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is to be known to read a line: our own nick, the server's ways, and the time where the line tells none.

    ``ours``: names under which a relay's server has shown what we said for others. ``corrections``: ids of our lines
    that told of an edit, and the message that each is about.
    """

    me: str
    support: Isupport
    now: datetime
    ours: Collection[str] = ()
    corrections: Mapping[str, MessageId] = field(default_factory=dict)


def chat_of(name: str, support: Isupport) -> ChatId:
    """A channel or a nick as the core calls it: all equal spellings are one chat."""
    return ChatId(support.fold(name))


def author_of(source: Source, support: Isupport, account: str = "") -> Author:
    """Who somebody is: their account, where the server tells it (IRCv3 account-tag), else their nick; folded both.

    An account is nobody else's and outlives another nick; a nick belongs to whoever has it now. No nick begins with
    "@", so that nobody can be taken for an account by the nick they choose. The name is the nick as it is spelt.
    """
    person = f"@{support.fold(account)}" if account else support.fold(source.nick)
    return Author(person=PersonId(person), name=source.nick)


def speaker(line: Line, support: Isupport) -> Author:
    """Who a line is from."""
    return author_of(line.source, support, line.tags.get("account", ""))


def is_ours(line: Line, frame: Frame) -> bool:
    """Whether we said it, ourselves or in somebody's name (draft/relaymsg names who relays)."""
    nick, relay = line.source.nick, line.tags.get(RELAYED, "")
    return (
        frame.support.same(nick, frame.me)
        or (relay != "" and frame.support.same(relay, frame.me))
        or frame.support.fold(nick) in frame.ours
    )


def moment(line: Line, now: datetime) -> datetime:
    """When it was said, by the server (IRCv3 server-time), else now."""
    said = line.tags.get("time", "")
    try:
        return datetime.fromisoformat(said).astimezone(UTC) if said else now
    except ValueError:
        return now


def text_of(said: str) -> tuple[Text, Form]:
    """A message's last parameter: its words, and whether it was said or done."""
    if said.startswith(_ACTION):
        return formatting.read(said.removeprefix(_ACTION).rstrip("\x01")), Form.EMOTE
    return formatting.read(said), Form.TEXT


def event_of(item: Line | Batch, frame: Frame, key: str) -> Event | None:
    """What a line, or a message of several lines, means; None when it is nobody's message. ``key`` names it for us."""
    line = item.opening if isinstance(item, Batch) else item
    if is_ours(line, frame):
        return None
    if isinstance(item, Batch):
        inner = next(item.lines(), None)
        if item.kind != "draft/multiline" or inner is None:
            return None
        target, said, verb = item.params[0] if item.params else "", multiline(item), inner.command
    else:
        target, said, verb = line.param(0), line.param(-1), line.command
    if frame.support.target(target)[0]:
        return None  # to its operators alone (STATUSMSG): a room has more readers than they
    match verb:
        case "PRIVMSG" | "NOTICE":
            return _message(line, target, said, verb, frame, key)
        case "TAGMSG":
            return _tag(line, target, frame, key)
        case "TOPIC":
            return ChatChanged(
                chat=chat_of(target, frame.support),
                author=speaker(line, frame.support),
                at=moment(line, frame.now),
                topic=formatting.strip(line.param(1)),
            )
        case "REDACT":
            return Deletion(
                id=MessageId(key),
                chat=_place(line, target, frame),
                author=speaker(line, frame.support),
                at=moment(line, frame.now),
                target=MessageId(line.param(1)),
            )
        case _other:
            return None


def _place(line: Line, target: str, frame: Frame) -> ChatId:
    """A channel; or whoever writes to us alone."""
    return chat_of(line.source.nick if frame.support.same(target, frame.me) else target, frame.support)


def _message(line: Line, target: str, said: str, verb: str, frame: Frame, key: str) -> Message | None:
    if not line.source.user and not line.source.host and "." in line.source.nick:
        return None  # the server itself
    if said.startswith("\x01") and not said.startswith(_ACTION):
        return None  # a question to the program (CTCP): it is not answered, for answers are a way to flood us
    text, form = text_of(said)
    if not text.plain.strip():
        return None
    return Message(
        id=MessageId(line.tags.get("msgid") or key),
        chat=_place(line, target, frame),
        author=speaker(line, frame.support),
        at=moment(line, frame.now),
        text=text,
        form=Form.NOTICE if verb == "NOTICE" else form,
        reply_to=_about(line, frame),
    )


def _about(line: Line, frame: Frame) -> MessageId | None:
    """The message that is answered or reacted to (IRCv3 reply)."""
    said = line.tags.get("+reply") or line.tags.get("+draft/reply")
    return frame.corrections.get(said, MessageId(said)) if said else None


def _tag(line: Line, target: str, frame: Frame, key: str) -> Event | None:
    """What is said by tags alone: typing, reactions (IRCv3 typing, react)."""
    author, chat = speaker(line, frame.support), _place(line, target, frame)
    if (typing := line.tags.get("+typing")) is not None:
        return Typing(chat=chat, author=author, active=typing == "active")
    about = _about(line, frame)
    symbol, unsaid = line.tags.get("+draft/react"), line.tags.get("+draft/unreact")
    if about and (symbol or unsaid):
        return Reaction(
            id=MessageId(line.tags.get("msgid") or key),
            chat=chat,
            author=author,
            at=moment(line, frame.now),
            target=about,
            key=formatting.strip(symbol or unsaid or "")[:50],
            removed=symbol is None,
        )
    return None


# Out


def name_of(author: Author | None) -> str:
    """A relayed name: one line, no control characters, none that could close the brackets, and short."""
    if author is None:
        return ""
    name = " ".join(formatting.strip(formatting.clean(author.name)).split())
    name = "".join(c for c in name if c not in "<>" and c.isprintable()) or "?"
    data = name.encode("utf-8", "replace")
    return name if len(data) <= NAME_BYTES else data[:NAME_BYTES].decode(errors="ignore") + "…"


def relayed_name(message: Outgoing | OutgoingEdit) -> str:
    """Who says it, and where, when that is on a third network."""
    name = name_of(message.author)
    return f"{name} ({one_line(message.network)})" if name and message.foreign else name


def said_by(message: Outgoing, *, named: bool = True) -> str:
    """What stands before the words: who says it, unless that is seen already, to whom, and that it is late."""
    name = relayed_name(message) if named else ""
    heads = [f"* {name}" if message.form is Form.EMOTE else f"<{name}>"] if name else []
    if message.late:
        heads.append(f"[{message.at:%d/%m %H:%M}]")
    if message.reply_to and message.answered is not None:
        heads.append(f"{name_of(message.answered)} :")
    return " ".join(heads)


def looks_said(line: str) -> bool:
    """Whether a line begins as one that a relay says in somebody's name: whose it is has to stand before it then."""
    shown = "".join(char for char in formatting.strip(line) if char.isprintable())
    return shown.lstrip().startswith(("<", "* "))


def words_of(message: Outgoing, t: Translator, *, formatted: bool, notes: Sequence[str] = ()) -> list[str]:
    """A message's own words, a line for each of its lines: title, text, and where its files are."""
    title = one_line(message.title) if message.title and not message.thread else ""
    if title and formatted:
        title = f"\x02{title}\x02"
    return [*([title] if title.strip() else []), *markup.lines(message.text, t, formatted=formatted), *notes]


def laid_out(head: str, words: Sequence[str], room: int, *, most: int, action: bool = False) -> tuple[list[str], bool]:
    """Words as lines of at most ``room`` bytes, ``most`` of them; and whether all is in them.

    Every line bears the name of whoever speaks: lines of others may come between. It is cut where it leaves no room.
    """
    head = _cut_head(head, room - 1 - (LEAST_ROOM if action else LEAST_TEXT))
    space = room - len(head.encode()) - 1 if head else room
    shown: list[str] = []
    whole = True
    for line in words:
        left = most - len(shown)
        found = split(line, space, lines=max(left, 0), action=action)
        shown += [f"{head} {piece.text}" if head else piece.text for piece in found.pieces]
        whole = whole and not found.rest
    return shown, whole


def _cut_head(head: str, size: int) -> str:
    """At most ``size`` bytes of it, 0 or more; a name that is cut is closed all the same."""
    if len(head.encode()) <= size:
        return head
    short = cut(head, max(size - len("…>".encode()), 0))
    return f"{short}…>" if short.startswith("<") and ">" not in short else short


def correction(edit: OutgoingEdit, t: Translator) -> list[str]:
    """An edit as people on IRC write it: what has changed, and no more. Lines; none when nothing changed to the eye."""
    before = edit.before.plain if edit.before is not None else ""
    return difference(before, edit.text.plain, t(_("(corrigé)"))).splitlines()


def symbol_of(symbol: str) -> str:
    """A reaction as a tag's value: one line, and short."""
    return cut(clean(formatting.strip(symbol)), 200)


def one_line(name: str) -> str:
    """A name or a title as one line of words, and short."""
    return shortened(" ".join(formatting.strip(formatting.clean(name)).split()) or "?", 150)


def shortened(text: str, size: int) -> str:
    """At most ``size`` bytes; what is gone is marked."""
    return text if len(text.encode(errors="replace")) <= size else cut(text, size - 4).rstrip() + " …"


def renamed(source: Source, nick: str) -> Source:
    """The same with another nick."""
    return Source(nick, source.user, source.host)
