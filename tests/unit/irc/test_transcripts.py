"""What real servers were recorded to say, fed through all that reads lines."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import tchap_bridge_irc
from tchap_bridge_irc.batches import Batch, Batches, multiline
from tchap_bridge_irc.changes import Change, ChannelRenamed, Joined, Kicked, Left, Listed, ModesSet, Quit, Renicked
from tchap_bridge_irc.channels import Channels
from tchap_bridge_irc.isupport import Isupport, Prefix
from tchap_bridge_irc.labels import Kind, Labels
from tchap_bridge_irc.netsplit import Netsplits
from tchap_bridge_irc.registration import Ended, Plan, Registration, Welcomed, Why
from tchap_bridge_irc.sasl import External, Plain
from tchap_bridge_irc.splitting import Style, plain
from tchap_bridge_irc.wire import Line, Lines, Nonsense, Source, Unsendable, encode, parse

ERGO = "ergo-2.20.txt"
INSPIRCD = "inspircd-3.15-atheme-7.2.12.txt"
BOTH = "inspircd-modes-history+ngircd-26.1.txt"
WIRE = re.compile(r"^(@|:|[A-Z]+ )(?!.*\.\.\.\[[0-9]+B\]$)")
"""What is off the wire, whole: neither a recorder's remark nor one of the two lines that it abbreviated."""


@pytest.fixture(scope="session")
def sections(corpora: Path):
    """A transcript's lines under their marks. A mark that comes twice has all its lines together."""

    def load(name: str) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        mark = ""
        for row in (corpora / "transcripts" / name).read_bytes().split(b"\n"):
            text = row.decode(errors="surrogateescape")
            if text.startswith("-- "):
                mark = text[3:]
            elif WIRE.match(text):
                (line,) = Lines().feed(row + b"\r\n")
                assert isinstance(line, Line), row
                found.setdefault(mark, []).append(line)
        return found

    return load


def items_of(lines: list[Line]) -> list[Line | Batch]:
    batches = Batches()
    return [item for line in lines for item in batches.take(line, 0)]


def changes(channels: Channels, lines: list[Line]) -> list[Change]:
    return [change for line in lines for change in channels.receive(line)]


@pytest.mark.parametrize(("name", "count"), [(ERGO, 73), (INSPIRCD, 63), (BOTH, 67)])
def test_all_that_was_recorded_is_read_and_kept_whole(sections, name: str, count: int):
    lines = [line for found in sections(name).values() for line in found]
    assert len(lines) == count
    for line in lines:
        try:
            data = encode(line)
        except Unsendable as error:
            assert re.match(r"[0-9]+ bytes", str(error)), line  # noqa: PT017
            continue
        assert parse(data) == line


@pytest.mark.parametrize("name", [ERGO, INSPIRCD, BOTH])
@pytest.mark.parametrize("me", ["alice", "bob", "carol", "eve", "eve2", "ng0", "nobody"])
def test_nothing_that_was_recorded_raises_and_no_line_is_lost(sections, name: str, me: str):
    registration = Registration(Plan(nick=me, user=me, realname=me, sasl=(External(), Plain("alice", "sesame"))))
    registration.start()
    batches, labels, channels, splits = Batches(), Labels[str](), Channels(me), Netsplits()
    given, seen = [], Counter[str]()
    for now, line in enumerate(line for found in sections(name).values() for line in found):
        given.append(line)
        for sent in registration.receive(line).send:
            encode(sent)
        for item in batches.take(line, now):
            labels.take(item)
            seen.update(one.command for one in (item.lines() if isinstance(item, Batch) else (item,)))
            if isinstance(item, Line):
                for change in channels.receive(item):
                    splits.take(change, now)
    for item in batches.ended():
        seen.update(one.command for one in (item.lines() if isinstance(item, Batch) else (item,)))
    assert seen == Counter(line.command for line in given if line.command != "BATCH")
    assert splits.ended(1e9) == ()


def test_inspircd_history_on_joining(sections):
    lines = sections(INSPIRCD)["history on join"]
    channels, items = Channels("eve"), items_of(lines)
    found = changes(channels, [item for item in items if isinstance(item, Line)])
    assert found[0] == Joined("#t", Source("eve", "eve", "127.0.0.1"), "", "real eve", me=True)
    assert isinstance(found[1], Listed)
    assert [(str(member.who), member.ranks) for member in found[1].members] == [
        ("alice!alice@127.0.0.1", "@"),
        ("bob!bob@127.0.0.1", ""),
        ("carol!carol@127.0.0.1", ""),
        ("eve!eve@127.0.0.1", ""),
    ]
    assert channels.me == Source("eve", "eve", "127.0.0.1")
    (history,) = [item for item in items if isinstance(item, Batch)]
    assert (history.kind, history.params) == ("chathistory", ("#t",))
    assert [line.params[1] for line in history.lines()] == ["one", "two"]


def test_inspircd_joins_with_accounts_and_its_kick(sections):
    found = sections(INSPIRCD)
    channels = Channels("alice")
    channels.receive(Line("JOIN", ("#t",), Source("alice", "alice", "127.0.0.1")))
    joined = changes(channels, found["b join seen by a"] + found["c (account) join seen by a"])
    assert [(change.who.nick, change.account, change.realname) for change in joined if isinstance(change, Joined)] == [
        ("bob", "", "real bob"),
        ("carol", "alice", "c"),
    ]
    assert channels.account("carol") == "alice"
    kicked = changes(channels, found["kick"])
    assert [type(change) for change in kicked] == [ModesSet, Joined, Kicked]
    assert channels.member("#t", "bob") is None
    channels.receive(Line("JOIN", ("#t",), Source("bob", "bob", "127.0.0.1")))
    (renicked, *_rest) = changes(channels, found["casemap"])
    assert isinstance(renicked, Renicked)
    assert channels.member("#t", "bOB{X}") is not None


def test_inspircd_answers_by_label(sections):
    found = sections(INSPIRCD)
    batches, labels = Batches(), Labels[str]()
    for word in ("L1", "L2", "L3", "L4", "L5"):
        assert labels.ask(word, 0.0) == f"t{word[1]}"
    answers = {}
    for mark in ("a echo", "label batch", "label single", "label ack", "pm echo"):
        for line in found[mark]:
            tags = {key: value.replace("L", "t") if key == "label" else value for key, value in line.tags.items()}
            for item in batches.take(Line(line.command, line.params, line.source, tags), 0.0):
                answer = labels.take(item)
                if answer:
                    answers[answer.question] = answer.kind, len(answer.lines)
    assert answers == {
        "L1": (Kind.LINE, 1),
        "L2": (Kind.BATCH, 4),
        "L3": (Kind.LINE, 1),
        "L4": (Kind.ACK, 0),
        "L5": (Kind.LINE, 1),
    }


def test_inspircd_sasl(sections):
    found = sections(INSPIRCD)
    offer = found["tls ls"]

    def talk(*mechanisms, nick: str, marks: tuple[str, ...]):
        registration = Registration(Plan(nick=nick, user="u", realname="r", sasl=mechanisms))
        registration.start()
        sent, outcome = [], None
        acknowledged = [Line("CAP", ("*", "ACK", line.params[1])) for line in registration.receive(offer[0]).send]
        for line in [*acknowledged, *(line for mark in marks for line in found[mark])]:
            step = registration.receive(line)
            sent += [encode(one).decode().rstrip() for one in step.send]
            outcome = step.outcome or outcome
        return registration, sent, outcome

    registration, sent, _outcome = talk(Plain("alice", "sesame"), nick="carol", marks=("auth", "sasl"))
    assert sent == ["AUTHENTICATE PLAIN", "AUTHENTICATE AGFsaWNlAHNlc2FtZQ==", "CAP END"]
    assert registration.account == "alice"
    assert "inspircd.org/poison" not in registration.caps
    _registration, sent, _outcome = talk(External(), nick="tls1", marks=("auth", "external"))
    assert sent == ["AUTHENTICATE EXTERNAL", "AUTHENTICATE +", "CAP END"]
    _registration, _sent, outcome = talk(Plain("alice", "wrong"), nick="dan", marks=("auth", "sasl bad"))
    assert outcome == Ended(Why.CREDENTIALS, "SASL authentication failed")
    _registration, sent, outcome = talk(External(), Plain("alice", "sesame"), nick="dan", marks=("scram",))
    assert sent == ["AUTHENTICATE EXTERNAL"]


def test_ngircd(sections):
    found = sections(BOTH)
    registration = Registration(Plan(nick="ng0", user="u", realname="r"))
    registration.start()
    (offer,) = [line for line in found["g"] if line.command == "CAP"][:1]
    assert [line.params for line in registration.receive(offer).send] == [("REQ", "multi-prefix")]
    assert [line.params for line in registration.receive(Line("CAP", ("ng0", "ACK", "multi-prefix"))).send] == [
        ("END",)
    ]
    assert registration.receive(Line("001", ("ng0", "Welcome"))).outcome == Welcomed("ng0")
    channels = Channels("ng0")
    joined, listed = changes(channels, found["ng join"][:3])
    assert joined == Joined("#q", Source("ng0", "~ng0", "127.0.0.1"), me=True)
    assert isinstance(listed, Listed)
    assert [(member.who.nick, member.ranks) for member in listed.members] == [("ng0", "@")]
    long = next(line for line in found["ng got"] if line.command == "PRIVMSG")
    assert long.params[0] == "#q"


def test_ergo_several_lines_and_history(sections):
    found = sections(ERGO)
    batches = Batches()
    echo, seen = [
        item for m in ("multiline echo a", "multiline b") for line in found[m] for item in batches.take(line, 0)
    ]
    assert isinstance(echo, Batch)
    assert isinstance(seen, Batch)
    assert multiline(echo) == multiline(seen)
    assert re.fullmatch(r"line one\ny+concat\n\nend", multiline(echo))
    assert echo.opening.tags["msgid"] == seen.opening.tags["msgid"]
    assert echo.opening.tags["label"] == "2"
    history, targets, failed, fail = items_of(found["chathistory"] + found["targets"] + found["ch fail"])
    assert isinstance(history, Batch)
    assert [type(item) for item in history.items].count(Batch) == 1
    assert len(list(history.lines())) == 12
    assert (targets.kind, failed.kind, fail.command) == ("draft/chathistory-targets", "chathistory", "FAIL")


def test_ergo_renaming_a_channel_and_people(sections):
    found = sections(ERGO)
    channels = Channels("alice")
    for nick in ("alice", "bob", "old"):
        channels.receive(Line("JOIN", ("#t",), Source(nick, "~u", "2k3peh2vg9cy2.irc")))
    (renamed,) = changes(channels, found["rename a"])
    assert renamed == ChannelRenamed("#t", "#t2", Source("alice", "~u", "2k3peh2vg9cy2.irc"), "why")
    renicked, left = changes(channels, found["nick a"] + found["quit a"])
    assert isinstance(renicked, Renicked)
    assert left == Quit(Source("bob2", "~u", "2k3peh2vg9cy2.irc"), ("#t2",), "Quit: bye")
    old = Channels("old")
    old.receive(Line("JOIN", ("#t",), Source("old", "~u", "2k3peh2vg9cy2.irc")))
    assert [type(change) for change in changes(old, found["rename old"])] == [Left, Joined, Listed]
    assert old.names() == ("#t2",)


def test_ergo_registration_notices_change_nothing(sections):
    registration = Registration(Plan(nick="alice", user="u", realname="r"))
    registration.start()
    for line in sections(ERGO)["register"]:
        step = registration.receive(line)
        assert (step.send, step.outcome) == ((), None)


# The tables of ircdocs/irc-defs


def values(corpora: Path, name: str) -> list[dict[str, str]]:
    return YAML(typ="safe", pure=True).load((corpora / "irc-defs" / f"{name}.yaml").read_text(encoding="utf-8"))[
        "values"
    ]


NUMERICS = {
    "001": "RPL_WELCOME",
    "319": "RPL_WHOISCHANNELS",
    "324": "RPL_CHANNELMODEIS",
    "329": "RPL_CREATIONTIME",
    "005": "RPL_ISUPPORT",
    "331": "RPL_NOTOPIC",
    "332": "RPL_TOPIC",
    "333": "RPL_TOPICWHOTIME",
    "353": "RPL_NAMREPLY",
    "366": "RPL_ENDOFNAMES",
    "376": "RPL_ENDOFMOTD",
    "422": "ERR_NOMOTD",
    "396": "RPL_VISIBLEHOST",
    "401": "ERR_NOSUCHNICK",
    "402": "ERR_NOSUCHSERVER",
    "403": "ERR_NOSUCHCHANNEL",
    "404": "ERR_CANNOTSENDTOCHAN",
    "405": "ERR_TOOMANYCHANNELS",
    "407": "ERR_TOOMANYTARGETS",
    "410": "ERR_INVALIDCAPCMD",
    "411": "ERR_NORECIPIENT",
    "412": "ERR_NOTEXTTOSEND",
    "413": "ERR_NOTOPLEVEL",
    "414": "ERR_WILDTOPLEVEL",
    "415": "ERR_BADMASK",
    "417": "ERR_INPUTTOOLONG",
    "421": "ERR_UNKNOWNCOMMAND",
    "431": "ERR_NONICKNAMEGIVEN",
    "432": "ERR_ERRONEUSNICKNAME",
    "433": "ERR_NICKNAMEINUSE",
    "436": "ERR_NICKCOLLISION",
    "437": "ERR_UNAVAILRESOURCE",
    "442": "ERR_NOTONCHANNEL",
    "451": "ERR_NOTREGISTERED",
    "461": "ERR_NEEDMOREPARAMS",
    "463": "ERR_NOPERMFORHOST",
    "464": "ERR_PASSWDMISMATCH",
    "465": "ERR_YOUREBANNEDCREEP",
    "468": "ERR_INVALIDUSERNAME",
    "470": "ERR_LINKCHANNEL",
    "471": "ERR_CHANNELISFULL",
    "473": "ERR_INVITEONLYCHAN",
    "474": "ERR_BANNEDFROMCHAN",
    "475": "ERR_BADCHANNELKEY",
    "476": "ERR_BADCHANMASK",
    "477": "ERR_NEEDREGGEDNICK",
    "480": "ERR_SSLONLYCHAN",
    "482": "ERR_CHANOPRIVSNEEDED",
    "489": "ERR_SECUREONLYCHAN",
    "520": "ERR_OPERONLY",
    "531": "ERR_CANTSENDTOUSER",
    "900": "RPL_LOGGEDIN",
    "901": "RPL_LOGGEDOUT",
    "902": "ERR_NICKLOCKED",
    "903": "RPL_SASLSUCCESS",
    "904": "ERR_SASLFAIL",
    "905": "ERR_SASLTOOLONG",
    "906": "ERR_SASLABORTED",
    "907": "ERR_SASLALREADY",
    "908": "RPL_SASLMECHS",
}
"""Each numeric that this package knows, and as what."""


def test_numerics_are_what_we_take_them_for(corpora: Path):
    names: dict[str, set[str]] = {}
    for value in values(corpora, "numerics"):
        names.setdefault(value["numeric"], set()).add(value["name"])
    for numeric, name in NUMERICS.items():
        assert name in names[numeric], (numeric, names[numeric])
    folder = Path(tchap_bridge_irc.__file__).parent
    used = {
        code for file in folder.glob("*.py") for code in re.findall(r'"([0-9]{3})"', file.read_text(encoding="utf-8"))
    }
    assert used - {"302"} <= NUMERICS.keys()


def test_every_example_of_isupport_is_read(corpora: Path):
    examples = [example for value in values(corpora, "isupport") for example in value.get("examples", ())]
    assert len(examples) > 60
    for example in examples:
        support = Isupport().updated(Line("005", ("me", *str(example).split(), "are supported by this server")))
        assert support.tokens.keys() == {word.partition("=")[0].upper() for word in str(example).split()}, example
        for name in dir(Isupport):
            if isinstance(getattr(Isupport, name), property):
                getattr(support, name)


def test_ranks_are_those_of_the_table(corpora: Path):
    usual = Prefix("qaohv", "~&@%+")
    table = {value["mode"].split()[0]: value["prefixchar"].split() for value in values(corpora, "chanmembers")}
    for mode in usual.modes:
        assert usual.symbol(mode) in table[mode]


def test_formatting_codes_are_those_of_the_table(corpora: Path):
    for value in values(corpora, "formatting"):
        code = chr(int(value["char"], 16))
        if code == "\x12":  # reverse in one client alone; to others it is nothing
            continue
        assert plain(f"a{code}b") == "ab"
        if code not in "\x03\x04\x0f":
            assert Style().after(code).toggles == code


def test_no_line_is_nonsense_by_mistake(corpora: Path):
    for file in sorted((corpora / "transcripts").iterdir()):
        rows = [row for row in file.read_bytes().split(b"\n") if WIRE.match(row.decode(errors="replace"))]
        assert not [row for row in rows if isinstance(parse(row), Nonsense)]
