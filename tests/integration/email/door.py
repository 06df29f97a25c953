"""A mail bridge alone in a process, for a test that weighs it: seals as the core does, keeps nothing."""

import asyncio
import hashlib
import sys
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tchap_bridge_email import EmailBridge
from tchap_bridge_email.config import EmailConfig
from tchap_bridges.testing.host import FakeHost


class Discards(FakeHost):
    """Pays the price of a store (a sealed copy of the bytes) and forgets."""

    async def accept(self, key: str, raw: bytes, meta: Mapping[str, str]) -> bool:
        sealed = await asyncio.to_thread(AESGCM(b"k" * 32).encrypt, b"n" * 12, raw, None)
        await asyncio.to_thread(hashlib.sha256, sealed)
        return True


async def main(port: int) -> None:
    host = Discards()
    host.link("liste@exemple.fr", "abonne@pont.example")
    config = EmailConfig.model_validate(
        {
            "domain": "pont.example",
            "listen": {"smtp": f"127.0.0.1:{port}"},
            "submission": {"host": "127.0.0.1", "port": 9, "security": "none"},
        }
    )
    async with EmailBridge().open(config, host) as connection:
        await connection.run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
