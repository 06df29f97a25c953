"""Whether a delivery comes from who holds the secret. Raw bytes, constant time, several secrets while one is replaced.

hmac-sha256: as GitHub, the signature of which others have taken up (``X-Hub-Signature-256: sha256=<hex>``)
GitHub: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
Forgejo: https://forgejo.org/docs/latest/user/webhooks
GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/
Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Grafana: https://grafana.com/docs/grafana/latest/alerting/contact-points/notifiers/webhook-notifier
Sentry: https://docs.sentry.io/integrations/integration-platform/webhooks/
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tchap_bridges.i18n import Phrase, _

TOLERANCE: Final = timedelta(minutes=5)
"""How far a signed time may lie from ours, before or after."""
_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_MOST_SIGNATURES: Final = 16

Headers = Mapping[str, str]


class Scheme(StrEnum):
    """How a sender proves itself.

    ``HMAC`` is for senders of one's own: ``X-Hub-Signature-256: sha256=`` and HMAC-SHA256 of the bytes in hex.
    ``FORGEJO`` also serves Gitea. ``AUTHORIZATION`` is a bearer token, or Basic with the secret ``user:password``, as
    Alertmanager sends. ``GRAFANA`` is its HMAC when it signs (Grafana has no name of its own for the header of the
    time: it is ``X-Grafana-Alerting-Timestamp`` here), else as ``AUTHORIZATION``. ``GITLAB`` is its signature when it
    signs, else its token. ``PATH``: the secret is part of the address, for senders that can do no better.
    """

    HMAC = "hmac-sha256"
    GITHUB = "github"
    FORGEJO = "forgejo"
    GITLAB = "gitlab"
    STANDARD = "standard"
    AUTHORIZATION = "authorization"
    GRAFANA = "grafana"
    SENTRY = "sentry"
    PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """``name`` is for logs and people. ``until``: aware, from when on it no longer opens; None for never."""

    name: str
    value: str = field(repr=False)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """``secret``: the name of the one that matched, None when the delivery is refused for ``reason``."""

    secret: str | None
    reason: Phrase | None = None

    def __bool__(self) -> bool:
        return self.secret is not None


class _Refusal(Exception):
    def __init__(self, reason: Phrase) -> None:
        super().__init__(reason)
        self.reason = reason


Proof = Callable[[bytes], bool]
"""Whether a secret's bytes made what came."""


def verify(
    scheme: Scheme, headers: Headers, body: bytes, known: Iterable[Secret], now: datetime, *, path: str = ""
) -> Verdict:
    """Whether one of the ``known`` secrets made this delivery. ``headers`` in any case of letters.

    ``path``: what the address bears, see `Scheme`. Every secret is tried, so that time tells nothing. An empty one
    opens nothing. No reason repeats a secret.
    """
    try:
        proof = _proof(scheme, lowered(headers), body, path, now)
    except _Refusal as refusal:
        return Verdict(None, refusal.reason)
    # A list, not a generator: whichever secret matches, as many are tried.
    matching = [one for one in [*known] if proof(one.value.encode("utf-8", "surrogatepass")) and one.value]
    live = [one for one in matching if one.until is None or now < one.until]
    if live:
        return Verdict(live[0].name)
    if matching:
        return Verdict(None, _("Le secret « {name} » a expiré.", name=matching[0].name))
    return Verdict(None, _("Aucun secret ne correspond."))


def make_secret(scheme: Scheme) -> str:
    """A new one, 256 bits, written as its sender wants it; Standard Webhooks asks for base64 after ``whsec_``."""
    if scheme in {Scheme.STANDARD, Scheme.GITLAB}:
        return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(32)


def _proof(scheme: Scheme, headers: Headers, body: bytes, path: str, now: datetime) -> Proof:
    match scheme:
        case Scheme.HMAC | Scheme.GITHUB:
            return _Signed(body, _given(headers, "x-hub-signature-256"), prefix="sha256=")
        case Scheme.FORGEJO:
            return _Signed(body, _given(headers, "x-forgejo-signature", "x-gitea-signature"))
        case Scheme.SENTRY:
            return _Signed(body, _given(headers, "sentry-hook-signature"))
        case Scheme.STANDARD:
            return _standard(headers, body, now)
        case Scheme.GITLAB:
            if "webhook-signature" in headers:
                return _standard(headers, body, now)
            return _Same(_given(headers, "x-gitlab-token"))
        case Scheme.AUTHORIZATION:
            return _authorization(headers)
        case Scheme.GRAFANA:
            return _grafana(headers, body, now)
        case Scheme.PATH:
            if not path:
                raise _Refusal(_("L'adresse ne porte pas de secret."))
            return _Same(path)


@dataclass(frozen=True, slots=True)
class _Same:
    """The secret itself came."""

    given: str

    def __call__(self, secret: bytes) -> bool:
        return hmac.compare_digest(self.given.encode("utf-8", "surrogatepass"), secret)


@dataclass(frozen=True, slots=True)
class _Basic:
    """The secret itself came, in base64 (RFC 7617)."""

    given: str

    def __call__(self, secret: bytes) -> bool:
        return hmac.compare_digest(self.given.encode("utf-8", "surrogatepass"), base64.b64encode(secret))


@dataclass(frozen=True, slots=True)
class _Signed:
    """HMAC-SHA256 in lower-case hex. Compared as text: what a decoder would forgive is refused."""

    message: bytes
    given: str
    prefix: str = ""

    def __call__(self, secret: bytes) -> bool:
        expected = self.prefix + hmac.new(secret, self.message, hashlib.sha256).hexdigest()
        return hmac.compare_digest(self.given.encode("utf-8", "surrogatepass"), expected.encode())


@dataclass(frozen=True, slots=True)
class _Standard:
    """HMAC-SHA256 in base64, one of several, under a key that is itself written in base64."""

    message: bytes
    given: Sequence[bytes]

    def __call__(self, secret: bytes) -> bool:
        try:
            key = base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            return False
        expected = b"v1," + base64.b64encode(hmac.new(key, self.message, hashlib.sha256).digest())
        return bool(key) and any([hmac.compare_digest(one, expected) for one in self.given])  # noqa: C419  all are tried


def _standard(headers: Headers, body: bytes, now: datetime) -> Proof:
    delivery = _given(headers, "webhook-id")
    sent = _given(headers, "webhook-timestamp")
    _recent(sent, now)
    signatures = _given(headers, "webhook-signature").encode("utf-8", "surrogatepass").split(b" ")
    message = b".".join((delivery.encode("utf-8", "surrogatepass"), sent.encode(), body))
    return _Standard(message, signatures[:_MOST_SIGNATURES])


def _grafana(headers: Headers, body: bytes, now: datetime) -> Proof:
    if "x-grafana-alerting-signature" not in headers:
        return _authorization(headers)
    signature = headers["x-grafana-alerting-signature"]
    sent = headers.get("x-grafana-alerting-timestamp")
    if sent is not None:
        _recent(sent, now)
        return _Signed(sent.encode() + b":" + body, signature)
    if not body.startswith(b"{"):
        # What was signed with its time could otherwise come again, the time moved into the body.
        raise _Refusal(_("La signature ne couvre pas un objet JSON."))
    return _Signed(body, signature)


def _authorization(headers: Headers) -> Proof:
    kind, _space, value = _given(headers, "authorization").partition(" ")
    match kind.lower():
        case "bearer":
            return _Same(value)
        case "basic":
            return _Basic(value)
        case _:
            raise _Refusal(_("L'en-tête {header} est illisible.", header="authorization"))


def _recent(sent: str, now: datetime) -> None:
    if not _SECONDS.fullmatch(sent):
        raise _Refusal(_("L'heure d'envoi est illisible."))
    if abs(now.timestamp() - int(sent)) > TOLERANCE.total_seconds():
        raise _Refusal(_("L'heure d'envoi est trop loin de la nôtre : envoi rejoué, ou horloge déréglée."))


def _given(headers: Headers, *names: str) -> str:
    """The first of these headers that is there; it alone counts."""
    for name in names:
        if name in headers:
            return headers[name]
    raise _Refusal(_("Il manque l'en-tête {header}.", header=names[0]))


def lowered(headers: Headers) -> Headers:
    """Names in lower case; a header that came twice is both (RFC 9110, 5.3), which no signature is."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found
