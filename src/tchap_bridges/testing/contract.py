"""The contract suite: what every bridge has to pass, ours and yours.

Inherit it in your tests and say how your network is started::

    from tchap_bridges.testing.contract import BridgeContract

    class TestEcho(BridgeContract):
        def network(self):
            return echo_peer()      # an async context manager of a `rig.Peer`

pytest collects the inherited tests. Those about things that your network's people cannot do are skipped; those about
abilities that your connection does not declare check that it has no trace of them. Needs pytest and pytest-asyncio; for
readable failures name its modules to ``pytest.register_assert_rewrite`` first, as our ``tests/contract/conftest.py``.
"""

import asyncio
import gc
import os
from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel

from tchap_bridges.bridge import Limits
from tchap_bridges.errors import BadCredentials, BridgeError, NotReady
from tchap_bridges.testing.contract_abilities import AbilityContract
from tchap_bridges.testing.contract_incoming import IncomingContract
from tchap_bridges.testing.contract_outgoing import OutgoingContract
from tchap_bridges.testing.host import FakeHost
from tchap_bridges.testing.rig import at_work, until

CANCELLED_WITHIN = 2.0


class BridgeContract(IncomingContract, OutgoingContract, AbilityContract):
    """Everything: this class and the three it joins."""

    async def test_introduces_itself(self) -> None:
        async with self.peer() as peer:
            kind = type(peer.bridge)
            assert kind.name
            assert kind.name.isidentifier()
            assert kind.words
            assert all(word == word.lower() and not word.split()[1:] for word in kind.words), "words are typed"
            assert kind.label
            assert issubclass(kind.Config, BaseModel)
            assert isinstance(peer.config, kind.Config)
            assert kind.Config.model_config.get("extra") == "forbid", "a misspelt key must not pass: inherit Section"

    async def test_comes_up_and_ends_when_cancelled(self) -> None:
        async with self.peer() as peer:
            tasks, sockets = _tasks(), _sockets()
            host = FakeHost()
            async with peer.bridge.open(peer.config, host) as connection:
                assert isinstance(connection.limits, Limits)
                for _ in range(2):  # the core runs one connection many times
                    host.is_up.clear()
                    running = asyncio.create_task(connection.run())
                    await asyncio.wait_for(host.is_up.wait(), 10)
                    assert not running.done()
                    running.cancel()
                    _done, pending = await asyncio.wait({running}, timeout=CANCELLED_WITHIN)
                    assert not pending, f"run() was cancelled and went on for {CANCELLED_WITHIN} s"
                    assert running.cancelled(), "run() swallowed its cancellation"
            await until(lambda: _tasks() <= tasks)
            gc.collect()
            await until(lambda: _sockets() <= sockets)

    async def test_a_network_that_is_away_is_not_ready(self) -> None:
        async with self.peer() as peer, peer.away():
            host = FakeHost()
            async with peer.bridge.open(peer.config, host) as connection:
                with pytest.raises(NotReady):
                    await asyncio.wait_for(connection.run(), 30)
                assert not host.is_up.is_set()

    async def test_a_network_that_goes_away_is_not_ready(self) -> None:
        async with self.peer() as peer:
            host = FakeHost()
            async with peer.bridge.open(peer.config, host) as connection:
                running = asyncio.create_task(connection.run())
                await asyncio.wait_for(host.is_up.wait(), 10)
                try:
                    await peer.cut()
                    with pytest.raises(NotReady):
                        await asyncio.wait_for(running, 10)
                finally:
                    running.cancel()
                    with suppress(asyncio.CancelledError, BridgeError):
                        await running

    async def test_refused_credentials_stop_it(self) -> None:
        async with self.peer() as peer:
            if peer.wrong is None:
                pytest.skip("the network asks for no credentials")
            async with peer.bridge.open(peer.wrong, FakeHost()) as connection:
                with pytest.raises(BadCredentials):
                    await asyncio.wait_for(connection.run(), 30)

    async def test_says_that_it_does_not_run(self) -> None:
        """Before `run`, a send is not ready, or passes where no session is needed; it never fails for good."""
        async with self.peer() as peer, at_work(peer) as rig:
            message = rig.message("trop tôt")
            async with peer.bridge.open(peer.config, FakeHost()) as idle:
                with suppress(NotReady):
                    await idle.send(message)


def _tasks() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if not task.done()}


def _sockets() -> int:
    """How many sockets this process has open (Linux; elsewhere 0, and nothing is checked)."""
    count = 0
    with suppress(FileNotFoundError):
        for entry in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                count += os.readlink(f"/proc/self/fd/{entry}").startswith("socket:")
    return count
