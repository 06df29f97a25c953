"""Mail out: one letter to the operator's submission server, one connection for each. Nothing is kept or retried here.

What went wrong is said in the words of `tchap_bridges.errors`: no answer or a 4xx is `NotReady` (tried again after 15
minutes), a 5xx is `Undeliverable`; a refused password, or one that nobody gave us, `BadCredentials`.
When the server falls silent after the final dot nobody can know the end: that is `Unanswered`, and the same Message-ID
will be sent again.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiosmtplib

from tchap_bridge_email import fields
from tchap_bridge_email.compose import Letter
from tchap_bridge_email.config import Security
from tchap_bridges.errors import BadCredentials, BridgeError, NotReady, Undeliverable
from tchap_bridges.i18n import _

_AGAIN = 15 * 60.0
_WANTS_MORE = 530
"""Said to MAIL: authenticate first (RFC 4954 section 6), or STARTTLS (RFC 3207 section 4)."""
_TOO_BIG = frozenset({552, 523})


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail; one that does not offer the ``security`` asked for gets none.

    ``tls`` decides on its certificate and is made once, for reading the system's authorities takes its time; ``name``
    is how we greet it.
    """

    host: str
    port: int
    security: Security
    name: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    connect_seconds: float = 30
    answer_seconds: float = 300


class Unanswered(NotReady):
    """The whole mail was handed over and no answer came: it may have been taken."""


class TooBig(Undeliverable):
    """The server takes no mail of that size. A smaller one may pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What the server said of each recipient once the mail was taken: one status each."""

    accepted: tuple[str, ...]
    refused: Mapping[str, Undeliverable]
    later: Mapping[str, NotReady]


async def submit(
    letter: Letter, recipients: Sequence[str], relay: Relay, *, handing: Callable[[], Awaitable[None]]
) -> Handover:
    """Hand the letter over for these recipients. ``handing`` is awaited just before the mail itself leaves.

    Raises `NotReady` (`Unanswered` when it may have been taken), `Undeliverable` (`TooBig`) or `BadCredentials` when
    nobody was accepted.
    """
    async with _session(relay) as server:
        largest = server.esmtp_extensions.get("size", "")
        if largest.isdigit() and 0 < int(largest) < len(letter.raw):
            raise TooBig(
                _("le serveur d'envoi refuse les courriels de plus de {size} Mo", size=int(largest) // 1_000_000),
                remedy=_("Envoyez une pièce jointe plus légère, ou un lien."),
            )
        accepted, refused, later = await _envelope(server, letter, recipients)
        if not accepted:
            raise next(iter(later.values()), None) or next(iter(refused.values()))
        await handing()
        try:
            await server.data(letter.raw, timeout=relay.answer_seconds)
        except aiosmtplib.SMTPDataError as error:
            raise _meaning(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unanswered(_("le serveur d'envoi n'a pas confirmé la réception")) from error
        return Handover(accepted=tuple(accepted), refused=refused, later=later)


async def _envelope(
    server: aiosmtplib.SMTP, letter: Letter, recipients: Sequence[str]
) -> tuple[list[str], dict[str, Undeliverable], dict[str, NotReady]]:
    wide = not all(one.isascii() for one in (letter.sender, *recipients)) or not letter.raw.isascii()
    if wide and not server.supports_extension("smtputf8"):
        raise Undeliverable(
            _("le serveur d'envoi n'accepte pas les adresses accentuées (SMTPUTF8)"),
            remedy=_("Utilisez une adresse sans accents."),
        )
    options = ["SMTPUTF8", "BODY=8BITMIME"] if wide else []
    if server.supports_extension("size"):
        options.append(f"SIZE={len(letter.raw)}")
    encoding = "utf-8" if wide else "ascii"
    await server.mail(letter.sender, options=options, encoding=encoding)
    accepted: list[str] = []
    refused: dict[str, Undeliverable] = {}
    later: dict[str, NotReady] = {}
    for recipient in recipients:
        try:
            await server.rcpt(recipient, encoding=encoding)
        except aiosmtplib.SMTPRecipientRefused as error:
            match _meaning(error.code, error.message):
                case Undeliverable() as refusal:
                    refused[recipient] = refusal
                case NotReady() as delay:
                    later[recipient] = delay
        else:
            accepted.append(recipient)
    return accepted, refused, later


@asynccontextmanager
async def _session(relay: Relay) -> AsyncIterator[aiosmtplib.SMTP]:
    """A greeted, protected and authenticated session. All that goes wrong before and around the mail is told here."""
    server = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.security == "tls",
        start_tls=relay.security == "starttls",
        tls_context=relay.tls,
        local_hostname=relay.name,
        timeout=relay.connect_seconds,
    )
    try:
        await server.connect()
        if relay.user is not None:
            await server.login(relay.user, relay.password or "")
        else:
            await server.ehlo()
        yield server
        _leave(server)
    except aiosmtplib.SMTPAuthenticationError as error:
        raise _unauthenticated(error) from error
    except aiosmtplib.SMTPSenderRefused as error:
        raise (_unconfigured(error) if error.code == _WANTS_MORE else _meaning(error.code, error.message)) from error
    except aiosmtplib.SMTPResponseException as error:
        raise _meaning(error.code, error.message) from error
    except aiosmtplib.SMTPNotSupported as error:
        raise _lacking(error) from error
    except ssl.SSLError as error:
        raise _untrusted(error) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise _untrusted(error.__cause__) from error
        if type(error) is aiosmtplib.SMTPException:  # its subclasses are faults; itself, no STARTTLS or no AUTH there
            raise _lacking(error) from error
        raise NotReady(_("le serveur d'envoi ne répond pas")) from error
    finally:
        server.close()


def _leave(server: aiosmtplib.SMTP) -> None:
    """QUIT for good manners. Its answer is not waited for: the mail is taken, and that has to be on disk soon.

    A crash before it is means the same mail again.
    """
    if isinstance(server.transport, asyncio.WriteTransport) and not server.transport.is_closing():
        server.transport.write(b"QUIT\r\n")


def _lacking(error: aiosmtplib.SMTPException) -> NotReady:
    return NotReady(
        _("le serveur d'envoi n'offre pas ce que la configuration demande : {said}", said=_said(error.message))
    )


def _untrusted(error: ssl.SSLError) -> NotReady:
    why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
    return NotReady(_("la connexion chiffrée au serveur d'envoi a échoué : {why}", why=_said(why or "")))


def _unauthenticated(error: aiosmtplib.SMTPAuthenticationError) -> BridgeError:
    """Only AUTH speaks of the password. Of its 4xx one does too: a password that has to be renewed (RFC 4954)."""
    if error.code < 500 and error.code != 432:
        return _meaning(error.code, error.message)
    return BadCredentials(
        _("le serveur d'envoi refuse notre identification : {said}", said=_reply(error.code, error.message)),
        remedy=_("Vérifiez « submission.user » et « submission.password »."),
    )


def _unconfigured(error: aiosmtplib.SMTPSenderRefused) -> BadCredentials:
    return BadCredentials(
        _(
            "le serveur d'envoi demande une identification ou un chiffrement que la configuration ne prévoit pas :"
            " {said}",
            said=_reply(error.code, error.message),
        ),
        remedy=_("Vérifiez « submission.user », « submission.password » et « submission.security »."),
    )


def _meaning(code: int, words: str) -> Undeliverable | NotReady:
    """A reply as the core understands it. RFC 5321 section 4.2.1: the first digit decides.

    One that has the code of a refused password but answers something else than AUTH is a refusal like any other: of
    this recipient, or of this mail. The password was taken.
    """
    said = _reply(code, words)
    if code in _TOO_BIG and not words.startswith("5.2"):  # 5.2.2 is a full mailbox (RFC 3463)
        return TooBig(
            _("le courriel est trop gros pour le serveur d'envoi : {said}", said=said),
            remedy=_("Envoyez une pièce jointe plus légère, ou un lien."),
        )
    if 500 <= code < 600:
        return Undeliverable(
            _("le serveur d'envoi a refusé le courriel : {said}", said=said),
            remedy=_("Vérifiez l'adresse du destinataire, ou demandez à l'administrateur la cause du refus."),
        )
    return NotReady(
        _("le serveur d'envoi demande d'attendre : {said}", said=said), retry_after=None if code == 421 else _AGAIN
    )


def _reply(code: int, words: str) -> str:
    return f"{code} {_said(words)}".strip()


def _said(words: str) -> str:
    return fields.clean(words.encode("utf-8", "replace").decode(), longest=200)
