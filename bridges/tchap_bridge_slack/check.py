"""What ``tchap-bridges check`` tells about Slack: reachability, clock, tokens, scopes, Socket Mode. Posts nothing."""

from collections.abc import Mapping

from tchap_bridge_slack.api import Api, opened
from tchap_bridge_slack.config import SlackConfig
from tchap_bridge_slack.refusals import add_scope
from tchap_bridge_slack.rights import SCOPES, expiry
from tchap_bridges.bridge import Finding, Level
from tchap_bridges.errors import BadCredentials, NotReady, Undeliverable
from tchap_bridges.i18n import Phrase, _

MANIFEST = _("l'application se crée avec bridges/tchap_bridge_slack/manifest.yaml, comme le dit docs/fr/slack.md")
_CLOCK = 60.0  # seconds by which ours may differ from Slack's


async def check(config: SlackConfig) -> list[Finding]:
    """The nearest first."""
    async with opened(config) as api:
        try:
            said, headers = await api.auth()
        except NotReady as error:
            remedy: str = _("vérifiez le pare-feu et HTTPS_PROXY : le pont joint slack.com et *.slack.com en HTTPS")
            return [Finding(subject=_("Slack"), level=Level.FAIL, detail=error.reason, remedy=remedy)]
        except (BadCredentials, Undeliverable) as error:
            remedy = error.remedy or MANIFEST
            return [Finding(subject=Phrase("bot_token"), level=Level.FAIL, detail=error.reason, remedy=remedy)]
        team = _("accepté par l'espace « {team} », sous le nom {bot}", team=said.get("team"), bot=said.get("user"))
        found = [Finding(subject=Phrase("bot_token"), level=Level.OK, detail=team)]
        found += _expiry(said)
        found += _scopes(headers)
        found += await _socket(api)
        found += _clock(api.offset)
        return found


def _expiry(said: Mapping[str, object]) -> list[Finding]:
    seconds = expiry(said)
    if seconds is None:
        return []
    return [
        Finding(
            subject=Phrase("bot_token"),
            level=Level.FAIL,
            detail=_("expire dans {n} min : la rotation des jetons est active", n=seconds // 60),
            remedy=_("elle ne se désactive pas : recréez l'application à partir de manifest.yaml"),
        )
    ]


def _scopes(headers: Mapping[str, str]) -> list[Finding]:
    """Slack names a token's scopes in each answer (docs.slack.dev/authentication, "X-OAuth-Scopes")."""
    told = headers.get("x-oauth-scopes")
    if told is None:
        return []
    has = {one.strip() for one in told.split(",")}
    missing = [scope for scope in SCOPES if scope not in has]
    if not missing:
        return [Finding(subject=_("droits"), level=Level.OK, detail=_("les {n} droits y sont", n=len(SCOPES)))]
    return [
        Finding(
            subject=_("droit {scope}", scope=scope),
            level=Level.FAIL,
            detail=_("manque, pour {what}", what=SCOPES[scope]),
            remedy=add_scope(scope),
        )
        for scope in missing
    ]


async def _socket(api: Api) -> list[Finding]:
    subject = Phrase("app_token")
    try:
        await api.socket_address()
    except BadCredentials as error:
        return [Finding(subject=subject, level=Level.FAIL, detail=error.reason, remedy=error.remedy or MANIFEST)]
    except Undeliverable as error:
        return [Finding(subject=subject, level=Level.FAIL, detail=error.reason, remedy=error.remedy or MANIFEST)]
    except NotReady as error:
        return [
            Finding(subject=subject, level=Level.WARN, detail=error.reason, remedy=_("recommencez dans une minute"))
        ]
    return [Finding(subject=subject, level=Level.OK, detail=_("accepté, le mode socket est actif"))]


def _clock(offset: float) -> list[Finding]:
    subject = _("horloge")
    if abs(offset) <= _CLOCK:
        return [Finding(subject=subject, level=Level.OK, detail=_("à l'heure de Slack"))]
    detail = _("à {n} s de celle de Slack", n=round(abs(offset)))
    return [Finding(subject=subject, level=Level.WARN, detail=detail, remedy=_("activez la synchronisation (NTP)"))]
