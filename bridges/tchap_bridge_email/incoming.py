"""The bytes between DATA and its end: dots unstuffed, counted, hashed and spooled. No network.

A mail ends at CRLF.CRLF and nowhere else (RFC 5321 section 4.1.1.4). A lone CR or LF is where two servers come to
disagree about that (SMTP smuggling, CVE-2023-51766), so such a mail is refused as Postfix's ``reject`` does; 8-bit
bytes and lines of any length pass. Memory stays bounded: beyond a megabyte the body lies in a temporary file.
"""

import hashlib
import re
from tempfile import SpooledTemporaryFile

IN_MEMORY = 1 << 20
_HEADER_LIMIT = 256 * 1024
_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE | re.MULTILINE)


class Incoming:
    """One mail as it arrives. Feed it what comes before the final ``.CRLF``, the CRLF of its last line included.

    ``refusal`` is the reply that the bytes have already earned, None while they are good. A refused mail is still read
    to its end, and forgotten on the way.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spool = SpooledTemporaryFile[bytes](max_size=IN_MEMORY)
        self._held = b"\r\n"  # a line end whose next byte is not known yet; the first is that of the DATA command
        self._first = True
        self._header = bytearray()
        self._in_header = True
        self._body = hashlib.sha256()
        self.size = 0
        self.refusal: str | None = None

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limit:
            self._refuse("552 5.3.4 Message too big")
        if self.refusal is not None:
            return
        block = self._held + chunk
        keep = 2 if block.endswith(b"\r\n") else 1 if block.endswith(b"\r") else 0
        self._held = block[-keep:] if keep else b""
        block = block[: len(block) - keep]
        ends = block.count(b"\r\n")
        if block.count(b"\r") != ends or block.count(b"\n") != ends:
            self._refuse("550 5.5.2 Bare <CR> or <LF> received, lines end with <CR><LF>")
            return
        block = block.replace(b"\r\n.", b"\r\n")
        if self._first and block:
            self._first = False
            block = block.removeprefix(b"\r\n")
        self._keep(block)

    def end(self) -> None:
        """All has been fed. What is held is the end of the last line."""
        if self.refusal is None and not self._first:
            self._keep(self._held)
        if self.refusal is None and b"\0" in self._header:
            self._refuse("550 5.6.0 NUL in the header")

    def _keep(self, block: bytes) -> None:
        try:
            self._spool.write(block)
        except OSError:
            self._refuse("452 4.3.1 No room to store this message now")
            return
        if not self._in_header:
            self._body.update(block)
            return
        self._header += block
        end = _header_end(self._header)
        if end >= 0:
            self._in_header = False
            self._body.update(self._header[end:])
            del self._header[end:]

    def _refuse(self, reply: str) -> None:
        if self.refusal is None:
            self.refusal = reply
            self.close()

    def key(self, recipient: str) -> str:
        """What makes this mail to this recipient unlike any other, and the same when its sender tries again.

        Message-ID, recipient and body, for the trace fields above them may grow between two attempts; without an id the
        whole header takes its place.
        """
        return _key(bytes(self._header), self._body.digest(), recipient)

    def read(self) -> bytes:
        self._spool.seek(0)
        return self._spool.read()

    def close(self) -> None:
        self._spool.close()


def delivery_key(raw: bytes, recipient: str) -> str:
    """The same key for a mail that came whole, whichever way."""
    found = _header_end(raw)
    end = len(raw) if found < 0 else found
    return _key(raw[:end], hashlib.sha256(raw[end:]).digest(), recipient)


def _header_end(raw: bytes | bytearray) -> int:
    """Where the body begins, its blank line included; -1 while that cannot be told."""
    end = raw.find(b"\r\n\r\n", 0, _HEADER_LIMIT + 4)
    return end if end >= 0 or len(raw) <= _HEADER_LIMIT + 4 else _HEADER_LIMIT


def _key(header: bytes, body_digest: bytes, recipient: str) -> str:
    found = _MESSAGE_ID.search(header)
    name = b"".join(found[1].split()) if found else b""
    told = hashlib.sha256(name or hashlib.sha256(header).digest())
    told.update(b"\0" + recipient.encode("utf-8", "surrogatepass") + b"\0" + body_digest)
    return told.hexdigest()
