"""What a traceback may print of our values: no password, no key, no word of a mail."""

import ssl

from tchap_bridge_email.compose import Enclosure, Letter, Origin
from tchap_bridge_email.imap_client import Account
from tchap_bridge_email.lines import read_lines
from tchap_bridge_email.naming import Rules
from tchap_bridge_email.parse import parse
from tchap_bridge_email.quotes import extract
from tchap_bridge_email.submission import Relay
from tchap_bridges.bridge import Destination
from tchap_bridges.ids import MessageId

HIDDEN = "TresSecret"
CALENDAR = f"""\
From: a@exemple.fr
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
BEGIN:VEVENT
UID:1
DTSTART:20260301T100000Z
SUMMARY:{HIDDEN}
LOCATION:{HIDDEN}
END:VEVENT
END:VCALENDAR
"""
QUOTED = f"""\
From: a@exemple.fr
Content-Type: text/html

<p>{HIDDEN}</p><blockquote type=cite>{HIDDEN}</blockquote>
"""


def test_nothing_secret_is_in_a_repr() -> None:
    key = HIDDEN.encode()
    text = f"{HIDDEN}\n\n> {HIDDEN}"
    mails = [parse(raw.encode()) for raw in (CALENDAR, QUOTED)]
    assert mails[0].calendar is not None
    assert HIDDEN in mails[1].reply
    values = [
        Account(
            address="a@exemple.fr",
            host="h",
            port=993,
            security="tls",
            user="u",
            password=HIDDEN,
            folder="INBOX",
            tls=ssl.create_default_context(),
        ),
        Relay(host="h", port=587, security="tls", name="n", user="u", password=HIDDEN),
        Origin(address="a@exemple.fr", domain="exemple.fr", secret=key),
        Rules(
            domain="pont.fr",
            address="pont@pont.fr",
            mailboxes=(),
            allowed_domains=(),
            destination=Destination.STATE,
            receives=True,
            secret=key,
        ),
        Enclosure(name="plan.pdf", mime="application/pdf", data=key),
        Letter(message_id=MessageId("<1@x>"), sender="", recipients=(), raw=key),
        read_lines(text),
        extract(read_lines(text)),
        *mails,
    ]
    for value in values:
        assert HIDDEN not in repr(value)
