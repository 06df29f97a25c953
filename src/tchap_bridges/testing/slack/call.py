"""One call of a Web API method, as its handler sees it: who asks, with what, in which workspace."""

import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from tchap_bridges.testing.slack.app import App, Token
from tchap_bridges.testing.slack.arguments import Arguments, missing
from tchap_bridges.testing.slack.model import Channel, Json, Kind, SlackError
from tchap_bridges.testing.slack.workspace import Workspace

if TYPE_CHECKING:
    from tchap_bridges.testing.slack.sockets import Sockets

T = TypeVar("T")
_SCOPE_OF: dict[Kind, str] = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}


@dataclass(slots=True)
class Call:
    method: str
    arguments: Arguments
    app: App
    token: Token
    workspace: Workspace
    sockets: "Sockets"
    base: str  # where this server is reached, as the caller writes it: http://127.0.0.1:1234

    @property
    def me(self) -> str:
        """The id of the bot's user."""
        return self.app.bot.user_id

    def may(self, what: str, kind: Kind) -> None:
        """Raises SlackError("missing_scope") where the token may not do `what` (read, history) in such a place."""
        self.token.must_have(f"{_SCOPE_OF[kind]}:{what}")

    def channel(self, name: str = "channel", *, what: str = "", by_name: bool = False) -> Channel:
        """The channel that an argument names, if the bot may see it: a private one of others does not exist for it.

        Raises SlackError: channel_not_found, missing_scope.
        """
        given = self.arguments.text(name, "" if by_name else None)
        workspace = self.workspace
        known = given if by_name and given else given if given in workspace.channels else ""
        if not known:
            raise SlackError("channel_not_found")
        channel = workspace.channel(known)
        if channel.kind != "public" and self.me not in channel.members:
            raise SlackError("channel_not_found")
        if what:
            self.may(what, channel.kind)
        return channel

    def joined(self, channel: Channel) -> Channel:
        """Raises SlackError("not_in_channel")."""
        if self.me not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def page(
        self, all_: Sequence[T], key: Callable[[T], str], *, default: int, most: int = 1000
    ) -> tuple[list[T], str]:
        """The page that `cursor` and `limit` ask for, and the next cursor, empty at the end.

        A cursor names the first of the next page by its `key`: what comes in meanwhile shifts nothing.
        Raises SlackError: invalid_cursor, invalid_limit.
        """
        limit = self.arguments.number("limit", default, most=most)
        start, wanted = 0, self._cursor()
        if wanted:
            start = next((at for at, one in enumerate(all_) if key(one) == wanted), -1)
            if start < 0:
                raise SlackError("invalid_cursor")
        rest = start + limit
        cursor = base64.b64encode(f"next:{key(all_[rest])}".encode()).decode() if rest < len(all_) else ""
        return list(all_[start:rest]), cursor

    def _cursor(self) -> str:
        try:
            word, _, key = base64.b64decode(self.arguments.text("cursor", ""), validate=True).decode().partition(":")
        except ValueError as error:
            raise SlackError("invalid_cursor") from error
        if (word, key) != ("", "") and (word != "next" or not key):
            raise SlackError("invalid_cursor")
        return key


Handler: TypeAlias = Callable[[Call], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the Web API. scopes: any of them opens it. tier: calls a minute, 0 for its own rule.

    json: whether it reads a JSON body; for_app: whether it wants the app-level token (xapp).
    """

    handler: Handler
    scopes: tuple[str, ...] = ()
    tier: int = 50
    json: bool = True
    for_app: bool = False


def next_page(cursor: str) -> Json:
    return {"response_metadata": {"next_cursor": cursor}}


def required(call: Call, name: str) -> Any:
    """An argument as it came. Raises SlackError("invalid_arguments")."""
    if not call.arguments.has(name):
        raise missing(name)
    return call.arguments.given[name]
