"""What must not be lost with the database: the identities of our accounts, and the keys by which the bot reads.

One JSON file, sealed by a passphrase (scrypt, RFC 7914; AES-256-GCM). With the identities in it, accounts that get new
devices stay who they are to everybody; without, each person is asked to accept a change.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tchap_bridges.core.ports import Database, Sealer
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import _

FORMAT: Final = "tchap-bridges keys"
VERSION: Final = 1
_COST: Final = {"n": 1 << 16, "r": 8, "p": 1}
_SEEDS, _INBOUND = "crypto_seeds.seeds", "crypto_inbound.pickle"


@dataclass(frozen=True, slots=True)
class Counts:
    """``kept``: identities that were there already, and are others; they were left as they are."""

    identities: int
    sessions: int
    kept: int = 0


async def export(db: Database, sealer: Sealer, passphrase: str) -> tuple[bytes, Counts]:
    """The file's content, and what is in it."""
    async with db.snapshot() as tx:
        seeds = {
            row["mxid"]: b64encode(sealer.open(row["seeds"], place=_SEEDS)).decode()
            for row in await tx.all("crypto_seeds_all")
        }
        sessions = [
            {**row, "pickle": json.loads(sealer.open(row["pickle"], place=_INBOUND))}
            for row in await tx.all("crypto_inbound_all")
        ]
    data = json.dumps({"seeds": seeds, "sessions": sessions}).encode()
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, data, FORMAT.encode())
    told = {
        "format": FORMAT,
        "version": VERSION,
        "scrypt": {**_COST, "salt": b64encode(salt).decode()},
        "sealed": b64encode(nonce + sealed).decode(),
    }
    return json.dumps(told, indent=1).encode(), Counts(len(seeds), len(sessions))


async def bring_back(db: Database, sealer: Sealer, content: bytes, passphrase: str, *, overwrite: bool) -> Counts:
    """Everything, or nothing. Raises Misconfigured for what cannot be opened.

    An identity that is there and is another stays, unless ``overwrite``: its account's device was signed by it.
    """
    found = _opened(content, passphrase)
    identities = kept = 0
    async with db.transaction() as tx:
        for mxid, seeds in found["seeds"].items():
            sealed = sealer.seal(b64decode(seeds), place=_SEEDS)
            here = await tx.value("crypto_seeds_get", mxid=mxid)
            if here is not None and sealer.open(here, place=_SEEDS) != b64decode(seeds):
                if not overwrite:
                    kept += 1
                    continue
                await tx.run("crypto_seeds_replace", mxid=mxid, seeds=sealed)
                await tx.run("crypto_account_delete", mxid=mxid)  # its device was signed by the other identity
            await tx.run("crypto_seeds_add", mxid=mxid, seeds=sealed)
            identities += 1
        for session in found["sessions"]:
            pickle = sealer.seal(json.dumps(session["pickle"]).encode(), place=_INBOUND)
            await tx.run("crypto_inbound_put", **{**session, "pickle": pickle})
    return Counts(identities, len(found["sessions"]), kept)


def _opened(content: bytes, passphrase: str) -> Mapping[str, Any]:
    wrong = _("ce fichier n'est pas ce que « keys export » écrit, ou il est abîmé")
    try:
        told = json.loads(content)
        cost = {name: int(told["scrypt"][name]) for name in _COST}
        salt, sealed = b64decode(told["scrypt"]["salt"]), b64decode(told["sealed"])
    except (ValueError, TypeError, KeyError) as error:
        raise Misconfigured(wrong) from error
    if told.get("format") != FORMAT or any(cost[name] > 16 * most for name, most in _COST.items()):
        raise Misconfigured(wrong)
    if told.get("version") != VERSION:
        raise Misconfigured(_("ce fichier est d'une version plus récente du pont"))
    try:
        data = AESGCM(_key(passphrase, salt, cost)).decrypt(sealed[:12], sealed[12:], FORMAT.encode())
    except (InvalidTag, ValueError) as error:
        raise Misconfigured(
            _("la phrase secrète n'ouvre pas ce fichier"), remedy=_("Vérifiez-la : elle n'est écrite nulle part.")
        ) from error
    found: Mapping[str, Any] = json.loads(data)
    return found


def _key(passphrase: str, salt: bytes, cost: Mapping[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())
