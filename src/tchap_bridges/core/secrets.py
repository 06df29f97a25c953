"""Everything opaque that is derived from the operator's one key: people's keys, request keys, codes."""

import hashlib
import hmac

from tchap_bridges.ids import PersonId


class Secrets:
    """Keyed hashes. Two purposes never share one, and nobody without the key can guess any."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def derive(self, purpose: str) -> bytes:
        return hmac.digest(self._key, purpose.encode(), hashlib.sha256)

    def person(self, network: str, person: PersonId) -> str:
        """The key under which an author is remembered: an address cannot be read in it."""
        return self._hex("person", network, person)

    def arrival(self, source: str, key: str) -> str:
        """The transport's key as the inbox keeps it."""
        return self._hex("arrival", source, key)

    def code(self, *parts: str) -> str:
        """Eight digits to give back; the same for the same parts, so that a command may run twice."""
        return f"{int(self._hex('code', *parts), 16) % 10**8:08d}"

    def _hex(self, *parts: str) -> str:
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()[:32]


def request_key(arrival: str, ordinal: int, action: str, target: str) -> str:
    """What makes one outgoing request itself: the same after a restart, or after a restored back-up."""
    name = f"{arrival}\0{ordinal}\0{action}\0{target}"
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
