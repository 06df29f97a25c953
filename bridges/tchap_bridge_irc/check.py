"""What ``tchap-bridges check`` tells about an IRC network: the way there, the account, and what can be relied on.

It registers as the bridge would, under a nick beside its own, and enters no channel.
"""

import ssl
from collections.abc import Iterator, Sequence

import structlog

from tchap_bridge_irc import history
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.connecting import connected
from tchap_bridge_irc.session import Session
from tchap_bridges.bridge import Finding, Level
from tchap_bridges.errors import BadCredentials, Misconfigured, NotReady
from tchap_bridges.i18n import Phrase, _

FAST = 10.0
"""Lines a second above which most networks throw somebody out."""


async def check(config: IrcConfig) -> Sequence[Finding]:
    """From the nearest to the farthest; after the first failure there is nothing farther."""
    subject = _("connexion à {host}:{port}", host=config.host, port=config.at)
    found = [*_rules(config)]
    try:
        async with connected(_beside(config), structlog.get_logger(__name__)) as session:
            found += [_reached(subject, config), *_registered(session, config), *_abilities(session)]
    except BadCredentials as error:
        found.append(Finding(subject=_("compte"), level=Level.FAIL, detail=error.reason, remedy=error.remedy))
    except Misconfigured as error:
        found.append(Finding(subject=Phrase(error.where), level=Level.FAIL, detail=error.reason, remedy=error.remedy))
    except NotReady as error:
        found.append(
            Finding(
                subject=subject,
                level=Level.FAIL,
                detail=error.reason,
                remedy=_("corrigez « host » ou « tls_authority »")
                if isinstance(error.__cause__, ssl.SSLCertVerificationError)
                else _("vérifiez host, port et security (tls 6697, none 6667), et le pare-feu"),
            )
        )
    return found


def _beside(config: IrcConfig) -> IrcConfig:
    """The same under another nick: the bridge may be running, and must not lose its own."""
    return config.model_copy(update={"nick": f"{config.nick[:26]}-chk"})


def _rules(config: IrcConfig) -> Iterator[Finding]:
    flood = config.flood
    if flood.seconds and 1 / flood.seconds <= FAST:
        detail = _(
            "{burst} lignes d'affilée, puis une toutes les {seconds} s ; {bytes} octets en route au plus",
            burst=flood.burst,
            seconds=f"{flood.seconds:g}",
            bytes=flood.bytes,
        )
        yield Finding(subject=Phrase("flood"), level=Level.OK, detail=detail)
    else:
        yield Finding(
            subject=Phrase("flood"),
            level=Level.WARN,
            detail=_("le pont enverra plus vite que la plupart des réseaux ne le supportent"),
            remedy=_("gardez « burst: 5, seconds: 1 », sauf exemption donnée par les opérateurs du réseau"),
        )


def _reached(subject: Phrase, config: IrcConfig) -> Finding:
    if config.security == "none":
        return Finding(
            subject=subject,
            level=Level.WARN,
            detail=_("répond, sans chiffrement : sur cette machine seulement"),
            remedy=_("hors de 127.0.0.1, mettez security: tls"),
        )
    return Finding(subject=subject, level=Level.OK, detail=_("répond, chiffrée, certificat et nom vérifiés"))


def _registered(session: Session, config: IrcConfig) -> Iterator[Finding]:
    network = session.support.network or config.host
    if config.sasl == "none":
        yield Finding(
            subject=_("compte"),
            level=Level.OK,
            detail=_("accueilli par {network}, sans compte : le pseudo « {nick} » n'est à personne", network=network,
                     nick=config.nick),
        )  # fmt: skip
    else:
        account = session.account or config.account or ""
        yield Finding(
            subject=_("compte"), level=Level.OK, detail=_("{network} nous connaît : {account}", network=network,
                                                          account=account),
        )  # fmt: skip
    if len(config.nick) > session.support.nicklen:
        yield Finding(
            subject=Phrase("nick"),
            level=Level.WARN,
            detail=_(
                "« {nick} » est trop long ici : {most} caractères", nick=config.nick, most=session.support.nicklen
            ),
            remedy=_("choisissez un « nick » plus court"),
        )


def _abilities(session: Session) -> Iterator[Finding]:
    """What people can rely on there, and what they cannot."""
    if session.exact:
        yield Finding(
            subject=_("remise"), level=Level.OK, detail=_("exacte : le réseau confirme chaque message (label, écho)")
        )
    else:
        yield Finding(
            subject=_("remise"),
            level=Level.WARN,
            detail=_(
                "la remise exacte n'est pas possible ici : après une coupure au mauvais moment, un message est dit"
                " « peut-être non remis » et n'est pas renvoyé"
            ),
            remedy=_("il y faut labeled-response et echo-message, que ce serveur n'a pas"),
        )
    if session.has(history.CAP, "batch"):
        yield Finding(
            subject=_("historique"), level=Level.OK, detail=_("ce qui se dit pendant une absence du pont est rattrapé")
        )
    elif "H" in session.support.chanmodes.set_only:
        yield Finding(
            subject=_("historique"),
            level=Level.OK,
            detail=_("rattrapé sur les canaux qui ont le mode +H, par exemple : /mode #canal +H 50:1d"),
        )
    else:
        yield Finding(
            subject=_("historique"),
            level=Level.WARN,
            detail=_("le réseau n'en a pas : ce qui se dit pendant une absence du pont est perdu, et le salon le sait"),
            remedy=_("rien à faire de ce côté-ci"),
        )
    tags = session.has("message-tags")
    yield Finding(
        subject=_("réactions, réponses"),
        level=Level.OK,
        detail=_("elles passent") if tags else _("le réseau n'en a pas : les réactions ne passent pas"),
    )
