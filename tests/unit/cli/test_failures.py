"""What goes wrong with the store is told in the operator's language; a folder that cannot be is the configuration's."""

import re
from pathlib import Path

import pytest

from tchap_bridges.cli import main
from tchap_bridges.testing.ports import free_port

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "300")
    text = (VECTORS / "good.yaml").read_text()
    (tmp_path / "config.yaml").write_text(re.sub(r":2934\d\b", lambda _port: f":{free_port()}", text))
    (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    (tmp_path / "data").mkdir()
    return tmp_path / "config.yaml"


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


@pytest.mark.parametrize(
    ("language", "none", "absent", "there"),
    [
        ("fr", "n'est pas une sauvegarde", "fichier ou dossier absent", "existe déjà"),
        ("en", "is no backup", "there is no such file", "exists already"),
    ],
)
def test_backup_and_restore_speak_the_operator_s_language(
    language: str, none: str, absent: str, there: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text().replace("language: fr", f"language: {language}"))
    target = config.with_name("pont.tar")

    def refused(*words: str) -> str:
        assert run(*words, "-c", str(config)) == 1
        said = capsys.readouterr().err
        assert len(said.splitlines()) == 1, said
        return said

    target.write_bytes(b"no archive" * 1000)
    assert none in refused("restore", str(target))
    assert absent in refused("restore", str(config.with_name("missing.tar")))
    assert run("queue", "list", "-c", str(config)) == 0  # which makes the database
    assert there in refused("backup", str(target))
    assert "--overwrite" in refused("restore", str(target))


@pytest.mark.parametrize(
    ("url", "words", "reason"),
    [
        ("sqlite:///config.yaml/bridge.db", ("run",), "le chemin passe par un fichier"),
        ("sqlite:///config.yaml/bridge.db", ("restore", "x.tar"), "le chemin passe par un fichier"),
        ("sqlite:///config.yaml/bridge.db", ("queue", "list"), "le chemin passe par un fichier"),
        ("sqlite:///absent/bridge.db", ("queue", "list"), "fichier ou dossier absent"),
        ("sqlite:///absent/bridge.db", ("backup",), "fichier ou dossier absent"),
        ("sqlite:///data", ("run",), "c'est un dossier"),
    ],
)
def test_a_folder_that_cannot_be_is_a_mistake_of_the_configuration(
    url: str, words: tuple[str, ...], reason: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text().replace("sqlite:///data/bridge.db", url)
    config.write_text(text)
    assert run(*words, "-c", str(config)) == 2
    said = capsys.readouterr().err
    assert f"{config}:12: storage.url: la base ne peut pas être à " in said
    assert reason in said
    assert " — " in said
    assert not config.with_name("absent").exists()


def test_check_finds_it(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def diagnose(_settings: object) -> list[object]:
        return []

    monkeypatch.setattr("tchap_bridges.cli.check.diagnose", diagnose)
    monkeypatch.setattr("tchap_bridge_email.EmailBridge.check", diagnose)
    config.chmod(0o600)
    config.with_name("registration.yaml").chmod(0o600)
    assert run("check", "-c", str(config)) == 0
    config.write_text(config.read_text().replace("sqlite:///data/bridge.db", "sqlite:///config.yaml/bridge.db"))
    capsys.readouterr()
    assert run("check", "-c", str(config)) == 1
    said = capsys.readouterr().out
    assert "storage.url" in said
    assert "le chemin passe par un fichier" in said
    config.write_text(config.read_text().replace("config.yaml/bridge.db", "new/folder/bridge.db"))
    assert run("check", "-c", str(config)) == 0
