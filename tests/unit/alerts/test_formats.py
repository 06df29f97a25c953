"""What each sender's deliveries say; and that nothing which comes can do more than be refused or be told in bounds."""

import copy
import json
import re
import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from tests.unit.alerts.deliveries import CASES, HOOKS, SENDERS, body_of

from tchap_bot_alerts.formats import Format, read
from tchap_bot_alerts.formats.alertmanager import MOST_ALERTS
from tchap_bot_alerts.notice import Notice, Refused, Severity, State
from tchap_bot_alerts.values import LARGEST
from tchap_bot_alerts.words import LONGEST, LONGEST_HTML
from tchap_bridges.i18n import Translator

FRENCH = Translator("fr")
EXPECTED = {sender: YAML(typ="safe").load(HOOKS / sender / "expected.yaml") or {} for sender in SENDERS}


def shown(notice: Notice) -> dict[str, Any]:
    """A notice as the vectors write it: what says nothing is left out."""
    found = {
        "kind": notice.kind,
        "title": str(notice.title),
        "plain": notice.text.plain,
        "html": notice.text.html,
        "url": notice.url,
        "severity": notice.severity.value if notice.severity is not Severity.NONE else "",
        "state": notice.state.value if notice.state is not State.NONE else "",
        "fingerprint": notice.fingerprint,
        "group": notice.group,
        "labels": dict(notice.labels),
        "at": notice.at.isoformat() if notice.at else "",
    }
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['sender']}: {case['name']}")
def test_deliveries_are_read(case):
    found = read(case.get("headers", {}), body_of(case), FRENCH)
    if "refused" in case:
        assert found == Refused(case["refused"])
    else:
        assert isinstance(found, tuple)
        assert [shown(one) for one in found] == EXPECTED[case["sender"]][case["name"]]


def test_every_sender_and_every_expectation_is_tried():
    assert set(SENDERS) == set(Format)
    names = {(case["sender"], case["name"]) for case in CASES if "refused" not in case}
    assert names == {(sender, name) for sender, cases in EXPECTED.items() for name in cases}
    assert len(CASES) == len({(case["sender"], case["name"]) for case in CASES})


def test_a_sender_that_is_named_is_not_sought():
    (found,) = read({}, b'{"text": "a"}', FRENCH, sender=Format.PLAIN)
    assert found.text.plain == '{"text": "a"}'
    (found,) = read({"X-GitHub-Event": "push"}, b'{"text": "a"}', FRENCH, sender=Format.SLACK)
    assert found.kind == "slack"
    assert isinstance(read({}, b"mots", FRENCH, sender=Format.GITLAB), Refused)


def test_the_room_reads_its_language():
    case = next(case for case in CASES if case["name"] == "a push of two commits")
    (found,) = read(case["headers"], body_of(case), Translator("en"))
    assert found.title == "[etalab/outil] zmartin pushes 2 commits to main"


TAG = re.compile(r"<[^>]*>?")
HARMLESS = re.compile(r"""</?[a-z]+[0-6]?>|<a href="(https?://|mailto:)[^"<>\s]*">""")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def bounded(found: tuple[Notice, ...] | Refused) -> bool:
    """Within an event of a room, and harmless."""
    if isinstance(found, Refused):
        return bool(found.reason)
    for one in found:
        assert len(one.title) <= 1000
        assert "\n" not in one.title
        assert len(one.text.plain) <= LONGEST
        assert len(one.text.html or "") <= LONGEST_HTML
        assert one.url == "" or one.url.startswith(("http://", "https://"))
        assert sum(len(name) + len(value) for name, value in one.labels.items()) <= 20_000
        assert not CONTROL.search("".join([*one.labels, *one.labels.values()]))
        assert not [tag for tag in TAG.findall(one.text.html or "") if not HARMLESS.fullmatch(tag)]
        assert not CONTROL.search(one.title + one.text.plain + (one.text.html or ""))
        one.text.plain.encode()
    return len(found) <= MOST_ALERTS + 1


HEADERS = [case.get("headers", {}) for case in CASES]


@given(st.sampled_from(HEADERS), st.binary(max_size=300), st.sampled_from([None, *Format]))
def test_no_bytes_raise(headers, body, sender):
    assert bounded(read(headers, body, FRENCH, sender=sender))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
HOSTILE = st.sampled_from([
    "x" * 100_000, "<script>x</script>" * 500, "&" * 9000, "é\u0301" * 5000, "\ud800", "\x00", "\u202eabc", "*" * 9000,
    "[" * 9000, "<" * 9000, "`" * 9000, "_a" * 5000, "> " * 5000, "![](http://a)" * 900, "<http://a|b>" * 900,
    "|\n" * 5000,
    10**400, -1, 1e308, float("inf"), float("nan"), [[]] * 5000, [{}] * 5000, {"": {}}, {"text": 1}, ["a"], "9" * 5000,
    {str(n): n for n in range(5000)}, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "http://[", "https://a\nb",
    "javascript:alert(1)", "http://user:pw@a", "http://" + "a" * 5000,
])  # fmt: skip
BODIES = [case for case in CASES if "body" in case]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in pairs for place in places(inner, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], what: Any) -> Any:
    if not path:
        return what
    value = copy.copy(value)
    value[path[0]] = put(value[path[0]], path[1:], what)
    return value


@settings(max_examples=600, deadline=5000)
@given(st.sampled_from(BODIES), st.data())
def test_no_delivery_with_something_else_in_it_raises(case, data):
    body = case["body"]
    for _ in range(data.draw(st.integers(1, 3))):
        body = put(body, data.draw(st.sampled_from(places(body))), data.draw(JSON | HOSTILE))
    assert bounded(read(case.get("headers", {}), json.dumps(body).encode("utf-8", "replace"), FRENCH))


@pytest.mark.parametrize(
    "text", ["a", "<", "*", "`", "[", "_", "> \n", "&lt;", "[](http://a)", "*_~", "```\n", "é\u0301", "<b>"]
)
@pytest.mark.parametrize(
    "shape",
    [
        {"text": ...},
        {"message": ..., "message_format": "md"},
        {"message": ..., "message_format": "html"},
        {"attachments": [{"text": ..., "title": ..., "fields": [{"title": ..., "value": ...}] * 20}] * 20},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ...}}] * 40},
        {"alerts": [{"labels": {"alertname": ...}, "annotations": {"description": ...}}] * 200},
    ],
    ids=["text", "md", "html", "attachments", "blocks", "alerts"],
)
def test_megabytes_are_cut_in_good_time(shape, text):
    body = filled(shape, "")
    places = json.dumps(filled(shape, "@")).count('"@"')
    times = (LARGEST - len(json.dumps(body)) - 1000) // (places * (len(json.dumps(text)) - 2))
    body = json.dumps(filled(shape, text * times)).encode()
    assert LARGEST // 2 < len(body) <= LARGEST
    before = time.process_time()
    found = read({}, body, FRENCH)
    assert time.process_time() - before < 2
    assert bounded(found)
    assert not isinstance(found, Refused)


def filled(shape: Any, text: str) -> Any:
    if isinstance(shape, dict):
        return {key: filled(inner, text) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [filled(inner, text) for inner in shape]
    return text if shape is ... else shape


def test_ten_megabytes_are_refused():
    found = read({}, b'{"text": "' + b"a" * 10_000_000 + b'"}', FRENCH)
    assert found == Refused(f"Le corps fait 10000012 octets, {LARGEST} au plus.")


def test_what_threads_share_is_compiled_before_they_do():
    """markdown-it compiles its rules at the first use, and a second thread would see half of them."""
    code = (
        "from tchap_bot_alerts.words import _MARKDOWN as md\n"
        "rulers = (md.core.ruler, md.block.ruler, md.inline.ruler, md.inline.ruler2)\n"
        "assert all(one.__cache__ for one in rulers)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
