"""The code by which a private channel's own people agree to a link: they alone read it there. Pure."""

from tchap_bridge_slack.composing import escaped
from tchap_bridge_slack.document import clean
from tchap_bridge_slack.people import one_line
from tchap_bridges.bridge import Asker

_LONGEST = 80
_TEXT = """\
{asker} demande à relier ce canal au salon Tchap « {room} ».
Si vous êtes d'accord, donnez-lui ce code, à écrire dans le salon dans l'heure : `!pont code {code}`
Ce qui se dit ici sera alors lu là-bas, et inversement. Sans ce code, rien n'est relié.

{asker} asks to link this channel to the Tchap room "{room}".
If you agree, pass on this code, to be given in the room within the hour: `!bridge code {code}`
What is said here will then be read there, and the other way round. Without the code nothing is linked.
"""


def challenge(code: str, asker: Asker) -> str:
    """In Slack's notation. Names are other people's words in a message that is ours: one short line each."""
    name, room = (escaped(clean(one_line(words))[:_LONGEST]) for words in (asker.name, asker.room_name))
    return _TEXT.format(asker=f"{name} ({escaped(asker.user)})", room=room, code=code)
