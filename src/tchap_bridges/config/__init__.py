"""The configuration: YAML to typed, frozen settings. What is wrong is told as ``file:line: key: what — remedy``."""

from tchap_bridges.config.loading import BotSettings, BridgeSettings, Settings, load, probe_ports, probe_storage
from tchap_bridges.config.models import Appservice, Homeserver, Limits, Operate, Policy, Storage, Web
from tchap_bridges.config.problems import ConfigError, Problem
from tchap_bridges.config.registration import Registration

__all__ = [
    "Appservice",
    "BotSettings",
    "BridgeSettings",
    "ConfigError",
    "Homeserver",
    "Limits",
    "Operate",
    "Policy",
    "Problem",
    "Registration",
    "Settings",
    "Storage",
    "Web",
    "load",
    "probe_ports",
    "probe_storage",
]
