"""What belongs together: batches, labels, netsplits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc.batches import Batch, Batches, multiline
from tchap_bridge_irc.changes import Joined, Left, Quit
from tchap_bridge_irc.labels import Answer, Kind, Labels
from tchap_bridge_irc.netsplit import LONGEST, QUIET, REMEMBERED, Netsplits, Parted, Rejoined, servers_of
from tchap_bridge_irc.wire import Line, Source


def take(batches: Batches, lines: list[Line], now: float = 0.0) -> list[Line | Batch]:
    return [item for line in lines for item in batches.take(line, now)]


# Batches: the examples of the specification


def test_interleaved_batches(line):
    batches = Batches()
    items = take(
        batches,
        [
            line(":irc.host BATCH +1 example.com/foo a b"),
            line("@batch=1 :nick!user@host PRIVMSG #channel :Message 1"),
            line(":irc.host BATCH +2 example.com/foo"),
            line("@batch=2 :nick!user@host PRIVMSG #channel :Message 4"),
            line(":nick!user@host PRIVMSG #channel :not in a batch"),
            line("@batch=1 :nick!user@host PRIVMSG #channel :Message 3"),
            line(":irc.host BATCH -1"),
            line("@batch=2 :nick!user@host PRIVMSG #channel :Message 5"),
            line(":irc.host BATCH -2"),
        ],
    )
    assert isinstance(items[0], Line)
    first, second = items[1:]
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert (first.kind, first.params) == ("example.com/foo", ("a", "b"))
    assert [line.params[1] for line in first.lines()] == ["Message 1", "Message 3"]
    assert [line.params[1] for line in second.lines()] == ["Message 4", "Message 5"]
    assert batches.due is None


def test_nested_batches(line):
    items = take(
        Batches(),
        [
            line(":irc.host BATCH +outer example.com/foo"),
            line("@batch=outer :irc.host BATCH +inner example.com/bar"),
            line("@batch=inner :nick!user@host PRIVMSG #channel :Hi"),
            line("@batch=outer :irc.host BATCH -inner"),
            line("@batch=outer :nick!user@host PRIVMSG #channel :Ho"),
            line(":irc.host BATCH -outer"),
        ],
    )
    (outer,) = items
    assert isinstance(outer, Batch)
    inner, last = outer.items
    assert isinstance(inner, Batch)
    assert inner.kind == "example.com/bar"
    assert [found.params[1] for found in outer.lines()] == ["Hi", "Ho"]
    assert last == line("@batch=outer :nick!user@host PRIVMSG #channel :Ho")


def test_the_text_of_several_lines(line):
    (batch,) = take(
        Batches(),
        [
            line("@msgid=xxx;account=account :n!u@h BATCH +123 draft/multiline #channel"),
            line("@batch=123 :n!u@h PRIVMSG #channel hello"),
            line("@batch=123 :n!u@h PRIVMSG #channel :"),
            line("@batch=123 :n!u@h PRIVMSG #channel :how is "),
            line("@batch=123;draft/multiline-concat :n!u@h PRIVMSG #channel :everyone?"),
            line("BATCH -123"),
        ],
    )
    assert isinstance(batch, Batch)
    assert multiline(batch) == "hello\n\nhow is everyone?"
    assert batch.opening.tags["msgid"] == "xxx"
    assert batch.opening.source == Source("n", "u", "h")


def test_a_batch_that_does_not_end_comes_out_all_the_same(line):
    batches = Batches(patience=60)
    assert take(batches, [line("BATCH +1 chathistory #a"), line("@batch=1 PRIVMSG #a :x")], now=5.0) == []
    assert batches.due == 65.0
    assert batches.expired(64.9) == []
    (batch,) = batches.expired(65.0)
    assert isinstance(batch, Batch)
    assert not batch.complete
    assert len(batch.items) == 1
    assert take(batches, [line("@batch=1 PRIVMSG #a :late")]) == [line("@batch=1 PRIVMSG #a :late")]


def test_a_batch_has_no_more_lines_than_there_is_room_for(line):
    batches = Batches(most_lines=10)
    items = take(batches, [line("BATCH +1 x")] + [line("@batch=1 PING")] * 10)
    (batch,) = items
    assert isinstance(batch, Batch)
    assert len(batch.items) == 10
    assert not batch.complete
    endless = take(batches, [line(f"BATCH +{n} x") for n in range(100)])
    assert len(endless) == 90
    assert len(batches.ended()) == 10


def test_batches_within_batches_are_no_deeper_than_can_be_read(line):
    batches = Batches()
    opened = [line(f"@batch={n - 1} BATCH +{n} x") for n in range(3000)]
    closed = [line(f"BATCH -{n}") for n in reversed(range(3000))]
    items = take(batches, [*opened, line("@batch=2999 PING"), *closed])
    assert sum(len(list(item.lines())) for item in items if isinstance(item, Batch)) == 1
    assert batches._lines == 0


def test_a_batch_without_a_reference_swallows_nothing(line):
    batches = Batches()
    lines = [line("BATCH + x"), line("PRIVMSG #a :hi"), line("@batch= PRIVMSG #a :hi"), line("BATCH -"), line("BATCH")]
    assert take(batches, lines) == lines


def test_a_reference_that_is_used_again(line):
    batches = Batches()
    items = take(
        batches, [line("BATCH +1 a"), line("BATCH +1 b"), line("@batch=1 PING"), line("BATCH -1"), line("BATCH -1")]
    )
    assert [(item.kind, item.complete) for item in items if isinstance(item, Batch)] == [("a", False), ("b", True)]


@given(
    st.lists(
        st.builds(
            lambda sign, ref, within: Line("BATCH", (f"{sign}{ref}", "x"), tags={"batch": within} if within else {}),
            st.sampled_from(["+", "-"]),
            st.sampled_from("abc"),
            st.sampled_from(["", "a", "b", "c"]),
        )
        | st.sampled_from("abc").map(lambda ref: Line("PING", (ref,), tags={"batch": ref})),
        max_size=40,
    )
)
def test_no_line_is_lost_in_batches(lines: list[Line]):
    batches = Batches(most_lines=12)
    items = [*take(batches, lines), *batches.ended()]
    found = [line for item in items for line in (item.lines() if isinstance(item, Batch) else (item,))]
    assert sorted(line.params for line in found) == sorted(line.params for line in lines if line.command == "PING")
    assert batches._lines == 0


# Labels


def test_labels(line):
    labels: Labels[str] = Labels(patience=30)
    one, two, three, four = (labels.ask(word, 0.0) for word in ("one", "two", "three", "four"))
    assert len({one, two, three, four}) == 4
    assert max(map(len, (one, two, three, four))) <= 64
    message = line(f"@label={two};msgid=x :me!u@h PRIVMSG #a :hi")
    assert labels.take(message) == Answer("two", Kind.LINE, (message,), message)
    assert labels.take(message) is None
    ack = line(f"@label={one} :s ACK")
    assert labels.take(ack) == Answer("one", Kind.ACK, (), ack)
    lines = [f"@label={three} :s BATCH +1 labeled-response", "@batch=1 :s 311 a", "@batch=1 :s 318 a", ":s BATCH -1"]
    (batch,) = take(Batches(), [line(text) for text in lines])
    answer = labels.take(batch)
    assert answer is not None
    assert (answer.question, answer.kind, [found.command for found in answer.lines]) == (
        "three",
        Kind.BATCH,
        ["311", "318"],
    )
    assert labels.take(line("PING")) is None
    assert labels.due == 30.0
    assert labels.expired(29.0) == []
    assert labels.expired(30.0) == ["four"]
    assert labels.take(line(f"@label={four} :s ACK")) is None
    labels.ask("five", 1.0)
    assert labels.ended() == ["five"]


# Netsplits


@pytest.mark.parametrize(
    ("reason", "servers"),
    [
        ("irc.hub other.host", ("irc.hub", "other.host")),
        ("*.net *.split", ("*.net", "*.split")),
        ("a.example a.example", None),
        ("Quit: a.example b.example", None),
        ("a.example b.example c.example", None),
        ("a.example  b.example", None),
        ("bye bye", None),
        ("Ping timeout", None),
        ("", None),
    ],
)
def test_how_a_netsplit_is_known(reason: str, servers: tuple[str, str] | None):
    assert servers_of(reason) == servers


def quits(n: int, *channels: str) -> Quit:
    return Quit(Source(f"n{n}", "u", "h"), channels, "hub.example leaf.example")


def joins(n: int, channel: str) -> Joined:
    return Joined(channel, Source(f"N{n}", "u", "h"))


def test_a_netsplit_and_its_end():
    splits = Netsplits()
    for n in range(300):
        assert splits.take(quits(n, "#a", "#b") if n % 2 else quits(n, "#a"), n / 100) == ()
    assert splits.due == pytest.approx(2.99 + QUIET)
    assert splits.told(4.0) == ()
    first, second = splits.told(5.0)
    assert first == Parted("#a", "hub.example", "leaf.example", tuple(f"n{n}" for n in range(300)))
    assert isinstance(second, Parted)
    assert (second.channel, len(second.people)) == ("#b", 150)
    assert splits.due is None
    for n in range(300):
        assert splits.take(joins(n, "#a"), 100.0) == ()
    (back,) = splits.told(100 + QUIET)
    assert back == Rejoined("#a", "hub.example", "leaf.example", tuple(f"N{n}" for n in range(300)))
    assert splits.take(joins(0, "#a"), 110.0) == (joins(0, "#a"),)
    assert splits.take(joins(1, "#other"), 110.0) == (joins(1, "#other"),)
    assert splits.take(joins(1, "#b"), 110.0) == ()


def test_a_netsplit_that_drags_on_is_told():
    splits = Netsplits()
    told = []
    for n in range(100):
        splits.take(quits(n, "#a"), float(n))
        told += splits.told(float(n))
    told += splits.ended(100.0)
    assert len(told) == 10
    assert sum(len(one.people) for one in told) == 100
    assert LONGEST == 10.0


def test_nobody_is_back_before_they_are_away():
    splits = Netsplits()
    for n in range(9):
        splits.take(quits(n, "#a"), float(n))
        splits.take(joins(n, "#a"), n + 0.1) if n < 2 else None
    told = splits.told(4.0)
    assert [type(one) for one in told] == [Parted, Rejoined]


def test_whoever_comes_much_later_simply_joins():
    splits = Netsplits()
    splits.take(quits(1, "#a"), 0.0)
    splits.told(10.0)
    late = joins(1, "#a")
    assert splits.take(late, REMEMBERED + 1) == (late,)
    splits.told(REMEMBERED + 1)
    assert not splits._away


def test_what_is_no_netsplit_passes():
    splits = Netsplits()
    me = Joined("#a", Source("n1"), me=True)
    for change in (Quit(Source("a"), ("#a",), "Quit: bye"), Left("#a", Source("a")), joins(1, "#a"), me):
        assert splits.take(change, 0.0) == (change,)
    assert splits.due is None
    assert splits.ended(0.0) == ()


def test_batches_say_themselves_that_they_are_netsplits():
    splits = Netsplits()
    change = Quit(Source("a"), ("#a",), "hidden")
    assert splits.take(change, 0.0, servers=("x", "y")) == ()
    assert splits.ended(0.0) == (Parted("#a", "x", "y", ("a",)),)
    assert splits.take(Joined("#a", Source("stranger")), 1.0, servers=("x", "y")) == ()
    assert splits.ended(1.0) == (Rejoined("#a", "x", "y", ("stranger",)),)
