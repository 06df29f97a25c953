"""A real Prometheus Alertmanager on a free loopback port, which tells alerts to webhooks as it does everywhere.

    async with Alertmanager(folder, {"receivers": […], "route": {…}}) as alertmanager:
        await alertmanager.post(alert({"alertname": "Disque"}, summary="Il est plein"))
        await alertmanager.post(alert({"alertname": "Disque"}, over=True))

It groups and repeats as its configuration says, and sends one group's news no sooner than a second after the last.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp

from tchap_bridges.testing.ports import free_port
from tchap_bridges.testing.process import Daemon, MissingServerError, find_program
from tchap_bridges.testing.server import OwnStart

PROMPT: Final = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
"""For a route: tell at once. What goes on unchanged is repeated after an hour; 1s repeats it every second."""
_PACKAGE: Final = "prometheus-alertmanager"
_TEMPLATES: Final = Path("/usr/share/prometheus/alertmanager/default.tmpl")
_LASTS: Final = timedelta(hours=1)


def alert(labels: Mapping[str, str], *, over: bool = False, **annotations: str) -> dict[str, Any]:
    """One to `post`: it goes on for an hour unless it is reported again, or has just ended."""
    now = datetime.now(UTC)
    return {
        "labels": dict(labels),
        "annotations": annotations,
        "endsAt": (now if over else now + _LASTS).isoformat(),
    }


class Alertmanager(OwnStart):
    """One Alertmanager, alone in its cluster, running in `async with`, or from `start` to `stop`."""

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        """``config``: alertmanager.yml, as an object. Raises MissingServerError naming Debian's package."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        program = find_program(_PACKAGE, _PACKAGE)
        if not _TEMPLATES.is_file():
            raise MissingServerError(f"{_TEMPLATES} is missing: apt-get install --reinstall {_PACKAGE}")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "alertmanager.yml"
        file.write_text(json.dumps(config), "utf-8")  # JSON is YAML
        file.chmod(0o600)
        self._daemon = Daemon(
            "Alertmanager",
            [
                program,
                f"--config.file={file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                f"--web.external-url={self.url}",
                "--cluster.listen-address=",
            ],
            log=folder / "alertmanager.log",
            ready=self._answers,
        )

    async def start(self) -> None:
        """Start, or start again with what it knew when it was stopped."""
        await self._daemon.restart(timeout=20)

    async def post(self, *alerts: Mapping[str, Any]) -> None:
        """Report them as Prometheus does. Raises aiohttp.ClientResponseError."""
        url = f"{self.url}/api/v2/alerts"
        async with aiohttp.ClientSession() as http, http.post(url, json=list(alerts)) as answer:
            answer.raise_for_status()

    async def counted(self, metric: str, integration: str) -> int:
        """One of ``alertmanager_notifications_total``, ``…_notifications_failed_total`` and the like, of one sort."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        named = f"alertmanager_{metric}{{"
        own = (line for line in lines if line.startswith(named) and f'integration="{integration}"' in line)
        return sum(int(float(line.rpartition(" ")[2])) for line in own)

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
