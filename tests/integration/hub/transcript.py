"""A place as text, one line for each message: what is compared is what people read, all of it."""

import re
from collections.abc import Callable, Iterator, Sequence

from .places import Seen

_SHORT = 40


def grouped(seen: Sequence[Seen], bot: str = "") -> str:
    """Threads stand under their first message. ``bot`` is the bridge's own name."""
    lines: list[tuple[bool, str]] = []
    for root in seen:
        if root.thread:
            continue
        lines.append((root.notice, _line(root, bot)))
        answers = (each for each in seen if each.thread and each.thread == root.text)
        lines.extend((False, f"    {_line(each, bot, root=root.text)}") for each in answers)
    return _told(_sorted(lines))


def in_order(seen: Sequence[Seen]) -> str:
    """As they came."""
    return _told(_line(each, "") for each in seen)


def letters(seen: Sequence[Seen]) -> str:
    """As they came, each with its subject."""
    return _told(f"{each.title} | {_line(each, '')}" for each in seen)


def masked(*names: tuple[str, str]) -> Callable[[str], str]:
    """Names of this run alone replaced, when that was, and where files are to be had."""

    def mask(text: str) -> str:
        for name, shown in names:
            text = re.sub(rf"{re.escape(name)}(?!\d)", shown, text)
        text = re.sub(r"\d\d/\d\d(/\d{4})? \d\d:\d\d", "<date>", text)
        return re.sub(r"https?://\S+", "<lien>", text)

    return mask


def _told(lines: Iterator[str] | Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _sorted(lines: Sequence[tuple[bool, str]]) -> Iterator[str]:
    """Two networks refuse side by side, and either may be first: notices that follow each other stand sorted."""
    waiting: list[str] = []
    for notice, line in lines:
        if notice:
            waiting.append(line)
            continue
        yield from sorted(waiting)
        waiting = []
        yield line
    yield from sorted(waiting)


def _line(one: Seen, bot: str, *, root: str = "") -> str:
    if one.gone:
        return f"{one.author}: (supprimé)"
    author = "(pont)" if one.notice and one.author == bot else one.author
    words = " / ".join(line for line in one.text.splitlines() if line.strip())
    if one.emote and not words.startswith("* "):
        head = f"* {author} {words}"
    elif one.emote and not author:
        head = words
    else:
        about = f" → « {_short(one.answers)} »" if one.answers and one.answers != root else ""
        head = f"{author}{about}:" + (f" {words}" if words else "")
    head += "".join(f" 📎 {name}" for name in one.files)
    head += " (modifié)" if one.edited else ""
    if one.reactions:
        by_symbol: dict[str, list[str]] = {}
        for who, symbol in one.reactions:
            by_symbol.setdefault(symbol, []).append(who)
        told = (f"{symbol} {', '.join(who)}" for symbol, who in by_symbol.items())
        head += f" [{' · '.join(told)}]"
    return head


def _short(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= _SHORT else f"{line[:_SHORT]}…"
