"""No sequence of changes lets an event of a room leave while the rule in force at that event forbids it.

Hypothesis writes the life of a room; the homeserver knows of each change before the core is told, and may tell of many
at once. Everything passes by the real core, and a model of the room says for each word whether it was allowed when it
was said.
"""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tchap_bridges.bridge import Destination
from tchap_bridges.core import policy
from tchap_bridges.core.policy import Kind, Rules, Sender, Standing, Tie
from tchap_bridges.ids import UserId
from tchap_bridges.outgoing import Outgoing, OutgoingEdit, OutgoingReaction

from .homeserver import ALICE, BOT, ROOM
from .stage import Stage, stage
from .test_commands import facts

GUEST = "@zoe:invites.test"

BEGINNING = Standing(rule="unrestricted", public=False, encrypted=False)

Step = tuple[str, object]
STEPS = st.one_of(
    st.tuples(st.just("access"), st.sampled_from(["restricted", "unrestricted", "direct", "malformed"])),
    st.tuples(st.just("access"), st.just("unrestricted")),
    st.tuples(st.just("join"), st.sampled_from(["public", ""])),
    st.tuples(st.just("guest"), st.booleans()),
    st.tuples(st.just("encrypt"), st.none()),
    st.tuples(st.just("say"), st.none()),
    st.tuples(st.just("say"), st.none()),
    st.tuples(st.just("edit"), st.none()),
    st.tuples(st.just("react"), st.none()),
    st.tuples(st.just("told"), st.none()),
    st.tuples(st.just("one"), st.none()),
    st.tuples(st.just("rest"), st.none()),
    st.tuples(st.just("consent"), st.booleans()),
)


@dataclass
class Life:
    """A room as it is, what was said in it, and what of that may be seen elsewhere."""

    s: Stage
    rules: Rules
    now: Standing = BEGINNING
    consent: bool = False
    untold: list[tuple[str, bytes]] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    count: int = 0

    def may_leave(self, kind: Kind) -> bool:
        tie = Tie(connection="net", destination=Destination.STATE, consent=self.consent)
        return policy.may_go_out(self.now, tie, Sender.AGENT, kind, self.rules).allowed

    def happens(self, kind: str, **data: object) -> str:
        """At the homeserver; the core hears of it when it is told."""
        self.count += 1
        id_ = f"$e{self.count}"
        self.untold.append((id_, json.dumps({"kind": kind, **data}).encode()))
        present = {ALICE, BOT, *([UserId(GUEST)] if self.now.guests else [])}
        self.s.hs.facts_of[ROOM] = facts(
            rule=self.now.rule, public=self.now.public, encrypted=self.now.encrypted, present=present
        )
        return id_

    async def told(self, most: int | None = None) -> None:
        """The core hears of the first ``most``, or of all, in one transaction."""
        most = len(self.untold) if most is None else most
        events, self.untold = self.untold[:most], self.untold[most:]
        await self.s.kernel.inbox.take(events)

    async def rest(self) -> None:
        """All is told, and nothing more happens by itself."""
        await self.told()
        await self.s.calm()

    async def step(self, what: str, value: object) -> None:
        match what:
            case "access":
                self.now = replace(self.now, rule=str(value))
                self.happens("changed", what="access", value=value)
            case "join":
                self.now = replace(self.now, public=value == "public")
                self.happens("changed", what="join", value=value)
            case "guest" if bool(self.now.guests) != value:
                self.now = replace(self.now, guests=frozenset({GUEST} if value else ()))
                self.happens("moved", by=GUEST, present=value)
            case "encrypt" if not self.now.encrypted:
                self.now = replace(self.now, encrypted=True)
                self.happens("changed", what="encryption")
            case "say":
                words = f"dit {self.count}"
                self.said.append(self.happens("message", text=words))
                self._mark(words, Kind.MESSAGE)
            case "edit" if self.said:
                words = f"redit {self.count}"
                self.happens("edit", target=self.said[-1], text=words)
                self._mark(words, Kind.EDIT)
            case "react" if self.said:
                key = f"r{self.count}"
                self.happens("reaction", target=self.said[-1], key=key)
                self._mark(key, Kind.REACTION)
            case "told":
                await self.told()
                await asyncio.sleep(0)
            case "one":
                await self.told(1)
                await self.s.calm()
            case "rest":
                await self.rest()
            case "consent":
                await self.rest()
                before = len(self.s.shown.log)
                word = "autoriser" if value else "retirer"
                self.happens("message", text=f"!pont chiffrement {word} 1")
                await self.rest()
                if len(self.s.shown.log) > before and not self.s.shown.texts[-1].startswith("✗"):
                    self.consent = bool(value)

    def _mark(self, words: str, kind: Kind) -> None:
        if self.may_leave(kind):
            self.allowed.add(words)

    @property
    def seen(self) -> set[str]:
        """What the network was shown."""
        found = set()
        for shown in self.s.net.shown.log:
            match shown:
                case Outgoing() | OutgoingEdit():
                    found.add(shown.text.plain)
                case OutgoingReaction():
                    found.add(shown.symbol)
        return found


async def _lived(steps: Sequence[Step], rules: Rules) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder), rules=rules, guests=["*:invites.test"]) as s:
            life = Life(s, rules)
            for what, value in steps:
                await life.step(what, value)
            await life.rest()
            late = life.seen - life.allowed
            assert not late, f"{sorted(late)} left"
            await life.rest()
            await life.step("say", None)  # and whatever is allowed in the end does leave
            await life.rest()
            words = f"dit {life.count - 1}"
            assert (words in life.seen) == (words in life.allowed)


RULES = st.builds(
    Rules,
    destinations=st.just(frozenset({Destination.STATE})),
    restricted_rooms=st.booleans(),
    encrypts=st.booleans(),
    operator=st.just("DINUM"),
)
STRICT = Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=False, encrypts=True)
LAX = Rules(destinations=frozenset({Destination.STATE}), restricted_rooms=True, encrypts=True)
OVER_BEFORE_IT_IS_TOLD: list[Step] = [
    ("access", "restricted"),
    ("say", None),
    ("access", "unrestricted"),
    ("rest", None),
]
TWO_FACTS: list[Step] = [
    ("access", "restricted"),
    ("guest", True),
    ("say", None),
    ("access", "unrestricted"),
    ("told", None),
    ("say", None),
]
THE_HOMESERVER_IS_AHEAD: list[Step] = [
    ("access", "restricted"),
    ("guest", True),
    ("rest", None),
    ("join", ""),
    ("say", None),
    ("access", "unrestricted"),
    ("one", None),
]
CONSENT: list[Step] = [
    ("encrypt", None),
    ("say", None),
    ("consent", True),
    ("say", None),
    ("edit", None),
    ("consent", False),
    ("say", None),
    ("edit", None),
    ("react", None),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=25), rules=RULES)
@example(steps=OVER_BEFORE_IT_IS_TOLD, rules=STRICT)
@example(steps=TWO_FACTS, rules=LAX)
@example(steps=THE_HOMESERVER_IS_AHEAD, rules=LAX)
@example(steps=CONSENT, rules=STRICT)
def test_nothing_leaves_that_the_rule_in_force_forbids(steps: list[Step], rules: Rules) -> None:
    asyncio.run(_lived(steps, rules))
