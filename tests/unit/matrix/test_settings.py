"""What the Matrix side is told of the configuration."""

from pathlib import Path

from ruamel.yaml import YAML

from tchap_bridges.app import matrix_settings
from tchap_bridges.config import load

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


def test_times_in_rooms_are_those_of_the_configured_zone(tmp_path):
    yaml = YAML()
    config = yaml.load(VECTORS / "good.yaml")
    config["timezone"] = "Indian/Reunion"
    yaml.dump(config, tmp_path / "config.yaml")
    (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    assert str(matrix_settings(load(tmp_path / "config.yaml")).zone) == "Indian/Reunion"
