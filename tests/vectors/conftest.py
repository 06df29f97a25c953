"""Data of the tests, not tests: the plugin from outside is tried where it is installed."""

collect_ignore = ["plugin_outside", "bot_guide"]
