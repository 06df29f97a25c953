"""Events of any shape: Slack's own samples, and what no Slack would send."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tchap_bridge_slack import convert
from tchap_bridge_slack.convert import Me
from tchap_bridge_slack.document import NoNames
from tchap_bridge_slack.people import mentioned_in
from tchap_bridges.events import Author, Message
from tchap_bridges.ids import PersonId
from tests import corpora

ME = Me("U0ME", "B0ME", "T0", "https://essai.slack.com/")


class Nobody(NoNames):
    def author(self, id_: str, /) -> Author:
        return Author(person=PersonId(id_), name=id_)


def told(event: Any) -> list[convert.Told]:
    list(mentioned_in(event))
    return list(convert.told(event, Nobody(), ME))


def samples() -> Iterator[dict[str, Any]]:
    folder = corpora.folder("chat", "slack")
    for path in sorted(folder.rglob("*.json")):
        yield from _events(json.loads(path.read_text()))
    for path in sorted(folder.rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield from _events(json.loads(line))


def _events(value: Any) -> Iterator[dict[str, Any]]:
    """Everything that could be an event or a message, wherever it stands."""
    if isinstance(value, dict):
        if "type" in value or "ts" in value:
            yield value
        for one in value.values():
            yield from _events(one)
    elif isinstance(value, list):
        for one in value:
            yield from _events(one)
    elif isinstance(value, str) and value[:1] == "{":
        try:
            yield from _events(json.loads(value))
        except ValueError:
            return


def test_every_sample_is_read() -> None:
    seen = messages = 0
    for event in samples():
        seen += 1
        for one in told(event):
            assert one.key
        for one in convert.message_of("C0", event, Nobody(), ME):
            messages += isinstance(one.event, Message)
    if not seen:
        pytest.skip("no samples")
    assert messages > 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
TS = st.sampled_from(["1700000000.000100", "0.0", "", "9" * 40, "x", "1700000000"])
KEYS = {
    "type": st.sampled_from(["message", "reaction_added", "reaction_removed"]) | JSON,
    "subtype": st.sampled_from(
        ["", "message_changed", "message_deleted", "channel_topic", "channel_name", "file_share", "bot_message"]
    )
    | JSON,
    **dict.fromkeys(("ts", "event_ts", "deleted_ts", "thread_ts"), TS | JSON),
    **dict.fromkeys(("user", "channel", "text", "blocks", "attachments", "files", "item", "reaction"), JSON),
    **dict.fromkeys(("edited", "metadata", "icons", "bot_profile", "username", "bot_id", "name", "topic"), JSON),
}
EVENT = st.fixed_dictionaries({}, optional=KEYS)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENT, EVENT, EVENT)
def test_nonsense_means_nothing_and_breaks_nothing(event: Any, new: Any, old: Any) -> None:
    for one in told({"channel": "C0", **event, "message": new, "previous_message": old}):
        assert one.key
        convert.words_hash(new)


def test_a_message_is_known_by_its_place_and_time() -> None:
    """From an event, in another envelope, or out of the history: one key."""
    message = {"type": "message", "user": "U1", "text": "ok", "ts": "1700000000.000100"}
    by_event = told({**message, "channel": "C1", "event_ts": "1700000000.000100", "team": "T0"})
    by_history = list(convert.message_of("C1", {**message, "edited": {"ts": "1"}}, Nobody(), ME))
    assert [one.key for one in by_event] == [one.key for one in by_history]
    assert told({**message, "channel": "C2"})[0].key != by_event[0].key


@pytest.mark.parametrize(
    "file",
    [
        {"id": "F01", "mode": "external", "is_external": True, "external_url": "https://d.example/x", "title": "Plan"},
        {"id": "F01", "mode": "tombstone"},
        {"id": "F01", "mode": "hidden_by_limit"},
        {"id": "F01", "mode": "canvas", "permalink": "https://t.slack.com/canvas", "title": "Plan"},
    ],
)
def test_files_that_are_not_slacks_are_lines(file: dict[str, Any]) -> None:
    message = {"type": "message", "channel": "C1", "user": "U1", "text": "", "ts": "1700000000.000100", "files": [file]}
    (one,) = told(message)
    assert isinstance(one.event, Message)
    assert not one.event.files
    assert one.event.text.plain
