"""A failed assertion of the contract suite shows its values, as those of a test file do."""

import pytest

pytest.register_assert_rewrite("tchap_bridges.testing")
