"""What the events of polls mean, whatever anybody wrote there, and what ours look like to clients."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tchap_bridges.bridge import Item
from tchap_bridges.core import codec
from tchap_bridges.events import Author, Option, PollEnded, PollStarted, PollVote
from tchap_bridges.matrix import polls
from tchap_bridges.matrix.names import Namespace
from tchap_bridges.matrix.read import ORIGIN, read

AGENT, BOT, ROOM = "@agent:x.fr", "@_pont_bot:x.fr", "!salon:x.fr"
OURS = Namespace(server="x.fr", prefix="_pont_", bot=BOT, secret=b"s" * 32)
AT = datetime(2025, 3, 12, 10, 42, tzinfo=UTC)
COMMON = {"id": "$event", "chat": ROOM, "author": Author(person=AGENT, name=""), "at": AT}
START, TEXT = polls.START, polls.TEXT


def meaning(kind: str, content: object, **more) -> tuple:
    event = {
        "event_id": "$event",
        "type": kind,
        "room_id": ROOM,
        "sender": AGENT,
        "origin_server_ts": int(AT.timestamp() * 1000),
        "content": content,
        **more,
    }
    return tuple(read(Item(key="$event", raw=json.dumps(event).encode(), meta={}, received_at=AT), OURS))


def reference(**more) -> dict:
    return {"m.relates_to": {"rel_type": "m.reference", "event_id": "$poll"}, **more}


def options(**texts: str) -> tuple[Option, ...]:
    return tuple(Option(id=id_, text=text) for id_, text in texts.items())


# MSC3381's own examples, stable: https://github.com/matrix-org/matrix-spec-proposals/blob/main/proposals/3381-polls.md
PIZZA = {
    "m.text": [{"mimetype": "text/plain", "body": "What should we order for the party?\n1. Pizza 🍕\n2. Wings 🔥"}],
    "m.poll": {
        "kind": "m.disclosed",
        "max_selections": 1,
        "question": {"m.text": [{"body": "What should we order for the party?"}]},
        "answers": [
            {"m.id": "pizza", "m.text": [{"body": "Pizza 🍕"}]},
            {"m.id": "wings", "m.text": [{"body": "Wings 🔥"}]},
        ],
    },
}
# As Element Web writes one: https://github.com/element-hq/element-web, playwright/e2e/polls
ELEMENT = {
    TEXT: "poll fallback text",
    START: {
        "question": {TEXT: "Où ?", "body": "Où ?", "msgtype": "m.text"},
        "kind": "org.matrix.msc3381.poll.disclosed",
        "max_selections": 1,
        "answers": [{"id": "a1", TEXT: "Lyon"}, {"id": "a2", TEXT: "Lille"}],
    },
}
TWO = [{"id": "a", TEXT: "A"}, {"id": "b", TEXT: "B"}]
AB = options(a="A", b="B")


def asked(**more) -> dict:
    return {START: {"kind": polls.DISCLOSED, "question": {TEXT: "Q ?"}, "answers": TWO, **more}}


STARTS = {
    "the proposal's": (
        PIZZA,
        {"question": "What should we order for the party?", "options": options(pizza="Pizza 🍕", wings="Wings 🔥")},
    ),
    "Element's": (ELEMENT, {"question": "Où ?", "options": options(a1="Lyon", a2="Lille")}),
    "no kind": (asked(kind=None), {"disclosed": False}),
    "undisclosed": (asked(kind=polls.UNDISCLOSED), {"disclosed": False}),
    "several": (asked(max_selections=2), {"most": 2}),
    "yes to many": (asked(max_selections=True), {"most": 1}),
    "the stable kind as it once was": (asked(kind="m.poll.disclosed"), {}),
    "absurdly many": (asked(max_selections=10**300), {"most": 65_536}),
    "no question": (asked(question=None), {"question": ""}),
    "a question that is text": (asked(question="Q ?"), {"question": ""}),
    "controls and lines": (asked(question={TEXT: " Q\x00\r\n?\u202f "}), {"question": "Q\n?"}),
    "words as HTML only": (
        asked(question={"m.text": [{"mimetype": "text/html", "body": "<b>Q</b>"}]}),
        {"question": ""},
    ),
    "words in odd formats": (
        asked(question={TEXT: 3, "m.text": ["x", None, {"body": 1}, {"body": ""}, {"body": "Q ?"}]}),
        {"question": "Q ?"},
    ),
    "words as messages were": (
        asked(question={"org.matrix.msc1767.message": [{"mimetype": "text/plain", "body": "Q ?"}]}),
        {"question": "Q ?"},
    ),
    "ids with controls are none": (
        asked(answers=[{"id": "a\x00", TEXT: "x"}, {"id": "\ud800", TEXT: "x"}, *TWO]),
        {"options": AB},
    ),
    "twenty-one answers": (
        asked(answers=[{"id": f"{n}", TEXT: "x"} for n in range(21)]),
        {"options": options(**{f"{n}": "x" for n in range(20)})},
    ),
    "an id twice": (asked(answers=[*TWO, {"id": "a", TEXT: "encore"}]), {"options": AB}),
    "answers without words": (
        asked(answers=[{"id": "a"}, {"id": "b", TEXT: "\n"}]),
        {"options": options(a="a", b="b")},
    ),
    "none to choose": (asked(max_selections=0), {"most": 1}),
    "both blocks, the type's own first": (PIZZA | asked(), {}),
    "an id under both names": (asked(answers=[{"id": 3, "m.id": "a", TEXT: "A"}, TWO[1]]), {"options": AB}),
    "a poll in a thread": (
        asked() | {"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}},
        {},
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_questions(name):
    content, fields = STARTS[name]
    expected = PollStarted(**COMMON | {"question": "Q ?", "options": AB} | fields)
    (found,) = meaning(START if START in content else "m.poll.start", content)
    assert found == expected
    assert type(found.most) is int


NEW = {"m.new_content": asked(answers=[{"id": "n", TEXT: "N"}]), **asked()}
EDITS = {
    "an edit": (NEW | {"m.relates_to": {"rel_type": "m.replace", "event_id": "$poll"}}, "$poll"),
    "without what is new": (asked() | {"m.relates_to": {"rel_type": "m.replace", "event_id": "$poll"}}, None),
    "of nothing": (NEW | {"m.relates_to": {"rel_type": "m.replace"}}, None),
    "of what is no event": (NEW | {"m.relates_to": {"rel_type": "m.replace", "event_id": "poll"}}, None),
}


@pytest.mark.parametrize("name", EDITS)
def test_edits(name):
    content, target = EDITS[name]
    fields = {"question": "Q ?", "options": options(n="N"), "edits": target}
    assert meaning(START, content) == ((PollStarted(**COMMON, **fields),) if target else ())


NO_POLLS = {
    "nothing": {},
    "no answers": asked(answers=[]),
    "answers that are none": asked(answers={"a": "A"}),
    "a block that is text": {START: "Q ?"},
    "text alone": {TEXT: "Q ?\n1. A"},
    "another bridge's": asked() | {ORIGIN: {"network": "irc"}},
}


@pytest.mark.parametrize("name", NO_POLLS)
def test_what_asks_nothing(name):
    assert meaning(START, NO_POLLS[name]) == ()


def test_our_own_polls_and_state_are_not_read():
    assert meaning(START, ELEMENT, sender=BOT) == meaning(START, ELEMENT, state_key="") == ()


BAD = ("",)
VOTES = {
    "unstable": (reference(**{polls.RESPONSE: {"answers": ["a", "b"]}}), ("a", "b")),
    "stable": (reference(**{"m.selections": ["a"]}), ("a",)),
    "stable, as it once was": (reference(**{"m.poll.response": {"answers": ["a"]}}), ("a",)),
    "unknown, repeated, and in their order": (
        reference(**{"m.selections": ["z", "b", "b", "a"]}),
        ("z", "b", "b", "a"),
    ),
    "taken back": (reference(**{"m.selections": []}), ()),
    "no block": (reference(), BAD),
    "no list": (reference(**{polls.RESPONSE: {"answers": "a"}}), BAD),
    "no text": (reference(**{polls.RESPONSE: {"answers": ["a", 1, None, "b\n", "c\r"]}}), ("a", "", "", "b\n", "")),
}


@pytest.mark.parametrize("name", VOTES)
@pytest.mark.parametrize("kind", sorted(polls.RESPONSES))
def test_votes(name, kind):
    content, answers = VOTES[name]
    assert meaning(kind, content) == (PollVote(**COMMON, poll="$poll", answers=answers),)


@pytest.mark.parametrize("kind", sorted(polls.ENDS))
def test_ends(kind):
    assert meaning(kind, reference(**{"m.poll.results": {"a": 3}})) == (PollEnded(**COMMON, poll="$poll"),)


@pytest.mark.parametrize("kind", sorted(polls.RESPONSES | polls.ENDS))
@pytest.mark.parametrize(
    "relation",
    [None, "$poll", {}, {"event_id": "$poll"}, {"rel_type": "m.reference"}, {"rel_type": "m.reference", "event_id": 3},
     {"rel_type": "m.thread", "event_id": "$poll"}, {"rel_type": ["m.reference"], "event_id": "$poll"}],
    ids=str,
)  # fmt: skip
def test_what_refers_to_no_poll(kind, relation):
    assert meaning(kind, {"m.relates_to": relation, "m.selections": ["a"]}) == ()


LEVELS = [({}, 50), ({"redact": 75}, 75), ({"redact": 0}, 0), ({"redact": -1}, -1), ({"redact": "75"}, 50),
          ({"redact": True}, 50), ({"redact": None}, 50), ({"events": {"m.room.redaction": 100}}, 50)]  # fmt: skip


@pytest.mark.parametrize(("powers", "level"), LEVELS, ids=str)
def test_who_may_redact(powers, level):
    assert polls.redact_level(powers) == level


# What we write


def test_a_question_as_clients_read_it():
    assert polls.start("Q ?", AB, 1, disclosed=True) == {
        "org.matrix.msc1767.text": "Q ?\n1. A\n2. B",
        "org.matrix.msc3381.poll.start": {
            "kind": "org.matrix.msc3381.poll.disclosed",
            "max_selections": 1,
            "question": {"org.matrix.msc1767.text": "Q ?"},
            "answers": [{"id": "a", "org.matrix.msc1767.text": "A"}, {"id": "b", "org.matrix.msc1767.text": "B"}],
        },
    }


def test_a_vote_and_an_end_as_clients_read_them():
    related = {"rel_type": "m.reference", "event_id": "$poll"}
    assert polls.response("$poll", ("a",)) == {
        "m.relates_to": related,
        "org.matrix.msc3381.poll.response": {"answers": ["a"]},
    }
    assert polls.end("$poll", "Clos. En tête : A") == {
        "m.relates_to": related,
        "org.matrix.msc1767.text": "Clos. En tête : A",
        "org.matrix.msc3381.poll.end": {},
    }


WRONG = {
    "no option": ((), 1),
    "too many": (tuple(Option(id=str(n), text="x") for n in range(21)), 1),
    "one id twice": ((*AB, AB[0]), 1),
    "an empty id": ((*AB, Option(id="", text="x")), 1),
    "nothing to choose": (AB, 0),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_no_client_would_show_is_not_asked(name):
    with pytest.raises(ValueError, match=r"option|id"):
        polls.start("Q ?", *WRONG[name], disclosed=True)


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=10).map(str.strip)
ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=5)
choices = st.lists(ids, min_size=1, max_size=20, unique=True).flatmap(
    lambda of: st.tuples(*(st.builds(Option, id=st.just(id_), text=words.map(lambda text: text or "x")) for id_ in of))
)


@given(question=words, offered=choices, most=st.integers(1, 25), disclosed=st.booleans())
def test_what_we_write_we_read(question, offered, most, disclosed):
    expected = PollStarted(**COMMON, question=question, options=offered, most=most, disclosed=disclosed)
    assert meaning(START, polls.start(question, offered, most, disclosed=disclosed)) == (expected,)
    answers = tuple(option.id for option in offered)
    assert meaning(polls.RESPONSE, polls.response("$poll", answers)) == (
        PollVote(**COMMON, poll="$poll", answers=answers),
    )
    assert meaning(polls.END, polls.end("$poll", question)) == (PollEnded(**COMMON, poll="$poll"),)


anything = st.sampled_from(
    [None, True, -1, 1.5, 10**30, "", "a", "\x00", "\ud800", "text/html", "$a", [], {}, ["a", 1], [{}], {"body": ["a"]}]
)
INNER = ["kind", "max_selections", "question", "answers", "id", "m.id", TEXT, "m.text", "body", "mimetype"]
part = st.dictionaries(st.sampled_from(INNER), anything, max_size=4)
block = st.fixed_dictionaries(
    {}, optional={name: anything | part | st.lists(part | anything, max_size=3) for name in INNER}
)
relation = st.dictionaries(st.sampled_from(["rel_type", "event_id"]), anything | st.sampled_from(["m.reference", "$a"]))
NAMES = [*sorted(polls.KINDS), "m.poll", "m.selections", "m.new_content", TEXT]


@settings(max_examples=500)
@given(
    kind=st.sampled_from(sorted(polls.KINDS)),
    content=st.dictionaries(st.sampled_from(NAMES), block | anything, max_size=4),
    related=relation
    | st.sampled_from(["m.reference", "m.replace"]).map(lambda how: {"rel_type": how, "event_id": "$a"}),
)
def test_no_shape_raises_and_all_that_is_read_can_be_kept(kind, content, related):
    for told in (content, {"m.new_content": content}):
        for found in meaning(kind, told | {"m.relates_to": related}):
            assert codec.load(codec.dump(found)) == found
            if isinstance(found, PollStarted):
                assert 1 <= len(found.options) <= 20
                assert found.most >= 1
                assert all(option.id and option.text for option in found.options)
