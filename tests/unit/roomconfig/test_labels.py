"""Labels and helps of a bot's fields are collected for the catalogue, though nobody writes ``_()`` around them."""

import runpy
from pathlib import Path

TOOL = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "messages"))


def test_labels_and_helps_are_collected() -> None:
    code = """
class Config(RoomConfig):
    jours: int = field(3, label="Jours", help="Combien de temps "
                       "on vote.", ge=1)
    equipe: str = field("ops", label="Équipe", help="")
    autre: str = other(label="Non")
"""
    assert [*TOOL["labels"](code)] == ["Jours", "Combien de temps on vote.", "Équipe"]
