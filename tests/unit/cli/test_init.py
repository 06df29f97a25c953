"""``init``: what it writes can be loaded, is secret, is new each time, and never replaces anything."""

import io
import stat
from pathlib import Path

import pytest

from tchap_bridges.cli import main
from tchap_bridges.config import Settings, load

FLAGS = ("--yes", "--no-tchap", "--server-name", "agent.essai.test", "--mail-domain", "pont.essai.test")


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def made(folder: Path, *flags: str) -> Settings:
    assert run("init", str(folder), *flags) == 0
    return load(folder / "config.yaml")


def test_what_it_writes_can_be_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = made(tmp_path / "pont", *FLAGS)
    assert settings.homeserver.server_name == "agent.essai.test"
    assert not settings.homeserver.tchap
    assert settings.policy.users == ("*:agent.essai.test",)
    assert settings.registration.msc4190
    assert not settings.registration.rate_limited
    assert settings.registration.sender_localpart != "pont"
    assert settings.bridges["email"].config.address == "pont@pont.essai.test"  # type: ignore[index,attr-defined]
    said = capsys.readouterr().out
    for word in ("app_service_config_files", "tchap-bridges check", "tchap-bridges run", "@pont:agent.essai.test"):
        assert word in said


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "pont"
    made(folder, *FLAGS)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("config.yaml", "registration.yaml"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_secrets_are_new_each_time(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one", *FLAGS), made(tmp_path / "other", *FLAGS)
    secrets = [
        secret.get_secret_value()
        for each in (one, other)
        for secret in (each.registration.as_token, each.registration.hs_token, each.storage.key, each.storage.identity)
    ]
    assert len(set(secrets)) == 8


@pytest.mark.parametrize("present", ["config.yaml", "registration.yaml"])
def test_it_overwrites_nothing(present: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / present).write_text("précieux")
    assert run("init", str(tmp_path), *FLAGS) == 1
    assert (tmp_path / present).read_text() == "précieux"
    assert [file.name for file in tmp_path.iterdir()] == [present]
    assert f"{present} existe déjà" in capsys.readouterr().err


@pytest.mark.parametrize("tchap", [True, False])
def test_whether_it_is_a_tchap_server_is_said(tchap: bool, tmp_path: Path) -> None:
    settings = made(tmp_path / "pont", "--yes", "--server-name", "essai.test", "--tchap" if tchap else "--no-tchap")
    assert settings.homeserver.tchap is tchap
    assert not settings.bridges


@pytest.mark.parametrize("server", ["agent.finances.tchap.gouv.fr", "essai.test"])
def test_it_is_not_guessed(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", str(tmp_path / "pont"), "--yes", "--server-name", server) == 2
    said = capsys.readouterr().err
    assert "--tchap" in said
    assert "--no-tchap" in said
    assert not (tmp_path / "pont").exists()


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (("--yes",), "--server-name"),
        (("--yes", "--server-name", "https://x"), "sans https"),
        ((*FLAGS, "--bot", "Pont"), "minuscules"),
        ((*FLAGS, "--listen", "29340"), "adresse:port"),
        ((*FLAGS, "--database", "mysql://localhost/x"), "postgresql"),
        ((*FLAGS, "--smtp-user", "pont"), "TCHAP_BRIDGES_SMTP_PASSWORD"),
    ],
)
def test_what_the_configuration_would_refuse(
    flags: tuple[str, ...],
    word: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert run("init", str(tmp_path / "pont"), *flags) == 2
    assert word in capsys.readouterr().err
    assert not (tmp_path / "pont").exists()


def test_a_password_that_yaml_could_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "a: b # c\\ \"d\" 'é' {e}"
    monkeypatch.setenv("TCHAP_BRIDGES_SMTP_PASSWORD", secret)
    settings = made(tmp_path / "pont", *FLAGS, "--smtp-user", "true", "--smtp-host", "smtp.essai.test")
    submission = settings.bridges["email"].config.submission  # type: ignore[index,attr-defined]
    assert submission.password.get_secret_value() == secret
    assert (submission.user, submission.port, submission.security) == ("true", 587, "starttls")


def test_a_database_elsewhere(tmp_path: Path) -> None:
    settings = made(tmp_path / "pont", *FLAGS, "--database", "postgresql://pont:p:w@localhost/pont")
    assert settings.database == "postgresql://pont:p:w@localhost/pont"
    assert not (tmp_path / "pont" / "data").exists()


@pytest.mark.parametrize(
    ("server", "answers", "tchap"),
    [
        ("essai.test", ["oui"], True),
        ("essai.test", ["O"], True),
        ("essai.test", ["y"], True),
        ("essai.test", ["peut-être", "n"], False),
        ("essai.test", [""], False),
        ("agent.finances.tchap.gouv.fr", [""], True),
        ("agent.finances.tchap.gouv.fr", ["Non"], False),
    ],
)
def test_it_asks(server: str, answers: list[str], tchap: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = "\n".join(["pas un nom", server, "http://127.0.0.1:8008", *answers, "", ""])
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    settings = made(tmp_path / "pont")
    assert settings.homeserver.tchap is tchap
    assert settings.homeserver.server_name == server


@pytest.mark.parametrize(
    ("flags", "question", "again"), [((), "[o/N]", "o ou n"), (("--language", "en"), "[y/N]", "y or n")]
)
def test_it_asks_in_one_s_language(
    flags: tuple[str, ...],
    question: str,
    again: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("essai.test\n\n?\nn\n\n"))
    made(tmp_path / "pont", *flags)
    said = capsys.readouterr()
    assert question in said.out
    assert again in said.err


def test_nobody_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run("init", str(tmp_path / "pont"), "--server-name", "agent.essai.test") == 2
    said = capsys.readouterr().err
    assert "--yes" in said
    assert "Aborted" not in said
    assert not (tmp_path / "pont").exists()
