"""Slash commands: the envelope that asks, and the address where the app answers later than with its ack.

Source: docs.slack.dev/interactivity/implementing-slash-commands and handling-user-interaction.
"""

import json
import secrets

from aiohttp import web

from tchap_bridges.testing.slack.app import App
from tchap_bridges.testing.slack.blocks import check_blocks
from tchap_bridges.testing.slack.composer import escaped
from tchap_bridges.testing.slack.model import Channel, Message, SlackError, User
from tchap_bridges.testing.slack.sockets import Delivery, Sockets
from tchap_bridges.testing.slack.workspace import Workspace

MOST_ANSWERS = 5  # to one response_url, within half an hour


class Commands:
    """The commands that people gave, and what they were answered."""

    def __init__(self, workspace: Workspace, app: App, sockets: Sockets) -> None:
        self._workspace, self._app, self._sockets = workspace, app, sockets
        self._asked: dict[str, tuple[Channel, User, int]] = {}  # by ticket; how often it may still be answered

    def send(self, channel: Channel, user: User, command: str, text: str) -> Delivery:
        ticket = secrets.token_urlsafe(12)
        self._asked[ticket] = (channel, user, MOST_ANSWERS)
        names = {"im": "directmessage", "mpim": "directmessage", "private": "privategroup"}
        payload = {
            "token": "verification-token",
            "team_id": self._workspace.team.id,
            "team_domain": self._workspace.team.domain,
            "channel_id": channel.id,
            "channel_name": names.get(channel.kind, channel.name),
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": self._app.id,
            "response_url": f"{self._workspace.url}/commands/{ticket}",
            "trigger_id": f"{secrets.randbelow(10**9)}.{self._workspace.team.id}",
        }
        return self._sockets.ask("slash_commands", payload)

    async def take_answer(self, request: web.Request) -> web.Response:
        """What the app posts to a response_url: for the person alone, or with response_type in_channel for all."""
        channel, user, left = self._asked.get(request.match_info["ticket"], (None, None, 0))
        if channel is None or user is None or left < 1:
            return web.Response(status=404, text="used_url" if channel else "no_service")
        try:
            said = json.loads(await request.text())
            text, blocks = str(said.get("text", "")), said.get("blocks")
            check_blocks(blocks or [])
        except (ValueError, AttributeError, SlackError) as error:
            return web.Response(status=400, text=error.error if isinstance(error, SlackError) else "invalid_payload")
        if not (text or blocks):
            return web.Response(status=400, text="no_text")
        self._asked[request.match_info["ticket"]] = (channel, user, left - 1)
        bot = self._app.bot
        message = Message(self._workspace.new_ts(), channel.id, bot.user_id, escaped(text), bot_id=bot.id)
        message.blocks = self._workspace.blocks(text, blocks)
        if said.get("response_type") == "in_channel":
            self._workspace.store(message)
        else:
            self._workspace.ephemeral.append((user.id, message))
            self._workspace.changed()
        return web.Response(text="ok")
