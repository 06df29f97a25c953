"""What the operator writes under ``bridges:`` to reach an IRC network.

::

    bridges:
      irc:
        host: irc.exemple.fr
        nick: pont
        sasl: plain                       # or external, with a certificate; none where the network has no accounts
        account: pont
        password: !file irc.secret
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from tchap_bridges.bridge import Destination
from tchap_bridges.fields import LocalFile, Port, Secret, Section, loopback
from tchap_bridges.i18n import _

Security = Literal["tls", "none"]


def _not_in_clear(security: Security, info: ValidationInfo) -> Security:
    host = info.data.get("host", "localhost")
    if security == "none" and not loopback(host):
        raise ValueError(
            _("« none » enverrait mots de passe et messages en clair à {host}", host=host),
            _("mettez tls ; none n'est permis que vers 127.0.0.1"),
        )
    return security


def _one_word(value: str) -> str:
    if not value or any(c in value for c in " \r\n\0,*?!@") or value[0] in "#&:0123456789-":
        raise ValueError(_("« {value} » n'est pas un pseudo IRC", value=value), _("écrivez par exemple pont"))
    return value


Nick = Annotated[str, AfterValidator(_one_word), Field(max_length=30)]


class Flood(Section):
    """How fast lines leave: ``burst`` at once, then one every ``seconds``. The server throws off whoever is faster.

    ``bytes``: how many may be on their way that the server has not read yet, less than it keeps (InspIRCd: recvq).
    """

    burst: Annotated[int, Field(ge=1, le=1000)] = 5
    seconds: Annotated[float, Field(ge=0, le=60)] = 1.0
    bytes: Annotated[int, Field(ge=512, le=1_000_000)] = 4096


class IrcConfig(Section):
    """One network.

    ``lines``: how many a message may take; the last one leads to the rest. ``language``: of what the bridge itself says
    there and tells of it, for IRC does not say what its people read.
    """

    host: str = Field(min_length=1, max_length=253)
    port: Port | None = None
    security: Annotated[Security, AfterValidator(_not_in_clear)] = "tls"
    tls_authority: LocalFile | None = None
    nick: Nick = "pont"
    real_name: Annotated[str, Field(min_length=1, max_length=100)] = "Pont Tchap"
    server_password: Secret | None = None
    sasl: Literal["none", "plain", "external"] = "none"
    account: str | None = None
    password: Secret | None = None
    certificate: LocalFile | None = None
    certificate_key: LocalFile | None = None
    destination: Destination = Destination.STATE
    flood: Flood = Flood()
    lines: Annotated[int, Field(ge=1, le=100)] = 8
    language: Literal["fr", "en"] = "fr"

    @property
    def at(self) -> int:
        """The port that is meant: 6697 with TLS, 6667 without, unless another is written."""
        return self.port or (6697 if self.security == "tls" else 6667)

    @model_validator(mode="after")
    def _credentials(self) -> "IrcConfig":
        if self.sasl == "plain" and (self.account is None or self.password is None):
            raise ValueError(
                _("« sasl: plain » demande « account » et « password »"), _("écrivez les deux, ou sasl: none")
            )
        if self.sasl == "external" and self.certificate is None:
            raise ValueError(
                _("« sasl: external » demande « certificate »"), _("écrivez le chemin d'un certificat PEM et de sa clé")
            )
        if self.sasl == "external" and self.security == "none":
            raise ValueError(_("« sasl: external » demande TLS"), _("mettez security: tls"))
        return self

    def files(self) -> tuple[Path, Path] | None:
        """The certificate and its key, which may lie in one file."""
        if self.certificate is None:
            return None
        return Path(self.certificate), Path(self.certificate_key or self.certificate)
