"""Structured logs on standard error: for people on a terminal, JSON for machines. Never a body or a secret.

What an error says is never written as it stands, for it repeats what others sent: a mail server names the recipient
that it refuses, a parser the words on which it broke. `harmless` says what may be written, and so do tracebacks here.
"""

import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, TextIO

import structlog

from tchap_bridges.i18n import Phrase

_CODE = re.compile(
    r"(?:[2-5]\d\d(?:[ -][245]\.\d{1,3}\.\d{1,3})?"  # SMTP (RFC 5321, RFC 3463), HTTP
    r"|M_[A-Z_]+|SQLITE_[A-Z_]+|(?=[A-Z]*\d)[0-9A-Z]{5}"  # Matrix, SQLite, SQLSTATE
    r"|[A-Z]\w*(?:Error|Exception|Timeout|Disconnected))"  # a class
    r"(?![\w.@-])"
)


def harmless(error: BaseException) -> Mapping[str, str]:
    """What a log may hold of an error: its kind, and our own sentence with numbers and codes, all else left out."""
    reason = _said(error)
    return {"error": type(error).__name__, **({"reason": reason} if reason else {})}


def _said(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None and type(error).__module__ == "builtins":
        return os.strerror(error.errno)  # without the name of the file, and not what a library makes of it
    words = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return words.outline(_shown) if isinstance(words, Phrase) else ""


def _shown(value: object) -> str:
    if isinstance(value, Phrase):
        return value.outline(_shown)
    if isinstance(value, int | float):
        return str(value)
    code = _CODE.match(str(value))
    if code is None:
        return "…"
    return code[0] if code.end() == len(str(value)) else f"{code[0]} …"


def set_up(level: str, style: Literal["console", "json"]) -> None:
    """Once, at the start of a command."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's warnings repeat what a stranger typed
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=style == "json"),  # eyes read the operator's own
            structlog.processors.ExceptionRenderer(_as_data if style == "json" else _as_text),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=_Forgiving(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _Plain(logging.Formatter):
    """For what libraries log."""

    def formatException(self, ei: Any) -> str:  # noqa: N802  its name in the standard library
        return _as_text(ei)


def _as_text(exc_info: _ExcInfo) -> str:
    """A traceback as Python prints it, the oldest cause first."""
    return "\n".join(_lines(exc_info[1]))


def _lines(error: BaseException) -> Iterator[str]:
    for each in reversed(list(_chain(error))):
        if each.__traceback__ is not None:
            yield "Traceback (most recent call last):"
            yield "".join(traceback.format_tb(each.__traceback__)).rstrip("\n")
        said = _said(each)
        yield f"{type(each).__qualname__}: {said}" if said else type(each).__qualname__
        if isinstance(each, BaseExceptionGroup):
            for part in each.exceptions:
                yield from (f"  | {line}" for text in _lines(part) for line in text.splitlines())


def _as_data(exc_info: _ExcInfo) -> list[dict[str, Any]]:
    """The same for machines, the newest first."""
    return [
        {
            "exc_type": type(each).__qualname__,
            "exc_value": _said(each),
            "frames": [
                {"filename": frame.filename, "lineno": frame.lineno, "name": frame.name}
                for frame in traceback.extract_tb(each.__traceback__)
            ],
            "exceptions": [_as_data((type(part), part, part.__traceback__)) for part in each.exceptions]
            if isinstance(each, BaseExceptionGroup)
            else [],
        }
        for each in _chain(exc_info[1])
    ]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came of, and so on. https://docs.python.org/3/library/exceptions.html#exception-context"""
    seen: set[int] = set()
    next_: BaseException | None = error
    while next_ is not None and id(next_) not in seen:
        seen.add(id(next_))
        yield next_
        next_ = next_.__cause__ or (None if next_.__suppress_context__ else next_.__context__)


class _Forgiving:
    """A stream for the log. On a full disk a line is lost, and nothing else: what wants to tell of it must go on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # full, or closed, or not of its characters
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):  # full, or closed, or not of its characters
            self._stream.flush()
