"""What an event of ours says: its words in either voice, its relations, and the mark of where it came from. Pure.

Contents are plain dicts: encryption and unknown keys want them so.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

from tchap_bridges.events import Author, Form, Text
from tchap_bridges.i18n import _
from tchap_bridges.ids import MessageId, UserId
from tchap_bridges.matrix.ghosts import Profile
from tchap_bridges.matrix.pills import mentions
from tchap_bridges.matrix.read import ORIGIN
from tchap_bridges.matrix.text import clean_text
from tchap_bridges.outgoing import Outgoing, OutgoingEdit, OutgoingReaction

Content = dict[str, Any]
Translate = Callable[[str], str]

PROFILE: Final = "com.beeper.per_message_profile"
LARGEST: Final = 40_000  # bytes of content: encryption makes it grow, and an event may have 65,536
_AROUND: Final = 4_000  # bytes for what stands around the words: name, title, relations
_FORMATTED: Final = 3_000  # characters of plain text for which HTML is made as well, to show a name or a title in bold
_TYPES: Final = ((Form.TEXT, "m.text"), (Form.EMOTE, "m.emote"), (Form.NOTICE, "m.notice"))


def txn_id(key: str, part: str, sender: UserId) -> str:
    """Never the same for two users: Synapse's cache of transactions has no user in it."""
    return hashlib.blake2b(f"{key}\0{part}\0{sender}".encode(), digest_size=18).hexdigest()


def mark(key: str, part: str) -> str:
    """By which an event of ours is found again, whoever sent it."""
    return hashlib.blake2b(f"{key}\0{part}".encode(), digest_size=9).hexdigest()


def origin(network: str, key: str, part: str) -> Content:
    return {ORIGIN: {"network": network, "key": mark(key, part)}}


def fits(text: Text, largest: int = LARGEST) -> bool:
    """Whether the text can be one event, with room left for a name, a title and relations."""
    size = len(text.plain) + len(text.html or "")
    return size < largest // 6 or _bytes(text.plain, text.html or "") < largest - _AROUND


def shortened(text: Text, notice: str, largest: int = LARGEST) -> Text:
    """A text that does not fit, cut so that it does; the whole goes beside it. Formatting goes before words do."""
    if fits(plain := Text(plain=text.plain), largest):
        return plain
    kept = text.plain[:largest]
    while _bytes(kept) > largest - _AROUND:
        kept = kept[: len(kept) * 9 // 10]
    line, found, _rest = kept.rpartition("\n")
    return Text(plain=f"{line if found and len(line) > len(kept) // 2 else kept}\n{notice}")


def words(
    message: Outgoing,
    text: Text,
    translate: Translate,
    profile: Profile | None,
    *,
    called: Sequence[UserId] = (),
) -> Content:
    """The content of a message's words: what is to be known first, its title, the text.

    ``called`` are the users whom the text names.
    """
    heads = _heads(message, translate)
    if not (text or heads or message.title):
        text = Text(plain=translate(_("(message vide)")))
    return _spoken(_body(text, heads, message.title, message.form, called), profile)


def has_heads(message: Outgoing) -> bool:
    """Whether there is something to say before, or without, any text."""
    return bool(message.title or message.late or (message.author and _remark(message.author)))


def line(text: str, profile: Profile | None) -> Content:
    """A line in the place of something that cannot be shown."""
    return _spoken(_body(Text(plain=text), (), None, Form.TEXT), profile)


def file(name: str, mime: str, size: int, where: str | Mapping[str, Any], profile: Profile | None) -> Content:
    """An image, a video, a sound, or any file. ``where``: its mxc URI, or an ``EncryptedFile``."""
    kind = mime.partition("/")[0]
    safe = one_line(name) or "fichier"
    content: Content = {
        "msgtype": f"m.{kind}" if kind in {"image", "video", "audio"} else "m.file",
        "body": safe,
        "filename": safe,
        "info": {"mimetype": mime, "size": size},
        **({"url": where} if isinstance(where, str) else {"file": where}),
        "m.mentions": {},
    }
    return _spoken(content, profile)


def edited(
    edit: OutgoingEdit,
    translate: Translate,
    profile: Profile | None,
    *,
    called: Sequence[UserId] = (),
    new: Sequence[UserId] = (),
) -> Content:
    """https://spec.matrix.org/v1.17/client-server-api/#event-replacements

    ``called`` are the users whom the text names, ``new`` those of them whom it did not name before.
    """
    text = edit.text  # it stands twice in the event
    if not fits(text, LARGEST // 2):
        text = shortened(text, translate(_("[… texte coupé]")), LARGEST // 2)
    said = _spoken(_body(text, (), None, Form.TEXT, called), profile)
    content = {**said, "m.new_content": said, "m.mentions": mentions(new), "body": f"* {said['body']}"}
    if "formatted_body" in said:
        content["formatted_body"] = f"* {said['formatted_body']}"
    content["m.relates_to"] = {"rel_type": "m.replace", "event_id": edit.target}
    return content


def reaction(reaction: OutgoingReaction) -> Content:
    relation = {"rel_type": "m.annotation", "event_id": reaction.target, "key": clean_text(reaction.symbol)[:100]}
    return {"m.relates_to": relation}


def relation(thread: Sequence[MessageId], reply_to: MessageId | None, *, first: bool) -> Content:
    """Where a message belongs. Only the first of its events answers somebody; all of them are in its thread.

    The root of a thread is what everything in it stands under, and answering it needs no quotation.
    """
    if not thread:
        return {"m.relates_to": {"m.in_reply_to": {"event_id": reply_to}}} if reply_to and first else {}
    root = thread[0]
    answered = reply_to if reply_to and reply_to != root and first else None
    return {
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": root,
            "m.in_reply_to": {"event_id": answered or reply_to or root},
            "is_falling_back": answered is None,
        }
    }


def answer_only(content: Content) -> Content:
    """The same outside its thread, for a root that cannot bear one."""
    related = content["m.relates_to"]
    return {**content, "m.relates_to": {"m.in_reply_to": related["m.in_reply_to"]}}


def _heads(message: Outgoing, translate: Translate) -> tuple[str, ...]:
    heads: list[str] = []
    if message.late:
        heads.append(translate(_("(message arrivé en retard, daté du {when})", when=f"{message.at:%d/%m/%Y %H:%M}")))
    if message.author is not None and (remark := _remark(message.author)):
        heads.append(f"⚠ {remark}")
    return tuple(heads)


def _remark(author: Author) -> str:
    return clean_text(author.remark or "").replace("\n", " ").strip()[:200]


def _body(text: Text, heads: tuple[str, ...], title: str | None, form: Form, called: Sequence[UserId] = ()) -> Content:
    title = clean_text(title or "").replace("\n", " ").strip()[:500]
    plain = clean_text(text.plain)
    lines = [*heads, *((title,) if title else ()), *(("",) if title and plain else ()), *((plain,) if plain else ())]
    content: Content = {
        "msgtype": next(name for known, name in _TYPES if known is form),
        "body": "\n".join(lines),
        "m.mentions": mentions(called),  # what was said elsewhere pings nobody here by accident
    }
    if text.html or ((heads or title) and len(plain) < _FORMATTED):
        first = [f"<em>{escape(head, quote=False)}</em>" for head in heads]
        first += [f"<strong>{escape(title, quote=False)}</strong>"] if title else []
        content["format"] = "org.matrix.custom.html"
        html = clean_text(text.html) if text.html else _as_html(plain)
        content["formatted_body"] = "<br>".join((*first, html) if html else first)
    return content


def _spoken(content: Content, profile: Profile | None) -> Content:
    """The same in the bot's mouth: the author's name first, as MSC4144 has it, for clients old and new."""
    if profile is None:
        return content
    html = content.get("formatted_body")
    if html is None and "url" not in content and len(content["body"]) < _FORMATTED:
        html = _as_html(content["body"])
    spoken = {**content, "body": f"{profile.name}: {content['body']}"}
    if html is not None:
        name = escape(profile.name, quote=False)
        spoken["format"] = "org.matrix.custom.html"
        spoken["formatted_body"] = f"<strong data-mx-profile-fallback>{name}: </strong>{html}"
    spoken[PROFILE] = {"id": profile.id, "displayname": profile.name, "has_fallback": True}
    if profile.avatar:
        spoken[PROFILE]["avatar_url"] = profile.avatar
    return spoken


def one_line(text: str) -> str:
    """A name that can stand in a sentence."""
    return clean_text(text).replace("\n", " ").strip()[:255]


def octets(size: int) -> str:
    """A size for people."""
    amount, unit = (size / 1_000_000, "Mo") if size >= 1_000_000 else (size / 1_000, "ko")
    return f"{amount:.1f} {unit}".replace(".", ",").replace(",0 ", " ")


def _as_html(plain: str) -> str:
    return escape(plain, quote=False).replace("\n", "<br>")


def _bytes(*texts: str) -> int:
    return len(json.dumps(texts, ensure_ascii=False).encode("utf-8", "surrogatepass"))
