"""A stand-in Slack: what a bridge meets, on loopback, with people to play and faults to set.

::

    async with Slack() as slack:
        general = slack.workspace.add_channel("general", slack.workspace.add_user("alice"))
        ...                                                # an app connects: slack.api_url, slack.bot_token, …
        message = slack.workspace.say("#general", "alice", "salut")
        slack.faults.lose_answer("chat.postMessage")       # and everything that can go wrong
        assert slack.workspace.transcript("#general") == "Alice: salut"

By hand: ``python -m tchap_bridges.testing.slack``. Its answers use no key that Slack's published samples lack.
"""

from tchap_bridges.testing.slack.faults import Faults
from tchap_bridges.testing.slack.model import Channel, Event, File, Message, SlackError, User
from tchap_bridges.testing.slack.server import Slack
from tchap_bridges.testing.slack.workspace import Workspace

__all__ = ["Channel", "Event", "Faults", "File", "Message", "Slack", "SlackError", "User", "Workspace"]
