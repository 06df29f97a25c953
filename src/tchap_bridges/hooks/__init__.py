"""What posts to a webhook: whether it is genuine (``verify.py``), and whether it has come before (``delivery.py``).

Pure. `Scheme` is how a sender proves itself; what is kept, and called for it, is the core's (``core/bots/hooks.py``).
"""

from tchap_bridges.hooks.delivery import AGAIN_AFTER_OTHERS, AGAIN_WITHIN, Identity, identify, kept
from tchap_bridges.hooks.verify import Scheme, Secret, Verdict, lowered, make_secret, verify

__all__ = [
    "AGAIN_AFTER_OTHERS",
    "AGAIN_WITHIN",
    "Identity",
    "Scheme",
    "Secret",
    "Verdict",
    "identify",
    "kept",
    "lowered",
    "make_secret",
    "verify",
]
