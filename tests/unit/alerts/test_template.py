"""A room's template says what it was written for, and nothing else it might try."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bot_alerts.book import Book
from tchap_bot_alerts.grouping import take
from tchap_bot_alerts.notice import Notice, Severity, State
from tchap_bot_alerts.policy import Policy
from tchap_bot_alerts.template import Fault, check, dry_run, render
from tchap_bot_alerts.wording import data_of
from tchap_bot_alerts.words import LONGEST
from tchap_bridges.events import Text
from tchap_bridges.i18n import Translator

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "hooks_templates"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def data(*, text: str = "97 %"):
    first = Notice(
        kind="essai",
        title="Disque <plein>",
        text=Text(plain=text, html=f"<b>{text}</b>"),
        url="https://ex.fr/d?a=1&b=2",
        severity=Severity.WARNING,
        state=State.FIRING,
        fingerprint="a",
        group="g",
        labels={"items": "un", "mal": "<script>x</script>", "modele": "{{ 7 * 7 }}"},
    )
    other = Notice(kind="essai", title="Réseau", state=State.FIRING, fingerprint="b", group="g")
    policy = Policy(window=timedelta(hours=1))
    book = take(Book(), [first, other], policy, NOW).book
    (edit,) = take(book, [first], policy, NOW + timedelta(minutes=1)).actions
    return data_of(edit.shown, Translator("fr"), ZoneInfo("Europe/Paris"))


DATA = data()
LARGE = data(text="a" * 8000)
LARGE["entries"] = [{"title": str(n)} for n in range(200)]


def cases(name: str):
    return pytest.mark.parametrize("case", YAML(typ="safe").load(VECTORS / name), ids=lambda case: case["name"])


def source_of(case) -> str:
    if "source" in case:
        return case["source"]
    before, again, times, middle, *after = case["repeat"]
    close, end = (*after, "", "")[:2]
    return before + again * times + middle + close * times + end


@cases("written.yaml")
def test_templates_say_what_they_were_written_for(case):
    assert render(case["source"], DATA) == Text(plain=case["plain"], html=case.get("html"))
    assert check(case["source"], DATA) is None


@cases("attacks.yaml")
def test_attacks(case):
    source = source_of(case)
    data = LARGE if "repeat" in case else DATA
    before = time.process_time()
    found = render(source, data)
    spent = time.process_time() - before
    if "fault" in case:
        assert found == Fault(case.get("line"), case["fault"])
    else:
        assert isinstance(found, Text)
        assert found.plain == case.get("text", found.plain)
        assert found.html == case.get("html", found.html)
        assert case.keys() & {"text", "html", "longest"}
        assert len(found.plain) <= LONGEST
        assert not case.get("longest") or len(found.plain) == LONGEST
    assert spent < 2


def test_a_dry_run_tells_each():
    found = dry_run("{{ labels.a < 3 }}", [{"labels": {"a": 1}}, {"labels": {"a": "x"}}, {}])
    assert found[0] == Text(plain="True", html="True")
    assert [one.line for one in found[1:]] == [1, 1]


def test_checking_does_not_run():
    assert check("{{ count < title }}", DATA) is None
    assert check("{{ absent }}", DATA) == Fault(1, "« absent » n'existe pas.")


PARTS = st.sampled_from([
    "{{ ", " }}", "{% for a in ", "{% for a, b in ", " %}", "{% endfor %}", "{% if ", "{% else %}", "{% endif %}",
    "entries",
    "labels", "|items", "|join", "|join(title)", "|safe", "|first", "|last", "|sort", "|length", "|lines",
    "|truncate(2)",
    ".title", "[0]", "[1:]", "['x']", "a", "b", "loop", ".index", "title", "text", "html", "1", "'x'", " in ",
    " == ", " < ",
    " and ", " or ", " not ", "(", ")", "[", "]", ",", " is defined", " is odd", " if ", " else ", "\n", "<b>",
    "{#", "#}",
    "{% raw %}", "{% endraw %}", "-", "%}", "{%-", "~", "|upper", "|items|first|last", ".x.y.z", "{% set a = 1 %}",
])  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PARTS, max_size=25).map("".join) | st.text(max_size=100))
def test_no_template_raises(source):
    found = render(source, DATA)
    assert isinstance(found, Text | Fault)
    if isinstance(found, Text):
        assert check(source, DATA) is None
