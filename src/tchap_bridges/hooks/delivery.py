"""What tells that a delivery has come before, and what is kept of its headers.

A sender that hears nothing sends again. It says so by an id of its own, or not at all; then the bytes tell, for as long
as senders try.

GitHub, Forgejo: https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
GitLab: https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

AGAIN_WITHIN: Final = timedelta(minutes=10)
"""The same bytes later than this are a new delivery: a nightly job may say the same every night."""
AGAIN_AFTER_OTHERS: Final = timedelta(minutes=1)
"""The same where something else has come in between: an alert that ends and fires again says the same as before."""
_IDS: Final = ("webhook-id", "x-github-delivery", "x-forgejo-delivery", "x-gitea-delivery", "idempotency-key")
"""Not X-Request-Id, which proxies make anew for each attempt."""
_WITHHELD: Final = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "x-gitlab-token", "x-api-key", "x-auth-token"),
        *(
            "forwarded",
            "x-forwarded-for",
            "x-original-forwarded-for",
            "x-real-ip",
            "x-client-ip",
            "x-envoy-external-address",
        ),
        *("true-client-ip", "cf-connecting-ip", "fastly-client-ip"),
        *(
            "x-forwarded-uri",
            "x-forwarded-path",
            "x-original-uri",
            "x-original-url",
            "x-rewrite-url",
            "x-envoy-original-path",
        ),
        *("x-replaced-path", "referer"),
    }
)
"""Secrets, addresses of people, and what a proxy says of the address that was asked: a secret may be part of it."""
_LONGEST: Final = 200  # characters of an id


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """By which a repeat is known. ``lasting``: a sender's own word, which never means another delivery."""

    kind: str
    id: str
    lasting: bool = True

    @property
    def key(self) -> str:
        return f"{self.kind} {self.id}"


def identify(headers: Mapping[str, str], body: bytes, data: Any = None, dedup: str = "") -> Identity:
    """``headers`` by lower-case name; ``data`` is the body's JSON, whose key ``dedup`` comes first when it is there."""
    if dedup and isinstance(data, Mapping) and data.get(dedup) not in (None, ""):
        value = data[dedup]
        return Identity(kind="body", id=_short(value if isinstance(value, str) else json.dumps(value, sort_keys=True)))
    for name in _IDS:
        if headers.get(name):
            return Identity(kind=name, id=_short(headers[name]))
    return Identity(kind="bytes", id=hashlib.sha256(body).hexdigest(), lasting=False)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that a bot may see."""
    return {name: value for name, value in headers.items() if name not in _WITHHELD}


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
