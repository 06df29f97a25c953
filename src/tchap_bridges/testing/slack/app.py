"""The app that is tested, as Slack knows it: its bot, its two tokens and what they may do."""

import hmac
from dataclasses import dataclass, field

from tchap_bridges.testing.slack.model import Bot, SlackError

# What a bridge asks for; a test takes away what it is about.
BOT_SCOPES = (
    *(f"{place}:{what}" for what in ("history", "read") for place in ("channels", "groups", "im", "mpim")),
    "channels:join",
    "channels:manage",
    "groups:write",
    "im:write",
    "mpim:write",
    "chat:write",
    "chat:write.customize",
    "commands",
    "emoji:read",
    "files:read",
    "files:write",
    "reactions:read",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
)


@dataclass(slots=True)
class Token:
    """A token and its state; `trouble` is the error that it earns: token_revoked, account_inactive, token_expired."""

    value: str
    scopes: list[str]
    trouble: str = ""

    def must_have(self, *accepted: str) -> None:
        """Raises SlackError("missing_scope") if it has none of `accepted`; no scope is needed where none is named."""
        if accepted and not set(accepted) & set(self.scopes):
            raise SlackError("missing_scope", needed=",".join(accepted), provided=",".join(self.scopes))


@dataclass(slots=True)
class App:
    """An installed app. `installed` ends with app_uninstalled."""

    bot: Bot
    bot_token: Token
    app_token: Token
    name: str
    installed: bool = True
    socket_mode: bool = True
    other_tokens: list[Token] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.bot.app_id

    def token(self, value: str) -> Token:
        """The token of these words. Raises SlackError: not_authed, invalid_auth, and what has become of the token."""
        if not value:
            raise SlackError("not_authed")
        for token in (self.bot_token, self.app_token, *self.other_tokens):
            if hmac.compare_digest(token.value.encode(), value.encode()):
                if token.trouble:
                    raise SlackError(token.trouble)
                return token
        raise SlackError("invalid_auth")
