"""The Echo protocol: one JSON object per line, in UTF-8, at most 64 KiB long. Pure: bytes in, frames out, no socket.

A client greets with `Hello`; then it asks `Request`s, each answered once by `Done` or `Failed` with the same number,
while the network tells what happened. What the network tells is repeated at the next session until it was `Ack`ed.

Whatever stands on a line, `decode` raises nothing but `RemoteViolation`: nobody else need be on guard. Frames are
frozen, and every text in them is clean already, on the way in and on the way out.
"""

import base64
import json
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter

from tchap_bridges.errors import RemoteViolation
from tchap_bridges.events import Form

LONGEST_LINE = 64 * 1024
TEXT_BYTES = 4000
FILE_BYTES = 8 * 1024 * 1024
CHUNK = 32 * 1024
"""Bytes of a file on one line: base64 and JSON around them stay well under `LONGEST_LINE`."""


def clean(text: object) -> object:
    """Text without control characters but tab and newline; what is no character at all becomes U+FFFD."""
    if not isinstance(text, str):
        return text  # the type checker of the frame will refuse it
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _category(c) == "Cs" else c for c in unix if c in "\t\n" or _category(c) != "Cc")


def one_line(text: object) -> object:
    """The same for a name: on one line, and without the marks that would turn what follows it around."""
    if not isinstance(text, str):
        return text
    turning = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    return " ".join("".join(c for c in str(clean(text)) if c not in turning).split())


def _short(text: object) -> object:
    return text[:200] if isinstance(text, str) else text


def _bytes(data: object) -> object:
    return base64.b64decode(data, validate=True) if isinstance(data, str) else data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


_category = unicodedata.category
Words = Annotated[str, BeforeValidator(clean)]
Id = Annotated[str, BeforeValidator(one_line)]
Name = Annotated[str, BeforeValidator(_short), BeforeValidator(one_line)]
Data = Annotated[bytes, BeforeValidator(_bytes), PlainSerializer(_base64, when_used="json")]


class Frame(BaseModel):
    """Any line. Keys that we do not know are passed over, so that a newer network can still be understood."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# From the client


class Hello(Frame):
    """The first line. Answered by `Welcome` or `Refused`."""

    kind: Literal["hello"] = "hello"
    nick: Name
    password: str = ""


class Ack(Frame):
    """This event is safe with us: never tell it again."""

    kind: Literal["ack"] = "ack"
    event: Id


class Writing(Frame):
    """Somebody writes, or stopped. Not answered."""

    kind: Literal["writing"] = "writing"
    chat: Id
    by: Name
    active: bool


class Request(Frame):
    """What is answered. ``request`` is the session's own number; ``key``, where there is one, makes it repeatable."""

    request: int = 0


class Join(Request):
    """Tell me what happens in the channel of that name, from now on and in all later sessions. `Done.id` is its id."""

    kind: Literal["join"] = "join"
    chat: Name


class Say(Request):
    """Post a message under the name ``by``. `Done.id` is its id; the same ``key`` again gives the same id."""

    kind: Literal["say"] = "say"
    key: Id
    chat: Id
    by: Name
    text: Words
    thread: Id = ""
    reply_to: Id = ""
    form: Form = Form.TEXT
    files: tuple[Id, ...] = ()


class Reword(Request):
    """New text for a message of ours."""

    kind: Literal["reword"] = "reword"
    message: Id
    text: Words


class Withdraw(Request):
    """Take a message of ours away."""

    kind: Literal["withdraw"] = "withdraw"
    message: Id


class React(Request):
    """Set a reaction. `Done.id` is its id."""

    kind: Literal["react"] = "react"
    key: Id
    message: Id
    by: Name
    symbol: Name


class Unreact(Request):
    """Take a reaction of ours back."""

    kind: Literal["unreact"] = "unreact"
    reaction: Id


class Upload(Request):
    """Bytes of a file; ``offset`` 0 begins anew. `Done.id` is the file's id, the same for the same ``key``."""

    kind: Literal["upload"] = "upload"
    key: Id
    name: Name
    mime: Name
    offset: int
    data: Data


class Fetch(Request):
    """Bytes of a file from ``offset`` on, in `Done.data`; none at its end."""

    kind: Literal["fetch"] = "fetch"
    file: Id
    offset: int


# From the network


class Welcome(Frame):
    """The nick is known. ``network`` is how the network calls itself."""

    kind: Literal["welcome"] = "welcome"
    network: Name


class Refused(Frame):
    """The nick or its password is wrong; the network hangs up."""

    kind: Literal["refused"] = "refused"
    reason: Name


class Why(StrEnum):
    """Whether asking again would help."""

    LATER = "later"
    NEVER = "never"
    UNKNOWN = "unknown"  # what the request names does not exist


class Done(Frame):
    """A request was carried out."""

    kind: Literal["done"] = "done"
    request: int
    id: Id = ""
    data: Data = b""


class Failed(Frame):
    """A request was not carried out. ``seconds``: ask again after so long."""

    kind: Literal["failed"] = "failed"
    request: int
    why: Why
    reason: Name
    seconds: float | None = None


class Typed(Frame):
    """Somebody writes, or stopped. Told once and not acknowledged: it means nothing later."""

    kind: Literal["typed"] = "typed"
    chat: Id
    nick: Id
    name: Name
    active: bool


class Attached(Frame):
    """A file of a message."""

    file: Id
    name: Name
    mime: Name
    size: int


class Happened(Frame):
    """What was done, by whom, in which channel. ``event`` is what `Ack` names."""

    event: Id
    at: AwareDatetime
    chat: Id
    nick: Id
    name: Name


class Said(Happened):
    """A message. ``mine``: we posted it ourselves; the network shows it to us as to everybody."""

    kind: Literal["said"] = "said"
    message: Id
    text: Words
    thread: Id = ""
    reply_to: Id = ""
    form: Form = Form.TEXT
    files: tuple[Attached, ...] = ()
    mine: bool = False


class Reworded(Happened):
    """A message has new text."""

    kind: Literal["reworded"] = "reworded"
    message: Id
    text: Words


class Withdrawn(Happened):
    """A message is gone."""

    kind: Literal["withdrawn"] = "withdrawn"
    message: Id


class Reacted(Happened):
    """A reaction was set, or taken back."""

    kind: Literal["reacted"] = "reacted"
    message: Id
    reaction: Id
    symbol: Name
    removed: bool = False


class Renamed(Happened):
    """The channel has another topic."""

    kind: Literal["renamed"] = "renamed"
    topic: Name


News = Said | Reworded | Withdrawn | Reacted | Renamed
"""What is told until it is acknowledged."""
FromNetwork = Welcome | Refused | Done | Failed | Typed | News
Asked = Join | Say | Reword | Withdraw | React | Unreact | Upload | Fetch
FromClient = Hello | Ack | Writing | Asked
AnyFrame = FromNetwork | FromClient

_ANY: TypeAdapter[AnyFrame] = TypeAdapter(Annotated[AnyFrame, Field(discriminator="kind")])


def encode(frame: Frame) -> bytes:
    """The line of a frame, its newline included."""
    return frame.model_dump_json().encode() + b"\n"


def decode(line: bytes) -> AnyFrame:
    """The frame on a line. Raises `RemoteViolation`, which tells what is wrong and nothing of what was said."""
    if len(line) > LONGEST_LINE:
        raise RemoteViolation(f"a line of more than {LONGEST_LINE} bytes")
    try:
        return _ANY.validate_python(json.loads(line.decode()))
    except RecursionError:
        raise RemoteViolation("a line nested too deep") from None
    except ValueError as error:  # json's, UTF-8's and pydantic's errors are all ValueErrors
        raise RemoteViolation(f"a line that is no frame ({type(error).__name__})") from None


class Lines:
    """Cuts what arrives into lines. Of a line that is too long only so much is kept that `decode` will refuse it."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that these bytes complete."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._keep(end)
            line, self._rest = bytes(self._rest), bytearray()
            yield line
        self._keep(rest)

    def _keep(self, data: bytes) -> None:
        self._rest += data[: LONGEST_LINE + 1 - len(self._rest)]
