"""``python -m tchap_bridges.testing.slack``: a Slack to play with, in a browser and with an app."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress

from tchap_bridges.testing.slack import Slack

_PEOPLE = (("alice", "Alice Martin", "Alice"), ("bruno", "Bruno Durand", ""), ("chloe", "Chloé Petit", "Chloé"))


def furnished(port: int, *, faithful: bool) -> Slack:
    """A workspace with three people and two channels; the app's bot is in the first."""
    slack = Slack(port=port, name="Essai", faithful_limits=faithful)
    for name, real_name, display_name in _PEOPLE:
        slack.workspace.add_user(name, real_name=real_name, display_name=display_name)
    everybody = [name for name, _, _ in _PEOPLE]
    slack.workspace.add_channel("general", *everybody, slack.app.bot.user_id, topic="Tout et rien")
    slack.workspace.add_channel("projet", *everybody[:2])
    slack.workspace.say("#general", "alice", "Bonjour à tous :tada:")
    return slack


def greeting(slack: Slack) -> str:
    """What is printed: where it is, and what an app needs."""
    channels = ", ".join(f"{one.name} ({one.id})" for one in slack.workspace.channels.values())
    return (
        f"Faux Slack : {slack.url}/ dans un navigateur, pour y jouer les personnes.\n"
        f"  adresse de l'API   {slack.api_url}\n"
        f"  jeton du robot     {slack.bot_token}\n"
        f"  jeton de l'app     {slack.app_token}\n"
        f"  salons             {channels}\n"
        "Ctrl+C l'arrête ; rien n'est conservé.\n"
    )


async def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tchap_bridges.testing.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=4280, help="port sur 127.0.0.1 (4280)")
    parser.add_argument("--limites", action="store_true", help="limiter les appels comme Slack le fait")
    given = parser.parse_args(arguments)
    async with furnished(given.port, faithful=given.limites) as slack:
        sys.stdout.write(greeting(slack))
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
