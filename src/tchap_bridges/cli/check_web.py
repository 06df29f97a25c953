"""What ``check`` asks of the public address: that it answers, and that it is this bridge that does."""

import hmac

import aiohttp

from tchap_bridges.bridge import Finding, Level
from tchap_bridges.config import Settings
from tchap_bridges.core.secrets import Secrets
from tchap_bridges.core.shares import Tickets
from tchap_bridges.i18n import _
from tchap_bridges.store.sealing import derive

PATIENCE = aiohttp.ClientTimeout(total=10)


async def web(settings: Settings, *, running: bool) -> Finding:
    """A question that only this bridge's key can answer goes the way that everybody's requests go."""
    assert settings.web is not None
    url = settings.web.public_url
    tickets = Tickets(Secrets(derive(settings.storage.identity.get_secret_value(), "core")))
    question = tickets.question()
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.get(f"{url}/check/{question}", allow_redirects=False) as answer,
        ):
            status, said = answer.status, (await answer.content.read(1000)).strip()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return _silent(url, _("pas de réponse ({reason})", reason=str(error) or type(error).__name__), running=running)
    if status == 200 and hmac.compare_digest(said, tickets.proof(question).encode()):
        return Finding(subject=url, level=Level.OK, detail=_("mène à ce pont"))
    if status in {502, 503, 504}:
        return _silent(url, _("le mandataire n'atteint pas le pont ({status})", status=status), running=running)
    return Finding(
        subject=url,
        level=Level.FAIL,
        detail=_("un autre que ce pont y répond ({status}) : les liens ne mèneraient nulle part", status=status),
        remedy=_(
            "faites suivre cette adresse, chemin compris, à http://{listen} (docs/operate/links.md)",
            listen=settings.web.listen.shown,
        ),
    )


def _silent(url: str, detail: str, *, running: bool) -> Finding:
    if running:
        return Finding(
            subject=url,
            level=Level.FAIL,
            detail=detail,
            remedy=_("vérifiez son DNS, son certificat, le mandataire et web.listen (docs/operate/links.md)"),
        )
    return Finding(
        subject=url,
        level=Level.WARN,
        detail=detail,
        remedy=_("relancez check pendant que « tchap-bridges run » tourne"),
    )
