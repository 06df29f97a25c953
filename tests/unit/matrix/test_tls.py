"""The homeserver is believed under its own name only (CVE-2022-45197)."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiohttp import web

from tchap_bridges.testing.certificates import Certificate
from tchap_bridges.testing.ports import free_port

ASK = """
import asyncio, sys
from tchap_bridges.errors import NotReady
from tchap_bridges.matrix.client import MatrixClient

async def ask():
    client = MatrixClient(sys.argv[1], "as-token-secret")
    try:
        await client.call("GET", "/_matrix/client/versions", name="versions")
        print("believed")
    except NotReady:
        print("not believed")
    finally:
        await client.close()

asyncio.run(ask())
"""


@pytest.mark.parametrize(("name", "said"), [("localhost", "believed"), ("ailleurs.example", "not believed")])
async def test_cve_2022_45197_a_homeserver_under_another_name(tmp_path: Path, name: str, said: str) -> None:
    """In a process of its own, for which the certificate's maker is one of the system's authorities."""
    certificate = Certificate.make(tmp_path, names=(name,))
    tokens: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        tokens.append(request.headers.get("Authorization"))
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=certificate.for_server()).start()
        asking = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            ASK,
            f"https://localhost:{port}",
            env={**os.environ, "SSL_CERT_FILE": str(certificate.certificate)},
            stdout=asyncio.subprocess.PIPE,
        )
        told, _ = await asking.communicate()
    finally:
        await runner.cleanup()
    assert told.decode().strip() == said
    assert tokens == (["Bearer as-token-secret"] if said == "believed" else [])
