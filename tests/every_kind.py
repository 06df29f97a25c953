"""A bot's configuration with a field of every kind, for the tests of forms and dialogues."""

from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from tchap_bridges.bot import RoomConfig, field
from tchap_bridges.i18n import Phrase, _


class Results(StrEnum):
    """With words of its own."""

    LIVE = "live"
    CLOSE = "close"

    @property
    def label(self) -> Phrase:
        return Phrase("Au fur et à mesure" if self is Results.LIVE else "À la clôture")


class EveryKind(RoomConfig):
    rappel: bool = field(True, label="Rappeler le vote", help="Une mention à qui n'a pas encore voté.")
    secret: bool | None = field(None, label="Vote secret", help="Sans réponse, chaque sondage le dit.")
    jours: int = field(3, label="Jours", help="Combien de temps on vote.", ge=1, le=10)
    pas: int = field(10, label="Palier", gt=0, lt=100, multiple_of=5)
    plafond: int | None = field(None, label="Plafond")
    quorum: float = field(0.5, label="Quorum", ge=0, le=1)
    poids: Annotated[float, Field(gt=0)] | None = field(None, label="Poids")
    equipe: str = field("ops", label="Équipe", min_length=1, max_length=80)
    accueil: str = field("", label="Mot d'accueil", long=True)
    signature: str | None = field(None, label="Signature", pattern="^[^<]*$")
    resultats: Results = field(Results.CLOSE, label="Résultats")
    rythme: Literal["chaque jour", "chaque semaine"] | None = field(None, label="Rythme")
    priorite: Literal[1, 2, 3, 4, 5, 6] = field(2, label="Priorité")
    heure: time = field(time(9, 30), label="Heure du rappel", ge=time(7), le=time(20))
    pause: time | None = field(None, label="Début de la pause")
    delai: timedelta = field(timedelta(hours=26), label="Délai", ge=timedelta(minutes=5), le=timedelta(days=30))
    repit: timedelta | None = field(None, label="Répit")
    choix: list[str] = field([], label="Choix proposés", max_length=4)
    gens: list[Annotated[str, Field(max_length=12)]] | None = field(None, label="Personnes")
    cle: SecretStr = field(SecretStr(""), label="Clé d'accès", max_length=40)
    jeton: SecretStr | None = field(None, label="Jeton")

    @field_validator("equipe")
    @classmethod
    def _equipe(cls, value: str) -> str:
        if value == "tous":
            raise ValueError(_("« {value} » n'est pas une adresse de courriel", value=value), "nommez une équipe")
        return value

    @model_validator(mode="after")
    def _together(self) -> Any:
        if self.plafond is not None and self.plafond < self.jours:
            raise ValueError("le plafond est sous le nombre de jours")
        return self
