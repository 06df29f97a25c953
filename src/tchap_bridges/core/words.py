"""The words of commands and states, by language: what is typed, and what is shown."""

import unicodedata
from collections.abc import Mapping

from tchap_bridges.bridge import Direction
from tchap_bridges.i18n import Language, Phrase, _

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
