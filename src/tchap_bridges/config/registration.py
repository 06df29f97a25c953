"""The appservice registration: what the homeserver was told about us, and what must be true of it.

Specification v1.17, application service API, "Registration". Tokens are read from here and stand nowhere else.
"""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from tchap_bridges.config.document import Document
from tchap_bridges.config.models import Appservice
from tchap_bridges.config.problems import KeyPath, Problem
from tchap_bridges.fields import Url
from tchap_bridges.i18n import _

_SHORTEST = 16
_AGAIN = _("faites-en un neuf : openssl rand -hex 32")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(
            _("l'expression régulière est fautive ({reason})", reason=error),
            _("échappez les points (\\.) et fermez les parenthèses ; par exemple @pont_.*:serveur\\.fr"),
        ) from None
    return value


def _token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SHORTEST:
        raise ValueError(_("le jeton a moins de {n} caractères", n=_SHORTEST), _AGAIN)
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]
Token = Annotated[SecretStr, AfterValidator(_token)]


class _Foreign(BaseModel):
    """The file belongs to the homeserver as much as to us: keys we do not read may stand there."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class Namespace(_Foreign):
    regex: Pattern
    exclusive: bool = False

    def covers(self, user: str) -> bool:
        return re.match(self.regex, user) is not None


class Namespaces(_Foreign):
    users: tuple[Namespace, ...] = ()
    aliases: tuple[Namespace, ...] = ()
    rooms: tuple[Namespace, ...] = ()


class Registration(_Foreign):
    """``rate_limited`` is True unless the file says otherwise, as the homeserver reads it."""

    id: Annotated[str, Field(min_length=1)]
    url: Url
    as_token: Token
    hs_token: Token
    sender_localpart: Annotated[str, Field(min_length=1)]
    namespaces: Namespaces
    rate_limited: bool = True
    receive_ephemeral: bool = False
    push_ephemeral: Annotated[bool, Field(alias="de.sorunome.msc2409.push_ephemeral")] = False
    msc4190: Annotated[bool, Field(alias="io.element.msc4190")] = False

    @property
    def users(self) -> tuple[Namespace, ...]:
        return self.namespaces.users

    def owns(self, user: str) -> bool:
        """Whether this user is ours alone."""
        return any(space.exclusive and space.covers(user) for space in self.users)


def agree(
    registration: Registration, file: Document, appservice: Appservice, server_name: str, config: Document
) -> Iterator[Problem]:
    """What each file says well and both say ill together."""
    if registration.as_token.get_secret_value() == registration.hs_token.get_secret_value():
        yield file.problem(("hs_token",), _("hs_token et as_token sont le même jeton"), _AGAIN)
    bot, ghosts = appservice.bot.localpart, appservice.ghosts
    if registration.sender_localpart == bot:
        yield file.problem(
            ("sender_localpart",),
            _("sender_localpart est aussi le nom du bot ; son /sync échouerait"),
            _("mettez-y un nom au hasard que personne n'emploie, par exemple « {bot}-interne »", bot=bot),
        )
    here: KeyPath = ("appservice", "bot", "localpart")
    for path, user in ((here, f"@{bot}:{server_name}"), (("appservice", "ghosts"), f"@{ghosts}x:{server_name}")):
        if not registration.owns(user):
            yield config.problem(
                path,
                _("{user} n'est dans aucun espace exclusif de {file}", user=user, file=file.name),
                _(
                    "ajoutez sous namespaces.users « exclusive: true » et « regex: '@{name}:{server}' »",
                    name=re.escape(bot) if path == here else f"{re.escape(ghosts)}.*",
                    server=re.escape(server_name),
                ),
            )
