"""What the senders themselves publish as samples is recognised, proven genuine and told; the samples stay outside."""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from ruamel.yaml import YAML
from tests.unit.alerts.deliveries import HOOKS
from tests.unit.alerts.published import Sample, of_github, of_gitlab
from tests.unit.alerts.test_formats import FRENCH, bounded, shown

from tchap_bot_alerts.formats import Format, read, sniffed
from tchap_bot_alerts.notice import Notice
from tchap_bot_alerts.values import at
from tchap_bridges.hooks.verify import Scheme, Secret, verify

TOLD = YAML(typ="safe").load(HOOKS / "published.yaml")
SENDERS = {Format.GITHUB: of_github, Format.GITLAB: of_gitlab}
NOW = datetime(2026, 3, 2, tzinfo=UTC)
# Where a name is missing. A question in a title stands after a word.
UNNAMED = re.compile(r"(?:^|[\s\[#!])\?(?:\W|$)")


def told(sample: Sample) -> Sequence[Notice]:
    found = read(sample.headers, sample.body, FRENCH)
    assert isinstance(found, tuple), (sample.name, found)
    return found


def place(sample: Sample) -> str:
    """The project, or whatever else its sender names that is above one; "" for none."""
    paths = (
        ("repository", "full_name"),
        ("project", "path_with_namespace"),
        ("path_with_namespace",),
        ("organization", "login"),
        ("enterprise", "slug"),
        ("sender", "login"),
    )
    return next((str(name) for path in paths if (name := at(sample.value, *path))), "")


@pytest.mark.parametrize(
    ("sender", "samples", "least"), [(Format.GITHUB, of_github, 700), (Format.GITLAB, of_gitlab, 25)]
)
def test_every_sample_is_its_senders_and_is_told_in_bounds(
    sender: Format, samples: Callable[[], list[Sample]], least: int
) -> None:
    listed = samples()
    assert len(listed) >= least
    for sample in listed:
        headers = {name.lower(): value for name, value in sample.headers.items()}
        notices = told(sample)
        assert sniffed(headers, sample.value) is sender, sample.name
        assert bounded(notices), sample.name
        assert {one.kind.partition(".")[0] for one in notices} <= {sender.value}, sample.name
        assert not [one.title for one in notices if UNNAMED.search(one.title)], sample.name
        assert not [one.title for one in notices if place(sample) not in one.title or one.title.endswith(" : ")]


@pytest.mark.parametrize("event", TOLD["github"])
def test_what_github_publishes_is_told(event: str) -> None:
    wanted: dict[str, Any] = TOLD["github"][event]
    samples = [one for one in of_github() if one.headers["X-GitHub-Event"] == event and one.has(wanted["has"])]
    assert samples
    for sample in samples:
        assert [shown(one) for one in told(sample)] == wanted["says"], sample.name


def test_what_gitlab_publishes_is_told() -> None:
    found = {one.name: [f"{one.state} {one.title}".removeprefix("none ") for one in told(one)] for one in of_gitlab()}
    known = {name: said for name, said in TOLD["gitlab"].items() if name in found}
    assert known.keys() >= {"webhooks/push", "webhooks/pipeline", "webhooks/merge_request", "systemhooks/user_create"}
    assert {name: found[name] for name in known} == known


def test_what_github_publishes_is_genuine_under_its_signature_and_in_no_other_form() -> None:
    """HMAC-SHA256 of the bytes as they came: another way to write the same JSON is a forgery.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    secret = "It's a Secret to Everybody"
    known = [Secret(name="essai", value=secret)]
    for sample in of_github():
        signature = hmac.new(secret.encode(), sample.body, hashlib.sha256).hexdigest()
        headers = {**sample.headers, "X-Hub-Signature-256": f"sha256={signature}"}
        assert verify(Scheme.GITHUB, headers, sample.body, known, NOW), sample.name
        assert not verify(Scheme.GITHUB, headers, sample.body + b"\n", known, NOW), sample.name


def test_what_gitlab_publishes_is_genuine_by_its_token() -> None:
    known = [Secret(name="essai", value="jeton")]
    for sample in of_gitlab():
        assert verify(Scheme.GITLAB, {**sample.headers, "X-Gitlab-Token": "jeton"}, sample.body, known, NOW)
        assert not verify(Scheme.GITLAB, {**sample.headers, "X-Gitlab-Token": "autre"}, sample.body, known, NOW)
