"""config.yaml.example and registration.yaml.example: complete, refused as they are, accepted once filled in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from tchap_bridge_email.config import EmailConfig
from tchap_bridges.config import ConfigError, load
from tchap_bridges.config.models import Root
from tchap_bridges.config.problems import models_in
from tchap_bridges.config.registration import Registration

ROOT = Path(__file__).parents[3]
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
    (tmp_path / "secrets" / "liste-pont").write_text("secret\n")
    return tmp_path


def test_filled_in_they_load(folder: Path) -> None:
    settings = load(folder / "config.yaml")
    assert list(settings.bridges) == ["email"]
    assert list(settings.bots) == ["echo"]
    assert settings.registration.owns(settings.bot)


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
        ("registration.yaml.example", (), Registration),
    ],
    ids=["config", "email", "registration"],
)
def test_every_key_is_shown(file: str, below: tuple[str, ...], model: type[BaseModel]) -> None:
    yaml = YAML(typ="rt")
    data = yaml.load(ROOT / file)
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
