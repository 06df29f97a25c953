"""What a room sets of its question time."""

from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import _


class QuestionsConfig(RoomConfig):
    """What a room admin sets of questions."""

    moderated: bool = field(
        False,
        word="approuver",
        label=_("Chaque question attend l'accord de qui modère"),
        help=_("Posée dans le salon, par ✅ ou ❌ ; posée en privé, seuls les modérateurs qui le demandent la lisent"),
    )
    named: bool = field(True, word="noms", label=_("Dire qui pose chaque question (jamais en privé)"))
    per_person: int = field(5, word="par_personne", label=_("Questions par personne"), ge=1, le=50)
    longest: int = field(300, word="longueur", label=_("Caractères d'une question"), ge=20, le=1000)
