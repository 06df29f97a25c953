"""Which events an app is told, and the wrapper that they come in: docs.slack.dev/apis/events-api."""

from collections.abc import Callable

from tchap_bridges.testing.slack.app import App
from tchap_bridges.testing.slack.model import Event, Json
from tchap_bridges.testing.slack.workspace import Workspace

_PLACES = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}
# The scope that an event needs; {place} is channels, groups, im or mpim.
SCOPES = {
    "message": "{place}:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "member_joined_channel": "{place}:read",
    "member_left_channel": "{place}:read",
    "channel_created": "channels:read",
    "channel_rename": "channels:read",
    "channel_archive": "channels:read",
    "channel_unarchive": "channels:read",
    "group_rename": "groups:read",
    "group_archive": "groups:read",
    "group_unarchive": "groups:read",
    "user_change": "users:read",
    "team_join": "users:read",
    "emoji_changed": "emoji:read",
    "file_created": "files:read",
    "file_shared": "files:read",
    "file_public": "files:read",
    "file_deleted": "files:read",
    "app_uninstalled": "",
    "tokens_revoked": "",
}


class Subscription:
    """What one app hears of a workspace. `types`: the events it subscribed to, all unless given."""

    def __init__(self, workspace: Workspace, app: App, deliver: Callable[[Json], object]) -> None:
        self._workspace, self._app, self._deliver = workspace, app, deliver
        self.types: set[str] = set(SCOPES)

    def hear(self, event: Event) -> None:
        if self._app.installed and event.type in self.types and self._may(event):
            self._deliver(self.wrapped(event))

    def _may(self, event: Event) -> bool:
        place = self._workspace.channels.get(event.channel)
        if place is not None and event.to_members and self._app.bot.user_id not in place.members:
            return False
        scope = SCOPES[event.type].format(place=_PLACES[place.kind] if place else "channels")
        if event.type in {"app_uninstalled", "tokens_revoked"}:
            return True
        return not self._app.bot_token.trouble and scope in self._app.bot_token.scopes

    def wrapped(self, event: Event) -> Json:
        """The payload event_callback around an event."""
        team, app = self._workspace.team.id, self._app
        who = {
            "enterprise_id": None,
            "team_id": team,
            "user_id": app.bot.user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": "verification-token",
            "team_id": team,
            "api_app_id": app.id,
            "event": dict(event.body),
            "type": "event_callback",
            "event_id": self._workspace.new_id("Ev"),
            "event_time": self._workspace.now(),
            "authorizations": [who],
            "is_ext_shared_channel": False,
            "event_context": f"4-{event.type}-{team}-{app.id}-{event.channel or team}",
        }
