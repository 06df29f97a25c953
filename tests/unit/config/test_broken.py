"""Every mistake in tests/vectors/config/broken.yaml is told with file, line, key and remedy, and the exit code is 2."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tchap_bridges.cli import main
from tchap_bridges.config import ConfigError, load, probe_ports
from tchap_bridges.testing.ports import free_port

VECTORS = Path(__file__).parents[2] / "vectors" / "config"
CASES: list[dict[str, Any]] = YAML(typ="safe").load(VECTORS / "broken.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration in which nothing is wrong."""
    (tmp_path / "config.yaml").write_text((VECTORS / "good.yaml").read_text())
    (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    return tmp_path


def spoil(folder: Path, case: dict[str, Any]) -> None:
    file = folder / f"{case.get('in', 'config')}.yaml"
    text = file.read_text()
    assert text.count(case["from"]) == 1, "the case must say one place"
    file.write_text(text.replace(case["from"], case["to"]))


def told(output: str) -> list[tuple[str, str]]:
    """(``file:line key``, words) of each line but the last, which counts them."""
    found = []
    for line in output.splitlines()[:-1]:
        place, _space, rest = line.partition(": ")
        key, colon, words = rest.partition(": ")
        if not colon or " — " in key:
            key, words = "-", rest
        found.append((f"{place.rpartition('/')[2]} {key}", words))
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_is_told(case: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder, case)
    with pytest.raises(SystemExit) as end:
        main(["check", "-c", str(folder / "config.yaml")])
    output = capsys.readouterr().err
    found = told(output)
    assert end.value.code == 2
    assert [place for place, _words in found] == [case["told"], *case.get("also", [])], output
    what, dash, remedy = found[0][1].partition(" — ")
    assert all((what, dash, remedy)), "what is wrong, and how to mend it"
    assert case["word"] in found[0][1]


def test_nothing_is_wrong_to_begin_with(folder: Path) -> None:
    settings = load(folder / "config.yaml")
    assert settings.bot == "@pont:agent.essai.test"
    assert settings.database == f"sqlite:///{folder}/data/bridge.db"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("sqlite:///data/bridge.db", "sqlite:///{folder}/data/bridge.db"),
        ("sqlite:///donn%C3%A9es/pont.db", "sqlite:///{folder}/donn%C3%A9es/pont.db"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("sqlite:////var/lib/a%20b.db", "sqlite:////var/lib/a%20b.db"),
        ("postgresql://pont:p%40:w@h/pont?sslmode=require", "postgresql://pont:p%40:w@h/pont?sslmode=require"),
        ("postgresql:///pont?host=/run/postgresql", "postgresql:///pont?host=/run/postgresql"),
    ],
)
def test_where_the_database_is(written: str, read: str, folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("sqlite:///data/bridge.db", written))
    assert load(config).database == read.format(folder=folder)


def test_all_are_told_at_once_in_the_order_of_the_lines(folder: Path) -> None:
    for name in ("unknown language", "wrong type, a word for a number", "unknown plugin", "one token for both ways"):
        spoil(folder, next(case for case in CASES if case["name"] == name))
    with pytest.raises(ConfigError) as error:
        load(folder / "config.yaml")
    assert [problem.line for problem in error.value.problems] == [1, 21, 23, 4]


def test_english_is_spoken_to_who_asks_for_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("language: fr", "language: en").replace("sends: 16", "sends: x"))
    with pytest.raises(SystemExit):
        main(["check", "-c", str(config)])
    assert "a whole number is expected" in capsys.readouterr().err


def test_no_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["check", "-c", str(tmp_path / "config.yaml")])
    assert end.value.code == 2
    assert "config.yaml:1: " in (output := capsys.readouterr().err)
    assert "tchap-bridges init" in output


def test_a_configuration_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").mkdir()
    with pytest.raises(SystemExit) as end:
        main(["check", "-c", str(tmp_path / "config.yaml")])
    assert end.value.code == 2
    assert "ne peut pas être lu" in capsys.readouterr().err


def test_a_file_in_another_charset(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_bytes(config.read_text().encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load(config)


def test_a_port_that_is_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = folder / "config.yaml"
        text = config.read_text().replace("127.0.0.1:2525", f"127.0.0.1:{port}")
        config.write_text(re.sub(r":2934\d\b", lambda _port: f":{free_port()}", text))
        with pytest.raises(ConfigError) as error:
            probe_ports(load(config))
        with pytest.raises(SystemExit) as end:
            main(["run", "-c", str(config)])
    assert end.value.code == 2
    (problem,) = error.value.problems
    assert (problem.line, problem.key) == (26, "bridges.email.listen.smtp")
    assert "ss -lntp" in problem.remedy
    assert f"{config}:26: bridges.email.listen.smtp: " in capsys.readouterr().err


def test_an_address_of_another_machine(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("127.0.0.1:2525", "192.0.2.7:2525"))
    with pytest.raises(ConfigError, match=r"26: bridges\.email\.listen\.smtp: .*cette machine"):
        probe_ports(load(config))


def test_secrets_are_read_from_files_and_never_shown(folder: Path) -> None:
    (folder / "mot-de-passe").write_text("tr0ub4dor\n")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("      password: secret", "      password: !file mot-de-passe", 1))
    settings = load(config)
    email = next(iter(settings.bridges.values())).config
    assert email.submission.password.get_secret_value() == "tr0ub4dor"
    for secret in ("tr0ub4dor", "AAECAwQFBg", "ICEiIyQl", "aaaaaaaa", "hhhhhhhh"):
        assert secret not in repr(settings)
        assert secret not in str(settings)


def test_a_refused_secret_is_not_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("AAECAwQFBg", "~AAECAwQFBg"))
    with pytest.raises(SystemExit):
        main(["check", "-c", str(config)])
    assert "AAECAwQFBg" not in capsys.readouterr().err


def test_yaml_that_contains_itself(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("bots:\n  echo: {}", "bots: &b\n  echo: *b"))
    with pytest.raises(ConfigError, match="se contient elle-même"):
        load(config)
