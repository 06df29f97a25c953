"""All scenarios, in the order in which they are run."""

from .scenario import Scenario
from .storms import kills_mail_to_room, kills_room_to_mail

SCENARIOS = (
    Scenario("kills-mail-to-room", "1", kills_mail_to_room, limit=900),
    Scenario("kills-room-to-mail", "1", kills_room_to_mail, limit=900),
)
