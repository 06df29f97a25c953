"""What the senders themselves publish as samples is recognised and told; the samples stay outside the repository.

They lie in ``hooks/published`` of the corpora (where each comes from: tests/vectors/hooks/SOURCES.md), a file a body,
with an ``expected.yaml`` beside them::

    github-push.json:
      sender: github
      headers: {X-GitHub-Event: push}
      says: [{kind: github.push, title: …}]
"""

import pytest
from ruamel.yaml import YAML
from tests.corpora import folder
from tests.unit.alerts.test_formats import bounded, shown

from tchap_bot_alerts.formats import Format, read
from tchap_bridges.i18n import Translator


def test_published_samples_are_recognised_and_told():
    published = folder("hooks", "published")
    if not (published / "expected.yaml").is_file():
        pytest.skip("no published samples of webhooks in the corpora")
    expected = YAML(typ="safe").load(published / "expected.yaml")
    assert set(expected) == {path.name for path in published.glob("*.json")}
    found = {}
    for name, case in expected.items():
        notices = read(case.get("headers", {}), (published / name).read_bytes(), Translator("fr"))
        assert bounded(notices)
        assert isinstance(notices, tuple), name
        assert {one.kind.partition(".")[0] for one in notices} <= {Format(case["sender"]).value}, name
        found[name] = [shown(one) for one in notices]
    assert found == {name: case["says"] for name, case in expected.items()}
