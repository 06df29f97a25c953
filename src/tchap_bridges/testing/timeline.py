"""A room as text, the way a client shows it: names, threads, edits, redactions, reactions, files.

Pure: events in, text out. Times are shown in the zone of the process.
"""

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Event = Mapping[str, Any]

_PROFILE = "com.beeper.per_message_profile"  # MSC4144
_MEMBERSHIP = {"join": "entre dans le salon", "leave": "quitte le salon", "invite": "est invité", "ban": "est banni"}


@dataclass(slots=True)
class _Line:
    """One message, with all that later events did to it."""

    event: Event
    content: Mapping[str, Any]
    edited: bool = False
    redacted: bool = False
    reactions: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    answers: list["_Line"] = field(default_factory=list)


def render_timeline(events: Iterable[Event], *, width: int = 100, before: Iterable[Event] = ()) -> str:
    """The room's events, oldest first as from `Client.timeline`, as lines of text of at most `width` columns.

    A thread stands indented under its root; a message whose author is named by MSC4144 shows that name, and who lent
    their voice. State other than membership is left out. ``before``: events that are not shown, and give people names.
    """
    events = list(events)
    names = _names([*before, *events])
    lines, roots = _assemble(events, names)
    out: list[str] = []
    quiet: list[str] = []
    for root in roots:
        if (said := _membership(root.event, names)) is not None:
            quiet.append(said)
            continue
        if quiet:
            out += _wrap("        · " + "; ".join(quiet), " " * 10, width)
            quiet = []
        out += _message(root, names, lines, "", width)
        for answer in root.answers:
            out += _message(answer, names, lines, "  │ ", width)
    if quiet:
        out += _wrap("        · " + "; ".join(quiet), " " * 10, width)
    return "\n".join(out)


def _names(events: Iterable[Event]) -> dict[str, str]:
    """User id → display name, as it was last."""
    names: dict[str, str] = {}
    for event in events:
        if event["type"] == "m.room.member" and (name := event["content"].get("displayname")):
            names[event["state_key"]] = name
    return names


def _assemble(events: Iterable[Event], names: Mapping[str, str]) -> tuple[dict[str, _Line], list[_Line]]:
    """Every message by event id, and those that stand at the top level, in order."""
    lines: dict[str, _Line] = {}
    roots: list[_Line] = []
    for event in events:
        content = event["content"]
        relation = content.get("m.relates_to") or {}
        target = lines.get(relation.get("event_id", ""))
        match event["type"], relation.get("rel_type"):
            case "m.room.redaction", _:
                _redact(lines, event.get("redacts") or content.get("redacts"))
            case "m.reaction", "m.annotation":
                if target is not None:
                    target.reactions[relation["key"]].append(_name(event["sender"], names))
            case _, "m.replace":
                # A client takes an edit only from the author of the message.
                if target is not None and target.event["sender"] == event["sender"]:
                    target.content, target.edited = content.get("m.new_content", {}), True
            case "m.room.member", _:
                roots.append(_Line(event, content))
            case ("m.room.message" | "m.room.encrypted" | "m.sticker", _) as kind:
                line = _Line(event, content, redacted="redacted_because" in event.get("unsigned", {}))
                lines[event["event_id"]] = line
                (target.answers if kind[1] == "m.thread" and target is not None else roots).append(line)
            case _:
                pass
    return lines, roots


def _redact(lines: Mapping[str, _Line], target: str | None) -> None:
    if target is not None and target in lines:
        lines[target].redacted = True


def _name(user: str, names: Mapping[str, str]) -> str:
    return names.get(user, user)


def _membership(event: Event, names: Mapping[str, str]) -> str | None:
    if event["type"] != "m.room.member":
        return None
    content, before = event["content"], event.get("unsigned", {}).get("prev_content", {})
    if content.get("membership") == before.get("membership") == "join":
        return f"{_name(event['state_key'], names)} change de profil"
    return f"{_name(event['state_key'], names)} {_MEMBERSHIP.get(content.get('membership', ''), 'change')}"


def _message(line: _Line, names: Mapping[str, str], lines: Mapping[str, _Line], margin: str, width: int) -> list[str]:
    clock = datetime.fromtimestamp(line.event["origin_server_ts"] / 1000, UTC).astimezone().strftime("%H:%M")
    marks = " (modifié)" if line.edited and not line.redacted else ""
    head = f"{margin}{clock}  {_author(line, names)}{marks}"
    indent = f"{margin}       "
    out = [head]
    for text in _body(line, names, lines):
        out += _wrap(indent + text, indent, width)
    if line.reactions and not line.redacted:
        counted = (f"{key} {', '.join(who)}" for key, who in line.reactions.items())
        out += _wrap(indent + "   ".join(counted), indent, width)
    return out


def _author(line: _Line, names: Mapping[str, str]) -> str:
    sender = _name(line.event["sender"], names)
    # The first content counts: an edit does not change who spoke.
    shown = (line.event["content"].get(_PROFILE) or {}).get("displayname")
    return f"{shown}  [par {sender}]" if shown else sender


def _body(line: _Line, names: Mapping[str, str], lines: Mapping[str, _Line]) -> Iterator[str]:
    content = line.content
    if line.redacted or (not content and not line.edited):
        yield "(message supprimé)"
        return
    if line.event["type"] == "m.room.encrypted":
        yield "🔒 (message chiffré)"
        return
    relation = line.event["content"].get("m.relates_to") or {}
    answered = (relation.get("m.in_reply_to") or {}).get("event_id")
    if answered and not relation.get("is_falling_back"):
        yield _quoted(lines.get(answered), names)
    if "url" in content or "file" in content:
        yield _file(content)
        if content.get("filename") in (None, content.get("body")):
            return
    text = _without_fallback(content)
    if content.get("msgtype") == "m.notice":
        text = f"ℹ {text}"
    if content.get("msgtype") == "m.emote":
        text = f"* {_name(line.event['sender'], names)} {text}"
    yield from text.splitlines() or [""]


def _without_fallback(content: Mapping[str, Any]) -> str:
    """The text without the author's name that stands before it for clients that do not know MSC4144."""
    body = str(content.get("body", ""))
    profile = content.get(_PROFILE) or {}
    if profile.get("has_fallback"):
        return body.removeprefix(f"{profile.get('displayname')}: ")
    return body


def _quoted(line: _Line | None, names: Mapping[str, str]) -> str:
    if line is None:
        return "↱ en réponse à un message que l'on ne voit pas"
    words = next(iter(_without_fallback(line.content).splitlines()), "")
    return f"↱ en réponse à {_author(line, names)} : « {textwrap.shorten(words, 60, placeholder='…')} »"


def _file(content: Mapping[str, Any]) -> str:
    info = content.get("info") or {}
    told = [_size(info["size"])] if "size" in info else []
    told += [info["mimetype"]] if "mimetype" in info else []
    name = content.get("filename") or content.get("body", "")
    return f"📎 {name}" + (f" ({', '.join(told)})" if told else "")


def _size(count: int) -> str:
    if count < 1_000:
        return f"{count} o"
    for unit in ("ko", "Mo"):
        count_in_unit = count / (1_000 if unit == "ko" else 1_000_000)
        if count_in_unit < 1_000:
            return f"{count_in_unit:.1f} {unit}".replace(".", ",")
    return f"{count / 1e9:.1f} Go".replace(".", ",")


def _wrap(text: str, indent: str, width: int) -> list[str]:
    # Leading spaces are the margin and stay; the rest flows.
    return textwrap.wrap(
        text, width, subsequent_indent=indent, drop_whitespace=True, replace_whitespace=False, break_on_hyphens=False
    ) or [""]
