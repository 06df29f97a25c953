"""What ``init`` writes, given to a real Synapse, is what ``check`` finds well; each way to spoil it is named."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tchap_bridges.bridge import Level
from tchap_bridges.cli import main
from tchap_bridges.config import load
from tchap_bridges.matrix.diagnose import diagnose
from tchap_bridges.testing.synapse import Synapse

SERVER = "agent.essai.test"


def init(folder: Path, *flags: str) -> Path:
    with pytest.raises(SystemExit) as end:
        main(["init", str(folder), "--yes", "--no-tchap", "--server-name", SERVER, *flags])
    assert not end.value.code
    return folder / "config.yaml"


@asynccontextmanager
async def bridge(port: int, *, status: int) -> AsyncIterator[None]:
    """Something that answers the homeserver's ping."""
    application = web.Application()

    async def ping(_request: web.Request) -> web.Response:
        return web.json_response({}, status=status)

    application.router.add_post("/_matrix/app/v1/ping", ping)
    async with TestServer(application, port=port, host="127.0.0.1"):
        yield


async def found(config: Path) -> list[tuple[Level, str]]:
    return [(each.level, each.detail) for each in await diagnose(load(config)) if each.level is not Level.OK]


async def test_init_synapse_and_check_agree(
    tmp_path: Path, synapse_factory: Callable[..., Synapse], free_port: Callable[[], int]
) -> None:
    port, home = free_port(), free_port()
    flags = ("--listen", f"127.0.0.1:{port}", "--homeserver", f"http://127.0.0.1:{home}")
    config = init(tmp_path / "pont", *flags)
    registration = config.with_name("registration.yaml")
    good_config, good_registration = config.read_text(), registration.read_text()
    async with synapse_factory(registrations=[registration], server_name=SERVER, port=home) as synapse:
        assert synapse.url == f"http://127.0.0.1:{home}"

        ((level, detail),) = await found(config)
        assert (level, "n'est pas lancé" in detail) == (Level.WARN, True)

        async with bridge(port, status=200):
            assert await found(config) == []
        async with bridge(port, status=403):
            ((level, detail),) = await found(config)
            assert (level, "hs_token diffèrent" in detail) == (Level.FAIL, True)

        other = init(tmp_path / "autre", *flags)
        ((level, detail),) = await found(other)
        assert (level, "ne connaît pas ce jeton" in detail) == (Level.FAIL, True)

        config.write_text(good_config.replace("localpart: pont", "localpart: passerelle"))
        registration.write_text(good_registration.replace('"@pont:', '"@passerelle:'))
        assert (Level.FAIL, f"le serveur ne nous donne pas @passerelle:{SERVER}") in await found(config)

        config.write_text(re.sub(r"\bagent\.essai\.test", "agent.autre.test", good_config))
        registration.write_text(good_registration.replace(r"agent\\.essai", r"agent\\.autre"))
        ((level, detail),) = await found(config)
        assert (level, f"s'appelle {SERVER}" in detail) == (Level.FAIL, True)

        config.write_text(good_config)
        registration.write_text(good_registration.replace("id: tchap-bridges", "id: autre"))
        ((level, detail),) = await found(config)
        assert (level, "sous un autre id" in detail) == (Level.FAIL, True)
