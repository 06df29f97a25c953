"""``check`` as a command: the table, its remedies, its exit code, and what it sees on this machine."""

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tchap_bot_echo import EchoBot
from tchap_bot_polls import PollsBot
from tchap_bridges.bridge import Finding
from tchap_bridges.cli import main

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


@pytest.fixture
def config(tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without mail, on free ports, with an operator who has a name."""
    text = (VECTORS / "good.yaml").read_text()
    text = re.sub(r"bridges:\n.*?(?=bots:)", "bridges: {}\n", text, flags=re.DOTALL)
    text = text.replace("destinations: [état]", "destinations: [état]\n  operator: Ministère de l'Exemple")
    text = re.sub(r":(8008|29340|29341)\b", lambda _port: f":{free_port()}", text)
    registration = (VECTORS / "good_registration.yaml").read_text()
    for name, content in (("config.yaml", text), ("registration.yaml", registration)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("COLUMNS", "500")  # no path is folded
    return tmp_path / "config.yaml"


@pytest.fixture
def homeserver_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async def diagnose(_settings: object) -> list[Finding]:
        return []

    monkeypatch.setattr("tchap_bridges.cli.check.diagnose", diagnose)


def run(config: Path) -> int:
    with pytest.raises(SystemExit) as end:
        main(["check", "-c", str(config)])
    return int(end.value.code or 0)


@pytest.mark.usefixtures("homeserver_is_well")
def test_zero_when_nothing_fails(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "configuration valide" in said
    assert "aucun : les fichiers passent sans être contrôlés" in said
    assert "0 échec, 1 avertissement." in said


def test_one_when_something_fails(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config) == 1
    said = capsys.readouterr().out
    assert "→ vérifiez homeserver.url" in said
    assert "aaaaaaaa" not in said


@pytest.mark.usefixtures("homeserver_is_well")
def test_it_changes_nothing(config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    run(config)
    assert sorted(config.parent.rglob("*")) == before


@pytest.mark.usefixtures("homeserver_is_well")
def test_secrets_that_all_can_read(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.chmod(0o644)
    assert run(config) == 0
    assert f"→ chmod 600 {config}" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_secret_in_a_file_of_its_own_that_all_can_read(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = config.parent / "secrets" / "key"
    secret.parent.mkdir()
    key = re.search(r"^  key: (.*)$", config.read_text(), re.MULTILINE)
    assert key is not None
    secret.write_text(key[1])
    secret.chmod(0o600)
    config.write_text(config.read_text().replace(key[0], "  key: !file secrets/key"))
    assert run(config) == 0
    assert "chmod" not in capsys.readouterr().out
    secret.chmod(0o644)
    assert run(config) == 0
    assert f"→ chmod 600 {secret}" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_damaged_database(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "data").mkdir()
    (config.parent / "data" / "bridge.db").write_bytes(b"pas une base" * 1000)
    assert run(config) == 1
    assert "tchap-bridges restore" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_database_by_its_absolute_path(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = tmp_path / "var lib" / "bridge.db"
    database.parent.mkdir()
    config.write_text(config.read_text().replace("sqlite:///data/bridge.db", f"sqlite:///{quote(str(database))}"))
    sqlite3.connect(database).close()
    assert run(config) == 0
    assert f"{database} s'ouvre et est saine" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_database_server_that_is_not_there(
    config: Path, free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql://pont:secret@127.0.0.1:{free_port()}/pont"
    config.write_text(config.read_text().replace("sqlite:///data/bridge.db", url))
    assert run(config) == 1
    said = capsys.readouterr().out
    assert "→ vérifiez storage.url" in said
    assert "secret" not in said


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_plugin_that_breaks_is_a_finding(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def boom(_config: object) -> list[Finding]:
        raise ZeroDivisionError("oups")

    config.write_text(config.read_text().replace("bridges: {}", "bridges: {echo: {}}"))
    monkeypatch.setattr("tchap_bridge_echo.EchoBridge.check", boom)
    assert run(config) == 1
    assert "ZeroDivisionError : oups" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_bot_that_has_blocked_the_last_process(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "data").mkdir()
    mark = {"bot": "echo", "handler": "EchoBot.echo", "where": "bot.py:12", "at": 1, "seconds": 61.0}
    (config.parent / "data" / "bridge.db.blocked").write_text(json.dumps(mark))
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "robot echo" in said
    assert "il a bloqué tout le pont (bot.py:12) ; au prochain lancement il sera arrêté partout" in said
    (config.parent / "data" / "bridge.db.blocked").write_text("{")
    assert run(config) == 0, "a mark that cannot be read keeps nobody from looking"


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_bot_that_a_running_bridge_has_stopped(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(_settings: object, page: str) -> dict[str, object]:
        return {
            "live": True,
            "bots_stopped": [{"bot": "echo", "why": "flooded", "rooms": 2}] if page == "/health" else [],
        }

    monkeypatch.setattr("tchap_bridges.cli.check._told", told)
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "arrêté dans 2 salons : il parlait sans cesse" in said
    assert "!bot activer echo" in said


@pytest.mark.usefixtures("homeserver_is_well")
def test_english_for_who_asks(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text().replace("language: fr", "language: en"))
    assert run(config) == 0
    assert "0 failures, 1 warning." in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_development_folder_is_not_for_production(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "robots").mkdir()
    (config.parent / "robots" / "boom.py").write_text("import tchap_bridges.bot\nraise SystemExit('loaded')")
    config.write_text(config.read_text() + "\ndevelopment:\n  bots: robots\n")
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "development.bots" in said
    assert f"le code de {config.parent / 'robots'} est chargé et exécuté dès qu'il change" in said
    assert "2 avertissements." in said


def test_a_development_folder_that_is_not_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text() + "\ndevelopment:\n  bots: robots\n")
    assert run(config) == 2
    said = capsys.readouterr().err
    assert re.search(r"config\.yaml:\d+: development\.bots: .*robots n'est pas un dossier — créez-le", said)


@pytest.mark.usefixtures("homeserver_is_well")
def test_words_that_several_bots_have(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EchoBot, "commands", (*EchoBot.commands, *PollsBot.commands))
    config.write_text(re.sub(r"bots:\n(  .*\n)*", "bots:\n  echo: {}\n  sondages: {}\n", config.read_text()))
    assert run(config) == 0
    said = capsys.readouterr().out
    assert "!vote est un mot de plusieurs robots : où ils sont actifs, dites !echo-vote, !sondages-vote" in said


@pytest.mark.usefixtures("homeserver_is_well")
@pytest.mark.parametrize(
    ("said", "subject", "told"),
    [
        ("agents_only: [irk]", "policy.agents_only", "aucune connexion ne s'appelle « irk »"),
        ("restricted_rooms: true", "policy.restricted_rooms", "peuvent partir hors de l'Union européenne"),
    ],
)
def test_consents_that_go_far(
    config: Path, capsys: pytest.CaptureFixture[str], said: str, subject: str, told: str
) -> None:
    config.write_text(config.read_text().replace("destinations: [état]", f"destinations: [état, hors-ue]\n  {said}"))
    assert run(config) == 0
    shown = capsys.readouterr().out
    assert subject in shown
    assert told in shown
    assert "2 avertissements." in shown, "that there is no antivirus is the other"


@pytest.mark.usefixtures("homeserver_is_well")
def test_who_runs_the_bridge_is_told_in_encrypted_rooms(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(re.sub(r"  operator: .*\n", "", config.read_text()))
    assert run(config) == 0
    assert "les salons chiffrés ne sauront pas qui exploite le pont" in capsys.readouterr().out


@pytest.mark.usefixtures("homeserver_is_well")
def test_a_registration_without_devices_enters_no_encrypted_room(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registration = config.parent / "registration.yaml"
    registration.write_text(registration.read_text().replace("io.element.msc4190: true", "io.element.msc4190: false"))
    assert run(config) == 0
    assert "le pont ne peut pas chiffrer" in capsys.readouterr().out
