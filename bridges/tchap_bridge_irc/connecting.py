"""From a configuration to a session that the network has welcomed, or to words that say why not."""

import ssl
from asyncio import open_connection, timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_irc.questions import lost
from tchap_bridge_irc.refusals import refused
from tchap_bridge_irc.registration import Plan
from tchap_bridge_irc.sasl import External, Mechanism, Plain
from tchap_bridge_irc.scram import Scram
from tchap_bridge_irc.session import Session
from tchap_bridges.bridge import Logger
from tchap_bridges.errors import Misconfigured, NotReady
from tchap_bridges.i18n import _

CONNECT_SECONDS = 30.0
_UNTRUSTED = frozenset({18, 19, 20, 21})
"""OpenSSL's verify codes of a certificate that nobody here vouches for (X509_V_ERR_…, openssl-verification-options)."""
_OTHER_NAME = frozenset({62, 64})
"""… and of one that is sound and somebody else's: another host name, another address."""


@asynccontextmanager
async def connected(config: IrcConfig, log: Logger) -> AsyncIterator[Session]:
    """A session, welcomed. Raises `NotReady`, `BadCredentials` or `Misconfigured`."""
    try:
        async with timeout(CONNECT_SECONDS):
            reader, writer = await open_connection(config.host, config.at, ssl=tls(config), limit=1 << 20)
    except ssl.SSLError as error:
        raise distrusted(error, config) from error
    except (OSError, TimeoutError) as error:
        if config.security == "tls":
            said = _("{host}:{port} ne répond pas, ou n'est pas un port TLS", host=config.host, port=config.at)
        else:
            said = _("{host}:{port} ne répond pas", host=config.host, port=config.at)
        raise NotReady(said) from error
    session = Session(config, plan(config), reader, writer, log)
    try:
        try:
            async with timeout(CONNECT_SECONDS):
                ended = await session.register()
        except TimeoutError as error:
            raise NotReady(
                _("{host}:{port} prend la connexion et n'accueille pas", host=config.host, port=config.at)
            ) from error
        except OSError as error:
            raise lost() from error
        if ended is not None:
            raise refused(ended)
        yield session
    finally:
        await session.close("pont")


def tls(config: IrcConfig) -> ssl.SSLContext | None:
    """Checks the server's certificate and its name, always (CVE-2022-45197 is what happens else).

    Raises `Misconfigured` for a certificate or an authority that cannot be loaded.
    """
    if config.security == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=config.tls_authority)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(
            _("l'autorité de certification ne peut pas être lue : {why}", why=error.strerror or str(error)),
            where="tls_authority",
            remedy=_("Donnez le chemin d'un fichier PEM qui contient le certificat de l'autorité."),
        ) from error
    files = config.files()
    if files is not None:
        try:
            context.load_cert_chain(*files)
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(
                _("le certificat ne peut pas être chargé : {why}", why=error.strerror or str(error)),
                where="certificate",
                remedy=_("Vérifiez que « certificate » et « certificate_key » vont ensemble et sont lisibles."),
            ) from error
    return context


def distrusted(error: ssl.SSLError, config: IrcConfig) -> NotReady:
    """Why TLS came to nothing, and what to write where. Nothing was said to the server yet, no password either."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        said = _(
            "la connexion chiffrée à {host}:{port} a échoué ({why}) : est-ce bien un port TLS ? 6697 d'ordinaire",
            host=config.host,
            port=config.at,
            why=error.reason or "TLS",
        )
    elif error.verify_code in _OTHER_NAME:
        said = _(
            "le certificat de {host} est au nom d'un autre ({why}) : rien n'a été envoyé ; écrivez dans « host » le nom"
            " que porte le certificat",
            host=config.host,
            why=error.verify_message,
        )
    elif error.verify_code in _UNTRUSTED:
        said = _(
            "le certificat de {host} n'est signé par aucune autorité connue ({why}) : rien n'a été envoyé ; si le"
            " réseau a sa propre autorité, donnez-la par « tls_authority »",
            host=config.host,
            why=error.verify_message,
        )
    else:
        said = _("le certificat de {host} est refusé : {why}", host=config.host, why=error.verify_message)
    return NotReady(said)


def plan(config: IrcConfig) -> Plan:
    """As whom to register. A password is proven by SCRAM where that is offered, which does not show it."""
    mechanisms: list[Mechanism] = []
    if config.sasl == "plain" and config.account is not None and config.password is not None:
        password = config.password.get_secret_value()
        mechanisms += [Scram(config.account, password), Plain(config.account, password)]
    elif config.sasl == "external":
        mechanisms.append(External(config.account or ""))
    return Plan(
        nick=config.nick,
        user=config.nick,
        realname=config.real_name,
        password=config.server_password.get_secret_value() if config.server_password else "",
        sasl=mechanisms,
    )
