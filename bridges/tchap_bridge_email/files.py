"""Names for attachments: safe to show, to save and to send on; never empty, never a path, never reversed."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

MAX_NAME = 200

_TYPES = mimetypes.MimeTypes()
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]')
_USUAL = {
    "image/jpeg": ".jpg",
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/enriched": ".txt",
    "text/richtext": ".rtx",
    "text/rfc822-headers": ".txt",
    "application/octet-stream": ".bin",
    "application/pgp-signature": ".asc",
    "application/pgp-encrypted": ".asc",
    "application/pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
    "application/ms-tnef": ".dat",
}


def safe_name(name: str, mime: str, index: int) -> str:
    """A file name from what the sender called it; `index` makes one where nothing usable is left."""
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    text = _UNSAFE.sub("", text.rpartition("/")[2]).strip().strip(".").strip()
    if not text:
        return f"piece-jointe-{index + 1}{extension(mime)}"
    if len(text) > MAX_NAME:
        stem, dot, ending = text.rpartition(".")
        text = f"{stem[: MAX_NAME - 21]}.{ending}" if dot and len(ending) <= 20 else text[:MAX_NAME]
    return text


def extension(mime: str) -> str:
    """The usual ending for a media type, with its dot."""
    return _USUAL.get(mime) or _TYPES.guess_extension(mime, strict=True) or ".bin"
