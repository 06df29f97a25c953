"""What a network carries, in words: for documents, and in one line for a room."""

from collections.abc import Mapping, Sequence

from tchap_bridges.bridge import Ability, Carried, Connection, carried
from tchap_bridges.i18n import Phrase, Translator, _

TOLD: Sequence[Ability] = (
    Ability.THREADS,
    Ability.REPLIES,
    Ability.EDITS,
    Ability.DELETIONS,
    Ability.REACTIONS,
    Ability.FILES,
    Ability.MENTIONS,
    Ability.TYPING,
    Ability.CATCH_UP,
)
"""What people of a room notice, in the order in which they are told."""


NAMES: Mapping[Ability, Phrase] = {
    Ability.THREADS: _("fils"),
    Ability.REPLIES: _("réponses"),
    Ability.EDITS: _("corrections"),
    Ability.DELETIONS: _("suppressions"),
    Ability.REACTIONS: _("réactions"),
    Ability.FILES: _("fichiers"),
    Ability.FORMATTING: _("mise en forme"),
    Ability.MENTIONS: _("mentions"),
    Ability.AVATARS: _("photo de l'auteur"),
    Ability.TYPING: _("« écrit… »"),
    Ability.MEMBERSHIP: _("arrivées et départs"),
    Ability.READ_MARKS: _("marques de lecture"),
    Ability.CATCH_UP: _("rattrapage après une absence"),
    Ability.EXACTLY_ONCE: _("montré une fois et une seule"),
}
"""How each is called."""


INSTEAD: Mapping[Ability, Phrase] = {
    Ability.THREADS: _("des réponses au premier message"),
    Ability.REPLIES: _("la personne est nommée"),
    Ability.EDITS: _("une ligne dit ce qui change"),
    Ability.DELETIONS: _("une ligne le dit"),
    Ability.REACTIONS: _("une ligne le dit"),
    Ability.MEMBERSHIP: _("une ligne le dit"),
    Ability.FILES: _("un lien, ou le nom"),
    Ability.FORMATTING: _("du texte simple"),
    Ability.MENTIONS: _("le nom, dans le texte"),
    Ability.AVATARS: _("le nom, dans le texte"),
    Ability.CATCH_UP: _("en partie"),
    Ability.EXACTLY_ONCE: _("un double se reconnaît"),
    Ability.TYPING: _("autrement"),
    Ability.READ_MARKS: _("autrement"),
}
"""What stands in for it where it is carried otherwise."""


TEXT_BYTES = _("longueur d'un texte, en octets")
FILE_BYTES = _("taille d'un fichier, en octets")


def told(connection: Connection | type[Connection], ability: Ability) -> Phrase:
    """How far it is carried, in a cell of a table."""
    match carried(connection, ability):
        case Carried.YES:
            return _("oui")
        case Carried.OTHERWISE:
            return INSTEAD[ability]
        case Carried.SERVER:
            return _("selon le serveur")
        case Carried.NO:
            return _("au mieux") if ability is Ability.EXACTLY_ONCE else _("non")


def line(connection: Connection, t: Translator) -> str:
    """What a live connection lets through, and what it does not: « ✓ fils ; ≈ fichiers (un lien) ; ✗ réactions »."""
    found: dict[Carried, list[str]] = {how: [] for how in Carried}
    for ability in TOLD:
        words, how = t(NAMES[ability]), carried(connection, ability)
        if how is Carried.OTHERWISE:
            words = f"{words} ({t(INSTEAD[ability])})"
        elif how is Carried.SERVER:
            words = f"{words} ({t(_('selon le serveur'))})"
        found[how].append(words)
    kinds = (
        ("✓", found[Carried.YES]),
        ("≈", [*found[Carried.OTHERWISE], *found[Carried.SERVER]]),
        ("✗", found[Carried.NO]),
    )
    return " ; ".join(f"{mark} {', '.join(words)}" for mark, words in kinds if words)
