"""A stand-in for Slack on loopback: Web API, Socket Mode and files over one workspace in memory."""

import zlib
from types import TracebackType
from typing import Self

from aiohttp import web

from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.slack import methods_files
from tchap_bridges.testing.slack.app import BOT_SCOPES, App, Token
from tchap_bridges.testing.slack.commands import Commands
from tchap_bridges.testing.slack.events import Subscription
from tchap_bridges.testing.slack.faults import Faults
from tchap_bridges.testing.slack.limits import Limits
from tchap_bridges.testing.slack.model import Channel, User
from tchap_bridges.testing.slack.page import Page
from tchap_bridges.testing.slack.sockets import Delivery, Sockets
from tchap_bridges.testing.slack.web_api import WebApi
from tchap_bridges.testing.slack.workspace import Workspace

_BIGGEST_BODY = 256 * 1024 * 1024


class Slack:
    """One workspace, one app, one port, running in `async with`, or from `start` to `stop`.

    `workspace` plays the people, `faults` what goes wrong, `api.asked` is what the app called, `sockets` what it was
    told. `faithful_limits`: the rate limits of Slack hold.
    """

    host = "127.0.0.1"

    def __init__(self, *, port: int = 0, name: str = "Essai", faithful_limits: bool = False) -> None:
        self.port = port or free_port()
        self.workspace = Workspace(name=name, domain=name.lower(), url=self.url)
        bot = self.workspace.add_bot("passerelle")
        self.app = App(
            bot,
            Token("xoxb-1-essai-jeton", list(BOT_SCOPES)),
            Token("xapp-1-essai-jeton", ["connections:write", "authorizations:read"]),
            "Passerelle",
        )
        self.faults = Faults()
        self.limits = Limits(faithful=faithful_limits)
        self.sockets = Sockets(self.app, self.faults, self.workspace.changed)
        self.api = WebApi(self.workspace, self.app, self.sockets, self.faults, self.limits)
        self.subscription = Subscription(self.workspace, self.app, self.sockets.deliver)
        self.commands = Commands(self.workspace, self.app, self.sockets)
        self._told = False
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    @property
    def api_url(self) -> str:
        """The `base_url` of slack_sdk's clients."""
        return f"{self.url}/api/"

    @property
    def bot_token(self) -> str:
        return self.app.bot_token.value

    @property
    def app_token(self) -> str:
        return self.app.app_token.value

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again, everything still known.

        The app hears of what happens from the first start on: what was there before is told to nobody.
        """
        if not self._told:
            self.workspace.listeners.append(self.subscription.hear)
            self._told = True
        app = web.Application(client_max_size=_BIGGEST_BODY)
        app.add_routes(
            [
                web.route("*", "/api/{method}", self.api.serve),
                web.get("/link/", self.sockets.serve),
                web.post("/upload/v1/{ticket}", self._take_upload),
                web.get("/files-pri/{file}/{name:.+}", self._give_file),
                web.get("/avatar/{id}", self._avatar),
                web.post("/commands/{ticket}", self.commands.take_answer),
                *Page(self.workspace).routes(),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()

    async def stop(self) -> None:
        """Stop listening and cut everybody off; people go on talking, and what is not acknowledged stays to be told."""
        runner, self._runner = self._runner, None
        self.sockets.stop()
        if runner is not None:
            await runner.cleanup()

    # ---- what people do to the app

    def command(self, channel: str | Channel, user: str | User, command: str, text: str = "") -> Delivery:
        """A slash command. `answer` of what is returned is what the app said with its ack; what it sends to the
        response_url is in `workspace.ephemeral`, or in the channel. Source: docs.slack.dev/interactivity.

        Raises SlackError("missing_scope") where the app has no commands.
        """
        self.app.bot_token.must_have("commands")
        place, who = self.workspace.channel(channel), self.workspace.user(user)
        return self.commands.send(place, who, command, text)

    # ---- what an administrator of the workspace may do to the app

    def revoke(self, error: str = "token_revoked") -> None:
        """Make the bot's token worth nothing; told as tokens_revoked. error: what calls are answered from now on."""
        self.app.bot_token.trouble = error
        self.workspace.emit("tokens_revoked", tokens={"oauth": [], "bot": [self.app.bot.user_id]})

    def restore(self) -> None:
        """The bot's token is good again."""
        self.app.bot_token.trouble = ""

    def drop_scope(self, *scopes: str) -> None:
        self.app.bot_token.scopes = [one for one in self.app.bot_token.scopes if one not in scopes]

    def grant_scope(self, *scopes: str) -> None:
        self.app.bot_token.scopes += [one for one in scopes if one not in self.app.bot_token.scopes]

    def uninstall(self) -> None:
        """Take the app out of the workspace; told as app_uninstalled and tokens_revoked, and nothing after."""
        self.workspace.emit("app_uninstalled")
        self.revoke("account_inactive")
        self.app.installed = False

    def disable_socket_mode(self) -> None:
        """As an administrator of the app does: open sockets hear link_disabled, no further one opens."""
        self.app.socket_mode = False
        self.sockets.disconnect("link_disabled")

    # ---- files and pictures

    async def _take_upload(self, request: web.Request) -> web.Response:
        return await methods_files.take_upload(request, self.workspace)

    async def _give_file(self, request: web.Request) -> web.Response:
        return await methods_files.give_file(request, self.workspace, self.app)

    async def _avatar(self, request: web.Request) -> web.Response:
        return web.Response(body=picture(request.match_info["id"]), content_type="image/png")


def picture(name: str) -> bytes:
    """A PNG of 8 by 8 points in a colour of its own for each name."""
    colour = zlib.crc32(name.encode()).to_bytes(4, "big")[:3]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (8).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    rows = zlib.compress((b"\x00" + colour * 8) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
