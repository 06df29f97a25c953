"""Of what type a file is: by what its sender says, by its name, and above all by how it begins.

A type is refused when any of the three says it. Marks: the formats' own specifications, and the file types registered
at https://www.iana.org/assignments/media-types/ or used where none is.
"""

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

UNKNOWN = "application/octet-stream"
PROGRAM = "application/x-dosexec"
OOXML = "application/vnd.openxmlformats-officedocument"
_MARKS: Sequence[tuple[int, bytes, str]] = (
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xfe\xed\xfa\xce", "application/x-mach-binary"),
    (0, b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (0, b"\xce\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/x-wav"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
)
_OFFICE = (b"[Content_Types].xml", b"_rels/.rels", b"docProps/", b"word/", b"xl/", b"ppt/")
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument"
_NAMED = {
    **dict.fromkeys(("exe", "dll", "scr", "com", "cpl", "pif"), PROGRAM),
    **dict.fromkeys(("bat", "cmd"), "application/x-bat"),
    **dict.fromkeys(("ps1", "psm1"), "application/x-powershell"),
    **dict.fromkeys(("vbs", "vbe", "wsf"), "text/vbscript"),
    **dict.fromkeys(("js", "mjs", "jse"), "text/javascript"),
    "hta": "application/hta",
    "msi": "application/x-msi",
    "lnk": "application/x-ms-shortcut",
    "jar": "application/java-archive",
    "iso": "application/x-iso9660-image",
    "sh": "text/x-shellscript",
}
_SAME = {
    "application/x-msdownload": PROGRAM,
    "application/x-ms-dos-executable": PROGRAM,
    "application/vnd.microsoft.portable-executable": PROGRAM,
    "application/x-sharedlib": "application/x-executable",
    "application/x-elf": "application/x-executable",
    "application/x-sh": "text/x-shellscript",
    "application/javascript": "text/javascript",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-zip-compressed": "application/zip",
    "application/x-gzip": "application/gzip",
    "audio/wav": "audio/x-wav",
    "text/xml": "application/xml",
}
# What a format is a case of: a document that begins as its container does is no second type.
_CONTAINED = {
    "application/x-ole-storage": ("application/msword", "application/vnd.ms-", "application/x-msi"),
    "application/zip": ("application/java-archive", "application/epub+zip", "application/vnd.android.package-archive"),
    "application/gzip": ("application/x-tar", "image/svg"),
    "application/xml": ("image/svg", "text/html", "application/xhtml", "application/rss", "application/atom"),
    "text/plain": ("text/", "message/", "application/json", "application/xml", "application/x-yaml", "application/sql"),
    "video/mp4": ("video/", "audio/mp4", "image/heif", "image/avif"),
    "video/webm": ("video/", "audio/webm"),
    "audio/ogg": ("video/ogg", "application/ogg"),
}
_BY_NAME = mimetypes.MimeTypes()  # its own table, and not whatever is installed here


@dataclass(frozen=True, slots=True)
class Types:
    """What may pass: patterns like ``image/*``. No ``allowed`` ones: everything that is not ``forbidden``."""

    allowed: Sequence[str] = ()
    forbidden: Sequence[str] = ()

    def refused(self, name: str, mime: str, head: bytes) -> str:
        """The type for which a file is held back, '' when it may pass. ``head``: at least 1 kB, or all of it."""
        kinds = kinds_of(name, mime, head)
        for kind in kinds:
            if _any(self.forbidden, kind) or (self.allowed and not _any(self.allowed, kind)):
                return kind
        return ""


def kinds_of(name: str, mime: str, head: bytes) -> Sequence[str]:
    """All that it may be taken for, by its content first; `UNKNOWN` when nothing tells."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    named = _NAMED.get(ending) or _BY_NAME.guess_type(name.rpartition("/")[2])[0] or ""
    told = [plain(mime), plain(named)]
    seen = by_content(head)
    told = [kind for kind in dict.fromkeys(told) if kind and kind != UNKNOWN and "*" not in kind]
    if seen and any(kind != seen and _is_case(kind, seen) for kind in told):
        seen = ""
    return tuple(dict.fromkeys(filter(None, (seen, *told)))) or (UNKNOWN,)


def plain(mime: str) -> str:
    """A type without parameters, under one of its names."""
    kind = mime.partition(";")[0].strip().lower()
    return _SAME.get(kind, kind)


def by_content(head: bytes) -> str:
    """'' when nothing tells."""
    if head.startswith(b"MZ") and b"\0" in head[:64]:
        return PROGRAM
    if head.startswith(b"#!"):
        return "text/x-shellscript"
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(head)
    for offset, mark, kind in _MARKS:
        if head.startswith(mark, offset):
            return kind
    return _written(head)


def _zipped(head: bytes) -> str:
    if (start := head.find(_OPEN_DOCUMENT, 0, 200)) > 0:
        return head[start + len(b"mimetype") :].split(b"PK")[0].decode("ascii", "replace")[:80]
    return OOXML if any(part in head for part in _OFFICE) else "application/zip"


def _written(head: bytes) -> str:
    """What is read as text."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<script", b"<body")):
        return "text/html"
    if b"<svg" in start:
        return "image/svg+xml"
    if start.startswith(b"<?xml"):
        return "application/xml"
    try:
        text = head[: max(0, len(head) - 3)].decode() if len(head) > 3 else head.decode()
    except UnicodeDecodeError as error:
        if error.end < len(head) - 3:
            return ""
        text = head[: error.start].decode()
    return "" if not head or any(c < " " and c not in "\t\r\n\f\x1b" for c in text) else "text/plain"


def _is_case(kind: str, of: str) -> bool:
    return kind.startswith((of, *_CONTAINED.get(of, ()))) or (kind.endswith(("+xml", "+json")) and of in _TEXTS)


_TEXTS = frozenset({"text/plain", "application/xml"})


def _any(patterns: Sequence[str], kind: str) -> bool:
    return any(fnmatchcase(kind, plain(pattern)) for pattern in patterns)
