"""What the log shows of an exception: where it came from, and nothing of what the code held there."""

import json
import logging

import pytest
import structlog

from tchap_bridges import logs


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def fail(body: str) -> None:
    kept = {"password": body}
    raise ValueError(len(kept))


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_locals(style, capsys):
    secret = "mot-de-passe"
    logs.set_up("info", style)
    try:
        fail(secret)
    except ValueError:
        structlog.get_logger("x").exception("it.failed", room="!r:x")
    shown = capsys.readouterr().err
    assert "it.failed" in shown
    assert "ValueError" in shown
    assert "fail" in shown
    assert "mot-de-passe" not in shown
    if style == "json":
        (line,) = shown.splitlines()
        assert json.loads(line)["exception"][0]["exc_type"] == "ValueError"
