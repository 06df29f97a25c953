"""The mail that carries a proof code, in French with English below. Pure."""

from datetime import datetime

from tchap_bridge_email import fields
from tchap_bridges.bridge import Asker
from tchap_bridges.events import Text
from tchap_bridges.ids import ChatId
from tchap_bridges.outgoing import Outgoing, Steps

_SUBJECT = "Code pour relier cette adresse à un salon Tchap"
_TEXT = """\
Bonjour,

{asker} demande à relier l'adresse {address} au salon Tchap « {room} ».

Si vous êtes d'accord, rendez ce code dans le salon, dans l'heure :

    !pont code {code}

Les courriels de cette adresse seront alors montrés dans le salon, et les réponses du salon lui seront envoyées.
Si cette demande ne vous dit rien, ne faites rien : sans ce code, rien n'est relié.

--------

Hello,

{asker} asks to link the address {address} to the Tchap room "{room}".

If you agree, give this code in the room within the hour:

    !bridge code {code}

Mail of this address will then be shown in the room, and answers from the room will be sent to it.
If you know nothing of this, do nothing: without the code nothing is linked.
"""


class _NoSteps(Steps):
    """A code that is lost is asked for again: nothing of its sending is remembered."""

    def get(self, step: str) -> str | None:
        del step
        return None

    async def done(self, step: str, result: str) -> None:
        del step, result


def challenge(address: str, code: str, asker: Asker, *, key: str, at: datetime) -> Outgoing:
    """The message to compose: a robot's, so that no answering machine answers it."""
    # Names are other people's words in a mail that comes from us: one short line each.
    name, room = fields.clean(asker.name, longest=80), fields.clean(asker.room_name, longest=80)
    words = _TEXT.format(asker=f"{name} ({asker.user})", address=address, room=room, code=code)
    return Outgoing(
        key=f"challenge {key}",
        chat=ChatId(address),
        author=None,
        network="Tchap",
        at=at,
        text=Text(plain=words),
        steps=_NoSteps(),
        title=_SUBJECT,
    )
