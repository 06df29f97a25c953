"""Results of polls as the vectors write them."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tchap_bot_polls.model import Count, Kind, Majority, Outcome, Result, Round, Rules, Tie
from tchap_bridges.events import Option

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "polls_shown"


def read(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


def count(id_: str, text: str, votes: int, maybe: int = 0, voters: tuple[str, ...] = ()) -> Count:
    return Count(option=Option(id=id_, text=text), votes=votes, maybe=maybe, voters=tuple(voters))


def rules(kind: str = "single", majority: str = "plurality", tie: str = "shared", **others: Any) -> Rules:
    return Rules(kind=Kind(kind), majority=Majority(majority), tie=Tie(tie), **others)


def result(question: str, counts: Any, outcome: str, **others: Any) -> Result:
    return Result(
        question=question,
        counts=tuple(count(*one) for one in counts),
        outcome=Outcome(outcome),
        rules=rules(**others.pop("rules", {})),
        winners=tuple(others.pop("winners", ())),
        rounds=tuple(
            Round(votes=tuple(one["votes"].items()), out=tuple(one.get("out", ())), exhausted=one["exhausted"])
            for one in others.pop("rounds", ())
        ),
        **others,
    )


RESULTS = {name: result(**given) for name, given in read("results.yaml").items()}
