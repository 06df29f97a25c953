"""What the log shows of an exception: where it came from, and nothing of what the code held there."""

import ast
import json
import logging
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosmtpd.smtp
import pytest
import structlog

from tchap_bridges import logs
from tchap_bridges.errors import NotReady, Undeliverable
from tchap_bridges.i18n import _
from tchap_bridges.matrix.client import MatrixRefused


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    mail = logging.getLogger("mail.log").level
    yield
    logging.getLogger("mail.log").setLevel(mail)
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


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            Undeliverable(_("le serveur d'envoi a refusé le courriel : {said}", said="550 5.1.1 <jean@essai.test> ?")),
            "le serveur d'envoi a refusé le courriel : 550 5.1.1 …",
        ),
        (NotReady(_("le serveur d'envoi demande d'attendre : {said}", said="451 jean@x.fr")), "attendre : 451 …"),
        (MatrixRefused(403, "M_FORBIDDEN", "@jean:x.fr is banned"), "refusé (M_FORBIDDEN)"),
        (MatrixRefused(403, "M_FORBIDDEN jean@x.fr", ""), "refusé (M_FORBIDDEN …)"),
        (NotReady(_("le serveur Matrix a répondu par une erreur {status}", status=502)), "erreur 502"),
        (
            NotReady(_("le serveur Matrix est injoignable ({kind})", kind="ClientConnectorError")),
            "(ClientConnectorError",
        ),
        (NotReady(_("la connexion {name} n'est plus configurée", name="550jean@x.fr")), "connexion … n'est plus"),
        (NotReady(_("la connexion {name} n'est plus configurée", name=_("jusqu'à {n}", n=3))), "connexion jusqu'à 3"),
        (FileNotFoundError(2, "No such file or directory", "/var/jean@x.fr"), "No such file or directory"),
        (Undeliverable("jean@x.fr said no"), None),
        (ValueError("jean@x.fr"), None),
        (ssl.SSLCertVerificationError(1, "jean@x.fr"), None),
    ],
)
def test_what_an_error_says_is_left_out_but_for_its_code(error, reason):
    told = logs.harmless(error)
    assert told["error"] == type(error).__name__
    assert (reason in told["reason"]) if reason else set(told) == {"error"}
    assert "jean" not in str(told)


WHO = "jean@essai.test"  # by name: a traceback shows the lines of the program


def lookup(words: str) -> None:
    raise KeyError(words)


def refuse() -> None:
    try:
        lookup(WHO)
    except KeyError as error:
        raise Undeliverable(_("refusé : {said}", said=f"550 {WHO}")) from error


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_says_no_more(style, capsys):
    logging.getLogger().handlers.clear()  # pytest's own, with which ours would not be set up
    logs.set_up("info", style)
    try:
        try:
            refuse()
        except Undeliverable as error:
            raise ExceptionGroup(WHO, [error, OSError(28, WHO)]) from None
    except ExceptionGroup as group:
        structlog.get_logger("x").error("it.failed", exc_info=group)
        logging.getLogger("library").exception("failed")
    shown = capsys.readouterr().err
    for word in ("ExceptionGroup", "KeyError", "Undeliverable", "refusé : 550 …", "No space left", "refuse"):
        assert shown.count(word) >= 2, (word, shown)
    assert "essai.test" not in shown


def test_what_a_stranger_types_to_our_mail_server_is_not_logged(capsys):
    logging.getLogger().handlers.clear()
    logs.set_up("debug", "console")
    aiosmtpd.smtp.log.warning("%r unrecognised: %s", "peer", WHO.upper())
    aiosmtpd.smtp.log.error("a fault")
    shown = capsys.readouterr().err
    assert "a fault" in shown
    assert WHO.upper() not in shown


def test_a_collector_reads_a_time_that_needs_no_zone(capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Pacific/Tahiti")
        time.tzset()
        logs.set_up("info", "json")
        structlog.get_logger("x").info("it.happened")
    time.tzset()
    said = datetime.fromisoformat(json.loads(capsys.readouterr().err.splitlines()[-1])["timestamp"])
    assert abs(datetime.now(UTC) - said) < timedelta(minutes=1)


ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for file in sorted(file for folder in ("src", "bridges", "bots") for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=log, attr=level)) if level in LEVELS:
                    if ast.unparse(log).rpartition(".")[2] in {"log", "_log"}:
                        yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def repeats(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="reason" | "args") | ast.Name(id="str" | "repr") | ast.JoinedStr():
            return True
    return False


def test_no_call_repeats_what_an_error_says():
    calls = list(log_calls())
    assert len(calls) > 40
    assert [
        place for place, call in calls if any(repeats(node) for keyword in call.keywords for node in ast.walk(keyword))
    ] == []
