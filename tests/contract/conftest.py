"""A failed assertion of the contract suite shows its values, as those of a test file do."""

import pytest

for part in ("contract", "contract_incoming", "contract_outgoing", "contract_abilities", "contract_bot"):
    pytest.register_assert_rewrite(f"tchap_bridges.testing.{part}")
