"""``run`` as an operator starts it: a process of its own, with the URL of the guide, and no homeserver yet."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tchap_bridges.cli import main
from tchap_bridges.testing.process import eventually

VECTORS = Path(__file__).parents[2] / "vectors" / "config"


@pytest.fixture
def config(tmp_path: Path, free_port: Callable[[], int]) -> Path:
    """Without mail, on free ports; its database elsewhere, by an absolute path that a URL has to quote."""
    text = (VECTORS / "good.yaml").read_text()
    text = re.sub(r"bridges:\n.*?(?=bots:)", "bridges: {}\n", text, flags=re.DOTALL)
    text = re.sub(r":(8008|29340|29341)\b", lambda _port: f":{free_port()}", text)
    text = text.replace("limits:", "  log: {format: json}\nlimits:")
    text = text.replace("sqlite:///data/bridge.db", f"sqlite:///{quote(str(database_of(tmp_path)))}")
    (tmp_path / "conf").mkdir()
    for name, content in (
        ("config.yaml", text),
        ("registration.yaml", (VECTORS / "good_registration.yaml").read_text()),
    ):
        (tmp_path / "conf" / name).write_text(content)
        (tmp_path / "conf" / name).chmod(0o600)
    return tmp_path / "conf" / "config.yaml"


def database_of(folder: Path) -> Path:
    return folder / "var lib" / "bridge.db"


async def live(config: Path) -> bool:
    (port,) = re.findall(r"operate:\n  listen: 127\.0\.0\.1:(\d+)", config.read_text())
    try:
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/health/live") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False


async def run_for(config: Path, until: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Start it, wait until it lives and *until* holds of its log, stop it as systemd does; returns the log."""
    log = config.with_name("log")

    def said() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]

    with log.open("wb") as file:
        command = (sys.executable, "-m", "tchap_bridges.cli", "run", "-c", str(config))
        process = await asyncio.create_subprocess_exec(*command, stderr=file)

    async def there() -> bool:
        return process.returncode is not None or (await live(config) and until(said()))

    try:
        assert await eventually(there, timeout=30), log.read_text()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await process.wait()
    assert code == 0, log.read_text()
    return said()


async def test_a_homeserver_that_is_not_there(config: Path) -> None:
    def waits(log: list[dict[str, Any]]) -> bool:
        return any(line["event"].startswith("started") for line in log)

    log = await run_for(config, waits)
    (missed,) = [line for line in log if line["event"] == "sync.not_ready"]
    assert missed["level"] == "warning"
    assert "injoignable" in missed["reason"]
    (started,) = [line for line in log if line["event"] == "started, waiting for the homeserver"]
    assert (started["level"], started["state"]) == ("warning", "retrying")
    assert not any(line["event"] == "ready" for line in log)


async def test_a_database_by_its_absolute_path(config: Path, tmp_path: Path) -> None:
    database = database_of(tmp_path)
    await run_for(config, lambda _log: database.exists())
    assert sorted(file.name for file in config.parent.iterdir()) == ["config.yaml", "log", "registration.yaml"]
    with pytest.raises(SystemExit) as end:
        await asyncio.to_thread(main, ["queue", "list", "-c", str(config)])
    assert not end.value.code
