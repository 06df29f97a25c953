"""How a call's arguments reach a method of the Web API: query, form, multipart and JSON are one.

Source: docs.slack.dev/apis/web-api/#basics (methods that take no JSON leave it unread).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web

from tchap_bridges.testing.slack.model import Json, SlackError

_TRUE = {"1", "true", "t", "yes", "on"}


@dataclass(slots=True)
class Arguments:
    """What was given, by name; `token` is what stood in the Authorization header or in the form."""

    given: Mapping[str, Any]
    token: str = ""
    warnings: list[str] = field(default_factory=list)

    def has(self, name: str) -> bool:
        value = self.given.get(name)
        return value is not None and value != ""

    def text(self, name: str, default: str | None = None) -> str:
        """Raises SlackError("invalid_arguments") when it is missing and has no default."""
        value = self.given.get(name)
        if value is None or value == "":
            if default is None:
                raise missing(name)
            return default
        return value if isinstance(value, str) else json.dumps(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.given.get(name)
        if isinstance(value, bool):
            return value
        return default if value is None or value == "" else str(value).lower() in _TRUE

    def number(self, name: str, default: int, *, most: int) -> int:
        """Raises SlackError("invalid_limit") for what is no number of 1 to `most`."""
        value = self.given.get(name)
        if value is None or value == "" or str(value) == "0":
            return default
        if not str(value).isdecimal():
            raise SlackError("invalid_limit")
        number = int(value)
        if not 1 <= number <= most:
            raise SlackError("invalid_limit")
        return number

    def structure(self, name: str, wanted: type, error: str) -> Any:
        """JSON that stands as itself, or as a string of it; None when it is missing. Raises SlackError(`error`)."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as wrong:
                raise SlackError(error) from wrong
        if not isinstance(value, wanted):
            raise SlackError(error)
        return value


def missing(name: str) -> SlackError:
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]})


async def read(request: web.Request, *, takes_json: bool) -> Arguments:
    """The arguments of a call. Raises SlackError: invalid_json, json_not_object, invalid_post_type."""
    given: Json = dict(request.query)
    given.pop("token", None)  # a token in an address ends in logs: Slack takes none there (changelog 2020-11)
    token = ""
    match request.content_type if request.method == "POST" and request.can_read_body else "":
        case "application/json":
            if takes_json:
                given |= _json(await request.text())
                given.pop("token", None)
        case "application/x-www-form-urlencoded" | "multipart/form-data":
            form = await request.post()
            given |= {name: value for name, value in form.items() if isinstance(value, str)}
            token = str(given.pop("token", ""))
        case "" | "application/octet-stream":
            pass
        case _:
            raise SlackError("invalid_post_type")
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("bearer "):
        token = header[7:].strip()
    return Arguments(given, token)


def _json(text: str) -> Json:
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise SlackError("invalid_json") from error
    if not isinstance(value, dict):
        raise SlackError("json_not_object")
    return cast("Json", value)
