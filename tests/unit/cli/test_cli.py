"""The command line as such: help that teaches, one command loaded at a time, no traceback, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tchap_bridges.cli import COMMANDS, main


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_teaches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert len(capsys.readouterr().out) > 200


def test_help_names_every_command_and_loads_none() -> None:
    code = (
        "import sys, tchap_bridges.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'aiohttp', 'mautrix', 'asyncpg', 'tchap_bridges.config'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in COMMANDS:
        assert f" {name} " in done.stdout


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("chek") == 2
    assert "check" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("tchap-bridges 0.")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """``plugins`` meets a bug of ours."""

    def fail(*_arguments: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("tchap_bridges.plugins.Plugins.installed", fail)


@pytest.mark.usefixtures("broken")
def test_no_traceback_reaches_a_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plugins") == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "--debug" in said


@pytest.mark.usefixtures("broken")
def test_unless_asked_for() -> None:
    with pytest.raises(KeyError):
        main(["plugins", "--debug"])


def test_plugins_lists_ours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run("plugins") == 0
    said = capsys.readouterr().out
    for words in (
        "!pont courriel liste@exemple.fr — relie une liste",
        "!pont écho #general — ",
        "Répète ce qu'on lui dit.",
    ):
        assert words in said
    assert "!echo — Répète les mots" in said
    for words in ("SMTP, LMTP and IMAP in", "entry point"):  # what developers read
        assert words not in said


def test_mail_show_gives_one_object_per_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, garbage = tmp_path / "good.eml", tmp_path / "garbage.eml"
    good.write_bytes(b"From: Jean <jean@essai.test>\r\nSubject: Bonjour\r\n\r\nSalut\r\n")
    garbage.write_bytes(bytes(range(256)))
    files = [str(file) for file in (good, garbage, tmp_path / "absent.eml")]
    assert run("mail", "show", "--json", *files) == 1, "one cannot be opened"
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["file"] for each in found] == files
    assert found[0]["author"] == {"name": "Jean", "address": "jean@essai.test"}
    assert found[2]["error"] == "fichier ou dossier absent"
    assert run("mail", "show", "--json", *files[:2]) == 0
    capsys.readouterr()
    assert run("mail", "show", files[2]) == 1
    assert "fichier ou dossier absent" in capsys.readouterr().out


def test_mail_show_for_eyes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mail = tmp_path / "good.eml"
    mail.write_bytes(b"From: Jean <jean@essai.test>\r\nSubject: [b]Bonjour[/b]\r\n\r\nSalut\r\n")
    assert run("mail", "show", str(mail)) == 0
    said = capsys.readouterr().out
    assert "Jean <jean@essai.test>" in said
    assert "[b]Bonjour[/b]" in said, "a mail's words are never our markup"


def test_a_library_of_an_extra_that_is_not_installed() -> None:
    """The demo takes every network, and an installation may have but one."""
    code = "import sys, tchap_bridges.cli as cli\nsys.modules['aiosmtpd.smtp'] = None\ncli.main(['demo', '--once'])\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "aiosmtpd" in done.stderr
    assert "pip install 'tchap-bridges[email,irc,slack]'" in done.stderr
