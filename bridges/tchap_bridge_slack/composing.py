"""A message of the core as posts of Slack: who is answered, what is late, the words in pieces. Pure.

What is no part of the words (a quotation's head, the author of a file) stands in a block of its own, known by its
``block_id``, so that an edit leaves it in place.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Final

from tchap_bridge_slack.convert import TS
from tchap_bridge_slack.document import clean
from tchap_bridge_slack.people import one_line
from tchap_bridge_slack.writing import LONGEST, MOST_BLOCKS, Written, pieces
from tchap_bridges.events import Author, Form, Text
from tchap_bridges.outgoing import Outgoing

TEXT_BYTES: Final = LONGEST
MOST_POSTS: Final = 8
HEAD: Final = "tchap-head"
EMOTE: Final = "tchap-emote"
NAME_LENGTH: Final = 80
_SHORTEST: Final = 200
_HALF: Final = re.compile(r"(?:<[^<>]*|&[a-z]*)\Z")
"""A token or an escape that does not end."""

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Post:
    """One message of Slack; ``files``: the ids of what is uploaded and shown by it."""

    text: str = field(repr=False)
    blocks: list[Block] = field(repr=False)
    files: tuple[str, ...] = ()


def username(author: Author | None, network: str, *, foreign: bool) -> str:
    """The name that stands beside a post; "" when the bridge itself speaks."""
    if author is None:
        return ""
    name = "".join(c for c in one_line(author.name) if c.isprintable() and c not in "<>&*_~`").strip()
    mark = f" ({one_line(network)})" if foreign and network else ""
    name = name.lstrip("@") or "?"
    room = NAME_LENGTH - len(mark)
    return (name if len(name) <= room else f"{name[: room - 1]}…") + mark


def words_of(message: Outgoing, notes: Sequence[str] = ()) -> Text:
    """The words: a conversation's title above them, what could not go along below."""
    text = message.text
    if message.form is Form.EMOTE and text:
        text = emote(text)
    title = one_line(message.title) if message.title and not message.thread else ""
    above, below = ([title] if title else []), [clean(note) for note in notes]
    if not above and not below:
        return text
    plain = "\n".join([*above, *([text.plain] if text.plain else []), *below])
    said = text.html or _html(text.plain)
    html = "<br>".join(
        [*(f"<b>{escape(one, quote=False)}</b>" for one in above), *([said] if said else []), *map(_html, below)]
    )
    return Text(plain=plain, html=html)


def emote(text: Text) -> Text:
    """What somebody does, not says."""
    return Text(plain=text.plain, html=f"<i>{text.html or _html(text.plain)}</i>")


def head_of(message: Outgoing, me_url: str, *, name: str = "") -> tuple[list[Block], str]:
    """The block before the words and its text: whose file it is, that it is late, whom it answers. [] for nothing."""
    elements: list[Block] = []
    said: list[str] = []
    if name:
        elements.append({"type": "text", "text": name, "style": {"bold": True}})
        said.append(f"*{escaped(name)}*")
    if message.late:
        when = int(message.at.timestamp())
        fallback = f"{message.at:%d/%m %H:%M}"
        elements += [
            {"type": "text", "text": " 🕒 " if elements else "🕒 "},
            {"type": "date", "timestamp": when, "format": "{date_num} {time}", "fallback": fallback},
        ]
        said.append(f"🕒 {fallback}")
    blocks = [_rich("rich_text_section", elements)] if elements else []
    if answered := _answered(message, me_url):
        blocks.append(_rich("rich_text_quote", answered[0]))
        said.append(answered[1])
    if not blocks:
        return [], ""
    return [{"type": "rich_text", "block_id": HEAD, "elements": blocks}], "\n".join(said)


def _answered(message: Outgoing, me_url: str) -> tuple[list[Block], str] | None:
    """A plain answer: whom, and a link to what is answered. A thread says it itself."""
    answered = message.reply_to
    if answered is None or message.in_thread or not TS.fullmatch(answered):
        return None
    name = one_line(message.answered.name) if message.answered is not None else "…"
    link = f"{me_url.rstrip('/')}/archives/{message.chat}/p{answered.replace('.', '')}" if me_url else ""
    if not link:
        return [{"type": "text", "text": f"↪ {name}"}], f"> ↪ {escaped(name)}"
    label = escaped(name.replace("|", "¦"))
    elements: list[Block] = [{"type": "text", "text": "↪ "}, {"type": "link", "url": link, "text": name}]
    return elements, f"> ↪ <{link}|{label}>"


def posts_of(text: Text, head: tuple[list[Block], str], *, emoted: bool = False) -> list[Post]:
    """The words as posts, each within the limit; the head on the first."""
    blocks, said = head
    written = within(text, TEXT_BYTES - len(said.encode()) - 1 if said else TEXT_BYTES)
    if not written and not blocks:
        return []
    posts = [Post(one.text, _marked(one.blocks, emoted=emoted)) for one in written] or [Post("", [])]
    first = posts[0]
    posts[0] = replace(
        first, text="\n".join(part for part in (said, first.text) if part), blocks=[*blocks, *first.blocks]
    )
    return posts


def cut_short(post: Post, link: str) -> Post:
    """A post that more should follow, with where the whole is instead, "" for nowhere."""
    end = f"… {link}".rstrip()
    (more,) = posts_of(Text(plain=end), ([], ""))
    beginning = post.text.encode()[: TEXT_BYTES - len(more.text.encode()) - 1].decode(errors="ignore")
    text = f"{_HALF.sub('', beginning).rstrip()} {more.text}"
    return Post(text.lstrip(), [*post.blocks[: MOST_BLOCKS - len(more.blocks)], *more.blocks], post.files)


def within(text: Text, size: int) -> list[Written]:
    """The words in pieces of at most ``size`` bytes: Slack counts characters, and people are told of bytes."""
    longest = max(_SHORTEST, size)
    while True:
        found = pieces(text, longest=longest)
        if longest <= _SHORTEST or all(len(one.text.encode()) <= size for one in found):
            return found
        longest = max(_SHORTEST, int(longest * 0.85))


def _marked(blocks: list[Block], *, emoted: bool) -> list[Block]:
    return [{**one, "block_id": f"{EMOTE}-{n}"} for n, one in enumerate(blocks)] if emoted else blocks


def _rich(kind: str, elements: list[Block]) -> Block:
    return {"type": kind, "elements": elements}


def _html(plain: str) -> str:
    return escape(plain, quote=False).replace("\n", "<br>")


def escaped(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
