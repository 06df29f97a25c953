"""config.yaml.example and registration.yaml.example: complete, refused as they are, accepted once filled in."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from tchap_bridge_email.config import EmailConfig
from tchap_bridge_irc.config import IrcConfig
from tchap_bridge_slack.config import SlackConfig
from tchap_bridges.config import ConfigError, load
from tchap_bridges.config.models import Root
from tchap_bridges.config.problems import models_in
from tchap_bridges.config.registration import Registration

ROOT = Path(__file__).parents[3]
OPTIONAL = {"irc": IrcConfig, "slack": SlackConfig}
"""The connections that the example shows as comments."""
SECRETS = {"liste-pont": "secret", "irc": "secret", "slack-bot": "xoxb-1-essai", "slack-app": "xapp-1-essai"}
KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The examples, filled in."""
    config = (ROOT / "config.yaml.example").read_text().replace("exemple.fr", "essai.test").replace("CHANGEZ-MOI", KEY)
    (tmp_path / "config.yaml").write_text(config)
    registration = (ROOT / "registration.yaml.example").read_text().replace(r"exemple\.fr", r"essai\.test")
    for token in ("a" * 32, "b" * 32):
        registration = registration.replace("CHANGEZ-MOI", token, 1)
    (tmp_path / "registration.yaml").write_text(registration)
    (tmp_path / "secrets").mkdir()
    for name, secret in SECRETS.items():
        (tmp_path / "secrets" / name).write_text(f"{secret}\n")
    return tmp_path


def uncommented(text: str, name: str) -> str:
    """The example as it reads once the section of this connection is no comment any more."""
    before, head, after = text.partition(f"  # {name}:\n")
    assert head, f"no section {name}"
    section = re.match(r"(?:  #   .*\n)+", after)
    assert section
    lines = section[0].replace("\n  # ", "\n  ").replace("  # ", "  ", 1)
    return f"{before}  {name}:\n{lines}{after[section.end() :]}"


def test_filled_in_they_load(folder: Path) -> None:
    settings = load(folder / "config.yaml")
    assert list(settings.bridges) == ["email"]
    assert list(settings.bots) == ["sondages", "rappels", "enquetes", "questions", "alertes", "flux", "echo"]
    assert settings.registration.owns(settings.bot)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_section_that_is_a_comment_loads_without_its_marks(name: str, folder: Path) -> None:
    """Every key that has a default shows it, or a value of the operator's own."""
    config = folder / "config.yaml"
    config.write_text(uncommented(config.read_text(), name))
    bridge, loaded = load(config).bridges[name]
    assert bridge.name == name
    own = {"host", "sasl", "account", "password", "bot_token", "app_token"}
    for key, field in type(loaded).model_fields.items():
        assert key in own or getattr(loaded, key) == field.default, key


def test_as_they_are_they_are_refused(folder: Path) -> None:
    for name in ("config.yaml", "registration.yaml"):
        (folder / name).write_text((ROOT / f"{name}.example").read_text())
    with pytest.raises(ConfigError) as error:
        load(folder / "config.yaml")
    told = {problem.key for problem in error.value.problems}
    assert {"homeserver.server_name", "storage.key", "storage.identity", "bridges.email.domain"} <= told


@pytest.mark.parametrize(
    ("file", "below", "model"),
    [
        ("config.yaml.example", (), Root),
        ("config.yaml.example", ("bridges", "email"), EmailConfig),
        *(("config.yaml.example", ("bridges", name), model) for name, model in OPTIONAL.items()),
        ("registration.yaml.example", (), Registration),
    ],
    ids=["config", "email", *OPTIONAL, "registration"],
)
def test_every_key_is_shown(file: str, below: tuple[str, ...], model: type[BaseModel]) -> None:
    text = (ROOT / file).read_text()
    if below[-1:] and below[-1] in OPTIONAL:
        text = uncommented(text, below[-1])
    data = YAML(typ="rt").load(text)
    for part in below:
        data = data[part]
    assert list(_absent(model, data, "")) == []


def _absent(model: type[BaseModel], data: Any, path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in data:
            yield f"{path}{key}"
            continue
        value = data[key][0] if isinstance(data[key], list) and data[key] else data[key]
        for inner in models_in(field.annotation):
            if isinstance(value, dict):
                yield from _absent(inner, value, f"{path}{key}.")
