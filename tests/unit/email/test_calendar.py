"""Invitations: odd calendars, and all of a corpus of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tchap_bridge_email.calendar import read_invitation


def calendar(*lines: str) -> str:
    event = "\r\n".join(("BEGIN:VEVENT", "UID:1", "SUMMARY:Essai", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n{event}\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (["DTSTART:20250303T140000Z"], "lundi 3 mars 2025 à 14h00 UTC"),
        (["DTSTART:20250303T140000", "DURATION:PT90M"], "lundi 3 mars 2025 de 14h00 à 15h30"),
        (["DTSTART:20250303T140000Z", "DTEND:20250303T140000Z"], "lundi 3 mars 2025 à 14h00 UTC"),
        (["DTSTART;VALUE=DATE:20250303"], "lundi 3 mars 2025"),
        (
            ["DTSTART;TZID=Romance Standard Time:20250303T140000"],
            "lundi 3 mars 2025 à 14h00 (Europe/Paris, UTC+0100)",
        ),
        (
            ["DTSTART:20250303T230000Z", "DTEND:20250304T010000Z"],
            "du lundi 3 mars 2025 à 23h00 au mardi 4 mars 2025 à 1h00 UTC",
        ),
    ],
)
def test_when(lines, when):
    invitation, problem = read_invitation(calendar(*lines))
    assert problem is None
    assert invitation is not None
    assert invitation.text.split("\n")[1] == f"Quand : {when}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "chaque jour"),
        ("FREQ=WEEKLY;BYDAY=TU", "chaque semaine, le mardi"),
        ("FREQ=MONTHLY;INTERVAL=3;BYDAY=-1FR", "tous les 3 mois, le vendredi"),
        ("FREQ=YEARLY;UNTIL=20300101T000000Z", "chaque année, jusqu'au mardi 1er janvier 2030"),
        ("FREQ=HOURLY", "hourly"),
    ],
)
def test_recurrence(rule, words):
    invitation, _ = read_invitation(calendar("DTSTART:20250303T140000Z", f"RRULE:{rule}"))
    assert invitation is not None
    assert invitation.recurrence == words


def test_an_answer():
    text = calendar("DTSTART:20250303T140000Z", "ATTENDEE;CN=Paul;PARTSTAT=DECLINED:mailto:paul@exemple.fr")
    invitation, _ = read_invitation(text.replace("REQUEST", "REPLY"))
    assert invitation is not None
    assert invitation.text.endswith("Réponse : Paul <paul@exemple.fr> décline")


@pytest.mark.parametrize(
    "text", ["", "x", "BEGIN:VCALENDAR", "BEGIN:VEVENT\n" * 500, calendar("DTSTART:hier", "SEQUENCE:x")]
)
def test_broken_ones_never_raise(text):
    read_invitation(text)


def test_the_corpus_is_read(corpora: Path):
    files = sorted((corpora / "ical-icalendar").rglob("*.ics"))
    assert len(files) > 100
    understood = [read_invitation(path.read_bytes().decode("utf-8", "replace"))[1] is None for path in files]
    assert sum(understood) >= 0.95 * len(files)
