"""`mail show --json`: one object per file, its keys, and files that cannot be opened."""

from __future__ import annotations

import json

from tchap_bridge_email.show import main, show_text

KEYS = [
    "file", "message_id", "in_reply_to", "references", "date", "subject", "base_subject", "author", "to", "cc", "list",
    "text", "reply", "removed", "html", "attachments", "automatic", "bounce", "calendar", "problems",
]  # fmt: skip


def test_the_keys_are_the_promised_ones():
    for form in ("eml", "text", "html"):
        assert list(show_text(b"From: a@b.fr\n\nx", form, "x")) == KEYS


def test_a_line_for_each_file(tmp_path, capsysbinary):
    good = tmp_path / "bon.eml"
    good.write_bytes("From: a@b.fr\nSubject: été\n\nOui.\n\n> Non ?\n".encode())
    assert main(["--json", str(good), str(tmp_path / "absent.eml")]) == 1
    first, second = (json.loads(line) for line in capsysbinary.readouterr().out.splitlines())
    assert (first["subject"], first["reply"], first["removed"]) == ("été", "Oui.", ["> Non ?"])
    assert second["file"].endswith("absent.eml")
    assert "error" in second


def test_bare_bodies():
    assert show_text("Oui.\n\n-- \nMarie".encode("latin-1"), "text")["reply"] == "Oui."
    shown = show_text("<p>Déjà</p><blockquote type=cite>vu</blockquote>".encode("latin-1"), "html")
    assert (shown["reply"], shown["text"], shown["html"]) == (
        "Déjà",
        "Déjà\n\n> vu",
        "<p>Déjà</p><blockquote>vu</blockquote>",
    )


def test_an_empty_file_is_an_error():
    assert "error" in show_text(b"", "eml", "x")
