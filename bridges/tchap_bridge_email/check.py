"""What ``tchap-bridges check`` tells about mail: doors, way out, mailboxes, domain. Sends no mail, reads none."""

import asyncio
import ssl
from collections.abc import Sequence

import aiosmtplib

from tchap_bridge_email.check_dns import Lookup, check_dns, system_lookup
from tchap_bridge_email.config import EmailConfig, Mailbox
from tchap_bridge_email.imap_client import Account, signed_in
from tchap_bridges.bridge import Finding, Level
from tchap_bridges.errors import BadCredentials, NotReady
from tchap_bridges.fields import Endpoint
from tchap_bridges.i18n import Phrase, _

_SECONDS = 15.0


async def check(
    config: EmailConfig, *, lookup: Lookup = system_lookup, tls: ssl.SSLContext | None = None
) -> list[Finding]:
    """The nearest first. ``tls`` decides on the servers' certificates."""
    tls = tls or ssl.create_default_context()
    doors = [(config.listen.smtp, "listen.smtp"), (config.listen.lmtp, "listen.lmtp")]
    async with asyncio.TaskGroup() as asking:
        tasks: list[asyncio.Task[Sequence[Finding]]] = [
            *(asking.create_task(_door(endpoint, key)) for endpoint, key in doors if endpoint is not None),
            asking.create_task(_submission(config, tls)),
            *(asking.create_task(_mailbox(mailbox, tls)) for mailbox in config.mailboxes),
            asking.create_task(
                check_dns(
                    config.domain,
                    selector=config.dkim_selector,
                    receives=config.listen.smtp is not None or config.listen.lmtp is not None,
                    lookup=lookup,
                )
            ),
        ]
    return [*_rules(config), *(finding for task in tasks for finding in task.result())]


def _rules(config: EmailConfig) -> list[Finding]:
    if "*" not in config.allowed_domains:
        return []
    return [
        Finding(
            subject="allowed_domains",
            level=Level.WARN,
            detail=_("« * » laisse lier n'importe quelle adresse du monde sans preuve"),
            remedy=_("nommez les domaines de vos listes ; les autres se prouvent par un code"),
        )
    ]


async def _door(endpoint: Endpoint, key: str) -> list[Finding]:
    """Ours answers with its name; nobody may answer while the bridge is stopped; another program must not."""
    subject, shown = Phrase(key), endpoint.shown
    try:
        async with asyncio.timeout(5):
            if endpoint.unix:
                reader, writer = await asyncio.open_unix_connection(endpoint.host)
            else:
                host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(endpoint.host, endpoint.host)  # noqa: S104
                reader, writer = await asyncio.open_connection(host, endpoint.port)
            try:
                greeting = await reader.readline()
            finally:
                writer.close()
    except OSError:
        return [Finding(subject=subject, level=Level.OK, detail=_("{shown} est libre (pont arrêté)", shown=shown))]
    if b"tchap-bridges" in greeting:
        return [Finding(subject=subject, level=Level.OK, detail=_("le pont répond sur {shown}", shown=shown))]
    return [
        Finding(
            subject=subject,
            level=Level.FAIL,
            detail=_("un autre programme répond sur {shown}", shown=shown),
            remedy=_("changez cette adresse, ou arrêtez-le (« ss -lntp » dit lequel)"),
        )
    ]


async def _submission(config: EmailConfig, tls: ssl.SSLContext) -> list[Finding]:
    relay = config.submission
    subject = _("envoi par {host}:{port}", host=relay.host, port=relay.port)
    server = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.security == "tls",
        start_tls=relay.security == "starttls",
        tls_context=tls,
        local_hostname=config.domain,
        timeout=_SECONDS,
    )

    def failed(detail: str, remedy: str) -> list[Finding]:
        return [Finding(subject=subject, level=Level.FAIL, detail=detail, remedy=remedy)]

    try:
        await server.connect()
        if relay.user is not None and relay.password is not None:
            await server.login(relay.user, relay.password.get_secret_value())
        await server.quit()
    except aiosmtplib.SMTPAuthenticationError as error:
        return failed(
            _("identifiants refusés ({said})", said=f"{error.code} {error.message}"),
            _("corrigez submission.user et submission.password"),
        )
    except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPServerDisconnected, OSError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return failed(
                _("certificat refusé ({reason})", reason=cause.verify_message),
                _("submission.host doit être le nom que porte le certificat"),
            )
        return failed(
            _("ne répond pas ({reason})", reason=str(cause) or type(cause).__name__),
            _("vérifiez submission.host, .port et .security, et le pare-feu"),
        )
    except aiosmtplib.SMTPException as error:
        return failed(
            _("le serveur refuse ({said})", said=error.message),
            _("vérifiez submission.security et submission.port : tls 465, starttls 587, none 25"),
        )
    finally:
        server.close()
    detail = _("répond et nous reconnaît") if relay.user is not None else _("répond, sans authentification")
    return [Finding(subject=subject, level=Level.OK, detail=detail)]


async def _mailbox(mailbox: Mailbox, tls: ssl.SSLContext) -> list[Finding]:
    subject = _("boîte {address}", address=mailbox.address)
    account = Account(
        address=mailbox.address,
        host=mailbox.host,
        port=mailbox.port,
        security=mailbox.security,
        user=mailbox.user,
        password=mailbox.password.get_secret_value(),
        folder=mailbox.folder,
        tls=tls,
    )
    reached = False
    try:
        async with signed_in(account, seconds=_SECONDS) as session:
            reached = True
            await session.examine(mailbox.folder)
    except BadCredentials as error:
        return [
            Finding(
                subject=subject,
                level=Level.FAIL,
                detail=error.reason,
                remedy=_("corrigez user et password de cette boîte"),
            )
        ]
    except NotReady as error:
        remedy = (
            _("le dossier « {folder} » n'existe pas, ou n'est pas à cet utilisateur", folder=mailbox.folder)
            if reached
            else _("vérifiez host, port et security : tls 993, starttls 143")
        )
        return [Finding(subject=subject, level=Level.FAIL, detail=error.reason, remedy=remedy)]
    return [Finding(subject=subject, level=Level.OK, detail=_("se lit, dossier {folder}", folder=mailbox.folder))]
