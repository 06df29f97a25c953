"""What `tchap-bridges mail show --json` says of a mail: one JSON object per file, always one, even for garbage.

Also runs by itself: `python -m tchap_bridge_email.show --json [--as eml|text|html] FILE…`.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

from tchap_bridge_email import html
from tchap_bridge_email.charsets import decode, printable
from tchap_bridge_email.html_walk import walk
from tchap_bridge_email.lines import Line, join, read_lines
from tchap_bridge_email.message import Address, ListInfo, Mail, Part
from tchap_bridge_email.parse import parse
from tchap_bridge_email.quotes import extract

Form = Literal["eml", "text", "html"]
"""What a file holds: a whole mail, or a bare body of plain text or HTML."""


def describe(mail: Mail, file: str) -> dict[str, Any]:
    """The object for a mail; its keys are a promise to operators' scripts."""
    return {
        "file": file,
        "message_id": mail.message_id,
        "in_reply_to": list(mail.in_reply_to),
        "references": list(mail.references),
        "date": mail.date.isoformat() if mail.date else None,
        "subject": mail.subject,
        "base_subject": mail.base_subject,
        "author": _address(mail.author) if mail.author else None,
        "to": [_address(one) for one in mail.to],
        "cc": [_address(one) for one in mail.cc],
        "list": _list(mail.list_info),
        "text": mail.text,
        "reply": mail.reply,
        "removed": list(mail.removed),
        "html": None if mail.html is None else html.place_images(mail.html, {}),
        "attachments": [_attachment(part) for part in mail.attachments],
        "automatic": mail.automatic,
        "bounce": asdict(mail.bounce) if mail.bounce else None,
        "calendar": asdict(mail.calendar) if mail.calendar else None,
        "problems": list(mail.problems),
    }


def show_text(raw: bytes, form: Form, file: str = "") -> dict[str, Any]:
    """The object for the bytes of one file. Never raises; `error` stands in it only when nothing could be read."""
    if form == "eml":
        shown = describe(parse(raw), file)
        if not raw.strip():
            shown["error"] = "the file is empty"
        return shown
    text, problem = decode(raw)
    markup = None
    if form == "html":
        walked = walk(text)
        lines: list[Line] = walked.lines
        markup = html.place_images(html.write(walked), {})
        text = join(lines)
    else:
        text = printable(text)
        lines = read_lines(text)
    found = extract(lines)
    shown = describe(parse(b""), file)
    shown |= {
        "text": text,
        "reply": found.reply,
        "removed": list(found.removed),
        "html": markup,
        "problems": [problem] if problem else [],
    }
    return shown


def unreadable(file: str, reason: str) -> dict[str, Any]:
    """The object for a file that could not be opened."""
    return describe(parse(b""), file) | {"problems": [], "error": reason}


def _address(one: Address) -> dict[str, str]:
    return {"name": one.name, "address": one.address}


def _list(info: ListInfo | None) -> dict[str, str | None] | None:
    return None if info is None else {"id": info.id, "post": info.post, "name": info.name}


def _attachment(part: Part) -> dict[str, Any]:
    return {
        "filename": part.filename,
        "mime": part.mime,
        "size": part.size,
        "sha256": part.sha256,
        "inline": part.inline,
        "content_id": part.content_id,
    }


def main(argv: list[str] | None = None) -> int:
    """Print one JSON line per file, in UTF-8 whatever the locale; 1 when a file could not be opened."""
    args = argparse.ArgumentParser(prog="tchap_bridge_email.show", description=__doc__)
    args.add_argument("--json", action="store_true", help="the only form there is; accepted for symmetry")
    args.add_argument("--as", dest="form", choices=get_args(Form), default="eml", help="what the files hold")
    args.add_argument("files", nargs="+", metavar="FILE")
    options = args.parse_args(argv)
    status = 0
    for file in options.files:
        try:
            shown = show_text(Path(file).read_bytes(), options.form, file)
        except OSError as error:
            shown, status = unreadable(file, str(error)), 1
        line = json.dumps(shown, ensure_ascii=False) + "\n"
        sys.stdout.buffer.write(line.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
