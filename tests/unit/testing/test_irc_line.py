"""The judge of IRC lines reads them as the specifications say (cases after ircdocs/parser-tests)."""

import pytest

from tchap_bridges.testing.irc_line import Line, write_tags


@pytest.mark.parametrize(
    ("raw", "source", "command", "params", "tags"),
    [
        (b":zoe!z@h PRIVMSG #x :a b", "zoe!z@h", "PRIVMSG", ("#x", "a b"), {}),
        (b":zoe!z@h privmsg #x :", "zoe!z@h", "PRIVMSG", ("#x", ""), {}),
        (b":zoe PRIVMSG #x  ::) : deux", "zoe", "PRIVMSG", ("#x", ":) : deux"), {}),
        (b"AUTHENTICATE :+", "", "AUTHENTICATE", ("+",), {}),
        (b"PING", "", "PING", (), {}),
        (rb"@a=\:\s\\\r\n\x;b;c=;d=\ :s 005 x", "s", "005", ("x",), {"a": "; \\\r\nx", "b": "", "c": "", "d": ""}),
        (b":s PRIVMSG #x :caf\xc3", "s", "PRIVMSG", ("#x", "caf\udcc3"), {}),
    ],
)
def test_a_line_is_read(raw, source, command, params, tags):
    line = Line.read(raw)
    assert (line.source, line.command, line.params, line.tags) == (source, command, params, tags)


def test_tags_are_read_as_they_were_written():
    tags = {"label": "1", "+a": "; \\\r\n", "b": ""}
    assert Line.read((write_tags(tags) + "TAGMSG x").encode()).tags == tags
    assert write_tags(None) == ""
