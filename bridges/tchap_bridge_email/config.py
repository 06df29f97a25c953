"""The section of an e-mail connection: what it listens on, through whom it sends, which mailboxes it reads."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationInfo, model_validator

from tchap_bridges.bridge import Destination
from tchap_bridges.fields import Address, Domain, Listen, ListenTcp, LocalFile, Port, Secret, Section, loopback
from tchap_bridges.i18n import _

Security = Literal["none", "starttls", "tls"]


def _not_in_clear(security: Security, info: ValidationInfo) -> Security:
    host = info.data.get("host", "localhost")
    if security == "none" and not loopback(host):
        raise ValueError(
            _("« none » enverrait mots de passe et messages en clair à {host}", host=host),
            _("mettez starttls ou tls ; none n'est permis que vers 127.0.0.1"),
        )
    return security


def _linkable(domain: str) -> str:
    return domain if domain == "*" else _DOMAIN.validate_python(domain)


def _at_our_domain(address: Any, info: ValidationInfo) -> Any:
    if not isinstance(address, str):
        return address
    domain = info.data.get("domain", "domaine")  # a domain that was refused is told once, at its own key
    local, _at, given = address.rpartition("@")
    if not _at:
        return f"{given}@{domain}"
    if given.lower() != domain:
        raise ValueError(
            _("l'adresse n'est pas du domaine du pont, {domain}", domain=domain),
            _("écrivez seulement « {local} »", local=local),
        )
    return address


_DOMAIN: TypeAdapter[str] = TypeAdapter(Domain)
Protection = Annotated[Security, AfterValidator(_not_in_clear)]


class Listening(Section):
    """Where mail comes in. The TLS pair is what is shown to an SMTP client that asks for STARTTLS."""

    smtp: ListenTcp | None = None
    lmtp: Listen | None = None
    size_mb: Annotated[int, Field(ge=1, le=1024)] = 30
    tls_certificate: LocalFile | None = None
    tls_key: LocalFile | None = None

    @model_validator(mode="after")
    def _pair(self) -> "Listening":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(
                _("tls_certificate et tls_key vont ensemble"), _("donnez les deux fichiers, ou mettez null aux deux")
            )
        return self

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """Certificate and key."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return self.tls_certificate, self.tls_key


class Submission(Section):
    """The server that takes what leaves."""

    host: Annotated[str, Field(min_length=1)]
    port: Port = 587
    security: Protection = "starttls"
    user: str | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Submission":
        if (self.user is None) != (self.password is None):
            raise ValueError(
                _("user et password vont ensemble"), _("donnez les deux, ou aucun si le serveur n'en demande pas")
            )
        return self


class Mailbox(Section):
    """An existing mailbox, read over IMAP and left as it is."""

    address: Address
    host: Annotated[str, Field(min_length=1)]
    port: Port = 993
    security: Protection = "tls"
    user: Annotated[str, Field(min_length=1)]
    password: Secret
    folder: Annotated[str, Field(min_length=1)] = "INBOX"


class EmailConfig(Section):
    """``address`` is what our mail comes from: in the file its local part is enough, here it is whole.

    ``allowed_domains`` may be linked without proof; "*" is all. ``dkim_selector`` is only for ``check``.
    """

    domain: Domain
    address: Annotated[Address, BeforeValidator(_at_our_domain), Field(validate_default=True)] = "pont"
    listen: Listening = Listening()
    submission: Submission
    mailboxes: tuple[Mailbox, ...] = ()
    allowed_domains: tuple[Annotated[str, AfterValidator(_linkable)], ...] = ()
    dkim_selector: Annotated[str, Field(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$")] | None = None
    destination: Destination = Destination.STATE
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    read_seconds: Annotated[float, Field(gt=0, le=600)] = 20

    @model_validator(mode="after")
    def _reachable(self) -> "EmailConfig":
        if self.listen.smtp is None and self.listen.lmtp is None and not self.mailboxes:
            raise ValueError(
                _("aucun courriel ne peut entrer"), _("donnez listen.smtp, listen.lmtp ou une boîte dans mailboxes")
            )
        return self

    def exclusive(self) -> Iterable[tuple[str, str]]:
        yield "domain", f"domain:{self.domain}"
        yield "address", f"address:{self.address.lower()}"
        if self.listen.smtp is not None:
            yield "listen.smtp", str(self.listen.smtp)
        if self.listen.lmtp is not None:
            yield "listen.lmtp", str(self.listen.lmtp)
        for n, mailbox in enumerate(self.mailboxes):
            yield f"mailboxes.{n}.address", f"address:{mailbox.address.lower()}"
            yield f"mailboxes.{n}.user", f"mailbox:{mailbox.user.lower()}@{mailbox.host.lower()}/{mailbox.folder}"
