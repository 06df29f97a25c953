"""The words of commands and states, by language: what is typed, and what is shown."""

import unicodedata
from collections.abc import Mapping, Sequence

from tchap_bridges.bridge import Direction
from tchap_bridges.core.links import Link
from tchap_bridges.i18n import Language, Phrase, _
from tchap_bridges.ids import UserId

VERBS: Mapping[str, Mapping[Language, str]] = {
    "list": {"fr": "liste", "en": "list"},
    "status": {"fr": "etat", "en": "status"},
    "pause": {"fr": "pause", "en": "pause"},
    "resume": {"fr": "reprendre", "en": "resume"},
    "remove": {"fr": "retirer", "en": "remove"},
    "code": {"fr": "code", "en": "code"},
    "accept": {"fr": "accepter", "en": "accept"},
    "refuse": {"fr": "refuser", "en": "refuse"},
    "leave": {"fr": "partir", "en": "leave"},
    "policy": {"fr": "politique", "en": "policy"},
    "encryption": {"fr": "chiffrement", "en": "encryption"},
}

DIRECTIONS: Mapping[str, Direction] = {
    "deux-sens": Direction.BOTH,
    "both": Direction.BOTH,
    "reponses": Direction.REPLIES,
    "replies": Direction.REPLIES,
    "entrant": Direction.IN,
    "in": Direction.IN,
    "sortant": Direction.OUT,
    "out": Direction.OUT,
}


def unaccented(word: str) -> str:
    """As it is compared: lower case, « état » as « etat »."""
    return "".join(c for c in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(c))


def direction_words(direction: Direction) -> Phrase:
    match direction:
        case Direction.BOTH:
            return _("dans les deux sens")
        case Direction.REPLIES:
            return _("ses messages entrent, les réponses dans leurs fils sortent")
        case Direction.IN:
            return _("ses messages entrent, rien ne sort")
        case Direction.OUT:
            return _("les messages du salon sortent, rien n'entre")


def state_words(state: str) -> Phrase:
    """Of a link or of a connection."""
    match state:
        case "proof":
            return _("en attente du code")
        case "active":
            return _("actif")
        case "paused":
            return _("en pause")
        case "checking":
            return _("règles du salon en cours de vérification")
        case "moving":
            return _("en attente d'une invitation dans le salon qui remplace celui-ci")
        case "suspended":
            return _("suspendu")
        case "connecting":
            return _("connexion en cours")
        case "up":
            return _("connexion établie")
        case "retrying":
            return _("connexion interrompue, nouvel essai en cours")
        case "bad credentials":
            return _("identifiants refusés, l'exploitant doit intervenir")
        case _:
            return _("arrêté")


# Where an encrypted room's words go


def named(links: Sequence[Link]) -> str:
    """Each by its name and by where it leads: « #equipe (slack, hors-ue) »."""
    return ", ".join(f"{link.name} ({link.connection}, {link.destination.value})" for link in links)


def encrypted_words(links: Sequence[Link]) -> Phrase:
    """The room was encrypted, and these links carry nothing out any more."""
    return _(
        "🔒 Ce salon est maintenant chiffré : ce qui s'y dit ne part plus vers {names}."
        " Un modérateur peut l'autoriser : !pont chiffrement autoriser {n}",
        names=named(links),
        n=links[0].number,
    )


def newcomer_words(links: Sequence[Link], operator: str) -> Phrase:
    """Somebody came into an encrypted room whose words leave."""
    return _(
        "🔓 À qui vient d'arriver : ce qui se dit dans ce salon chiffré en sort, déchiffré par le pont, vers {names}."
        " Exploitant du pont : {operator}. Les règles : !pont politique",
        names=named(links),
        operator=operator or _("non nommé"),
    )


def raised_words(user: UserId, level: int, *, bot: bool) -> Phrase:
    """One of our users has a level in the room."""
    if bot:
        return _(
            "⚠ Le pont a reçu dans ce salon le niveau {level}, dont il n'a pas besoin."
            " Un administrateur du salon peut le remettre à 0.",
            level=level,
        )
    return _(
        "⚠ {user}, qui parle ici pour quelqu'un d'un autre réseau, a reçu le niveau {level} dans ce salon."
        " Le pont n'obéit pas à ces comptes ; un administrateur du salon peut le remettre à 0.",
        user=user,
        level=level,
    )
