"""What the composition root hands from the configuration to the parts."""

from pathlib import Path
from zoneinfo import ZoneInfo

from ruamel.yaml import YAML

from tchap_bridges.app import opened
from tchap_bridges.config import load
from tchap_bridges.ids import ConnectionName

VECTORS = Path(__file__).parents[1] / "vectors" / "config"


async def test_bridges_tell_times_in_the_configured_zone(tmp_path: Path) -> None:
    yaml = YAML()
    config = yaml.load(VECTORS / "good.yaml")
    config["timezone"] = "Indian/Reunion"
    yaml.dump(config, tmp_path / "config.yaml")
    (tmp_path / "registration.yaml").write_text((VECTORS / "good_registration.yaml").read_text())
    (tmp_path / "data").mkdir()
    async with opened(load(tmp_path / "config.yaml")) as application:
        host = application.kernel.supervisor._host_of(ConnectionName("email"))
        assert host.zone == ZoneInfo("Indian/Reunion")
