"""What the operator writes under ``bridges:`` to reach a Slack workspace.

::

    bridges:
      slack:
        bot_token: !file slack-bot.secret    # xoxb-…: what the app may do in the workspace
        app_token: !file slack-app.secret    # xapp-…: how its events reach us

The app is made from ``manifest.yaml``, beside this file.
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, field_validator

from tchap_bridges.bridge import Destination
from tchap_bridges.fields import Secret, Section, Url, loopback
from tchap_bridges.i18n import Phrase, _

SLACK: Final = "https://slack.com/api"
BOT_TOKEN_PLACE: Final = _(
    "il se trouve sur https://api.slack.com/apps, dans votre application, page « OAuth & Permissions », "
    "« Bot User OAuth Token »"
)
APP_TOKEN_PLACE: Final = _(
    "il se crée sur https://api.slack.com/apps, dans votre application, page « Basic Information », "
    "« App-Level Tokens », avec le droit connections:write"
)
_OTHERS: Final = {
    "xoxp-": _("un jeton d'utilisateur"),
    "xoxe-": _("un jeton de renouvellement"),
    "xoxs-": _("un jeton de session"),
    "xoxc-": _("un jeton de navigateur"),
    "xoxa-": _("un jeton d'espace, que Slack ne donne plus"),
}


def _kind(token: str) -> Phrase:
    return next((kind for start, kind in _OTHERS.items() if token.startswith(start)), _("autre chose"))


def _in_clear(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not loopback(parts.hostname or ""):
        raise ValueError(
            _("« {url} » enverrait jetons et messages en clair", url=url),
            _("écrivez https://… ; http:// n'est permis que vers 127.0.0.1"),
        )
    return url


class Pace(Section):
    """How fast we post in one channel: ``burst`` at once, then one every ``seconds``. Slack allows one a second."""

    burst: Annotated[int, Field(ge=1, le=10)] = 3
    seconds: Annotated[float, Field(ge=0, le=60)] = 1.0


class CatchUp(Section):
    """How far back we look for what was said while we were away; what lies further is told as a number."""

    days: Annotated[float, Field(gt=0, le=90)] = 7
    messages: Annotated[int, Field(ge=1, le=10_000)] = 500


class SlackConfig(Section):
    """One workspace. ``shared_channels``: whether channels that another organisation is in may be linked."""

    bot_token: Secret
    app_token: Secret
    destination: Destination = Destination.ABROAD
    api: Annotated[Url, AfterValidator(_in_clear)] = SLACK
    file_mb: Annotated[int, Field(ge=1, le=1024)] = 100
    shared_channels: bool = False
    pace: Pace = Pace()
    catch_up: CatchUp = CatchUp()

    @field_validator("bot_token")
    @classmethod
    def _bot(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token.startswith("xoxe.xoxb-"):
            raise ValueError(
                _("ce jeton expire au bout de 12 heures : la rotation des jetons est active pour cette application"),
                _("elle ne se désactive pas : recréez l'application à partir de manifest.yaml, qui ne l'active pas"),
            )
        if token.startswith("xapp-"):
            raise ValueError(_("c'est le jeton d'application (xapp-…) : sa place est « app_token »"), BOT_TOKEN_PLACE)
        if not token.startswith("xoxb-"):
            raise ValueError(
                _("un jeton de robot commence par xoxb- ; ceci est {kind}", kind=_kind(token)), BOT_TOKEN_PLACE
            )
        return value

    @field_validator("app_token")
    @classmethod
    def _app(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token.startswith(("xoxb-", "xoxe.xoxb-")):
            raise ValueError(_("c'est le jeton du robot (xoxb-…) : sa place est « bot_token »"), APP_TOKEN_PLACE)
        if not token.startswith("xapp-"):
            raise ValueError(
                _("un jeton d'application commence par xapp- ; ceci est {kind}", kind=_kind(token)), APP_TOKEN_PLACE
            )
        return value
