"""A token in the wrong place is named, and where to find the right one is said."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

import tchap_bridge_slack
from tchap_bridge_slack import SlackConfig
from tchap_bridge_slack.rights import EVENTS, SCOPES
from tchap_bridges.bridge import Destination

GOOD = {"bot_token": "xoxb-1-a", "app_token": "xapp-1-a"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"bot_token": "xapp-1-a"}, "app_token"),
        ({"bot_token": "xoxp-1-a"}, "utilisateur"),
        ({"bot_token": "xoxe.xoxb-1-a"}, "12 heures"),
        ({"bot_token": "secret"}, "autre chose"),
        ({"app_token": "xoxb-1-a"}, "bot_token"),
        ({"app_token": "xoxp-1-a"}, "utilisateur"),
        ({"api": "http://exemple.fr/api"}, "en clair"),
    ],
)
def test_a_wrong_value_teaches(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError) as error:
        SlackConfig.model_validate({**GOOD, **wrong})
    (found,) = error.value.errors()
    what, remedy = found["ctx"]["error"].args
    assert named in what
    assert remedy
    assert not any(value in f"{what} {remedy}" for value in wrong.values() if value.startswith("xo"))


def test_it_goes_abroad_unless_said_otherwise() -> None:
    assert SlackConfig.model_validate(GOOD).destination is Destination.ABROAD
    assert SlackConfig.model_validate({**GOOD, "api": "http://127.0.0.1:1/api"}).api == "http://127.0.0.1:1/api"


def test_the_manifest_asks_for_what_is_needed_and_no_more() -> None:
    path = Path(tchap_bridge_slack.__file__).with_name("manifest.yaml")
    manifest = YAML(typ="safe").load(path)
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)
    settings = manifest["settings"]
    assert settings["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert settings["socket_mode_enabled"] is True
    assert settings["token_rotation_enabled"] is False


def test_the_code_takes_every_event_that_is_asked_for() -> None:
    source = Path(tchap_bridge_slack.__file__).with_name("incoming.py").read_text()
    for event in EVENTS:
        assert f'"{event.partition(".")[0]}"' in source, event


def test_validating_loads_no_sdk() -> None:
    code = "import sys, tchap_bridge_slack as s; s.SlackBridge; assert not {'slack_sdk', 'aiohttp'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
