"""Words that are the bridge's own: no bot has them without its name before them."""

from typing import Final

from tchap_bridges.core import help as help_
from tchap_bridges.core import pont
from tchap_bridges.core.bots import switch

BUILTIN: Final = frozenset({*pont.WORDS, *switch.WORDS, *help_.WORDS})
