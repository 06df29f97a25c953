"""From the open socket to the welcome, line by line, as servers were seen to do it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tchap_bridge_irc.caps import WANTED, Capabilities
from tchap_bridge_irc.nicks import alternatives
from tchap_bridge_irc.registration import Ended, Outcome, Plan, Registration, WebIrc, Welcomed, Why
from tchap_bridge_irc.sasl import External, Plain, chunks
from tchap_bridge_irc.wire import Line, Nonsense, encode, parse

PLAIN = Plain("alice", "sesame")
INSPIRCD = (
    ":irc.test.local CAP * LS :account-notify account-tag away-notify batch cap-notify chghost echo-message "
    "extended-join extended-monitor inspircd.org/poison inspircd.org/standard-replies invite-notify "
    "labeled-response message-tags multi-prefix sasl=EXTERNAL,PLAIN server-time setname tls userhost-in-names "
)


class Talk:
    """A registration and what it said."""

    def __init__(self, **plan) -> None:
        self.registration = Registration(Plan(**{"nick": "alice", "user": "alice", "realname": "Alice", **plan}))
        self.sent = [encode(line).decode().rstrip() for line in self.registration.start()]
        self.outcome: Outcome | None = None

    def hear(self, *lines: str) -> list[str]:
        """What is answered to these lines."""
        said = []
        for text in lines:
            found = parse(text.encode())
            assert isinstance(found, Line)
            step = self.registration.receive(found)
            said += [encode(line).decode().rstrip() for line in step.send]
            self.outcome = step.outcome or self.outcome
        self.sent += said
        return said


def test_the_plain_way():
    talk = Talk(password="secret word")
    assert talk.sent == ["PASS :secret word", "CAP LS 302", "NICK alice", "USER alice 0 * Alice"]
    assert talk.hear(":s NOTICE * :*** Looking up your hostname...", "PING :cookie") == ["PONG cookie"]
    assert talk.hear(":s CAP * LS :multi-prefix sasl") == ["CAP REQ multi-prefix"]
    assert talk.hear(":s CAP alice ACK :multi-prefix ") == ["CAP END"]
    assert talk.hear(":s 001 alice_ :Welcome") == []
    assert talk.outcome == Welcomed("alice_")
    assert talk.registration.caps.enabled == {"multi-prefix"}


def test_a_gateway_says_first_for_whom_it_connects():
    talk = Talk(webirc=WebIrc("hunter2", "tchap", "::1", "::1"))
    assert talk.sent[0] == "WEBIRC hunter2 tchap 0::1 0::1"
    assert "hunter2" not in repr(talk.registration._plan)


def test_what_a_capability_tells_of_itself():
    caps = Capabilities()
    caps.receive(Line("CAP", ("*", "LS", "draft/multiline=max-bytes=4096,max-lines=9,x batch")))
    assert caps.options("draft/multiline") == {"max-bytes": "4096", "max-lines": "9", "x": ""}
    assert caps.options("batch") == caps.options("none") == {}


def test_only_what_is_wanted_is_asked_for():
    talk = Talk(sasl=(PLAIN,))
    (asked,) = talk.hear(INSPIRCD)
    names = asked.removeprefix("CAP REQ :").split()
    assert set(names) <= {*WANTED, "sasl"}
    assert {"echo-message", "labeled-response", "batch", "sasl"} <= set(names)
    assert "inspircd.org/poison" not in names
    assert "tls" not in names


def test_a_list_of_several_lines_is_seen_to_its_end():
    talk = Talk()
    assert talk.hear(":s CAP * LS * :multi-prefix batch", ":s CAP * LS * :server-time=x") == []
    assert talk.hear(":s CAP * LS :setname") == ["CAP REQ :batch multi-prefix server-time setname"]
    assert talk.registration.caps.offered["server-time"] == "x"


def test_a_server_without_capabilities():
    talk = Talk()
    assert talk.hear(":s 421 * CAP :Unknown command", ":s 001 alice :Welcome") == []
    assert talk.outcome == Welcomed("alice")


def test_a_server_that_says_nothing_about_capabilities():
    talk = Talk()
    assert talk.hear(":s 001 alice :Welcome") == []
    assert talk.outcome == Welcomed("alice")


def test_a_server_that_offers_nothing_waits_for_the_end():
    assert Talk().hear(":s CAP * LS :") == ["CAP END"]


def test_a_refusal_is_narrowed_down():
    talk = Talk()
    assert talk.hear(":s CAP * LS :batch setname") == ["CAP REQ :batch setname"]
    assert talk.hear(":s CAP * NAK :batch setname") == ["CAP REQ batch", "CAP REQ setname"]
    assert talk.hear(":s CAP * NAK :batch") == []
    assert talk.hear(":s CAP * ACK :setname") == ["CAP END"]
    assert talk.registration.caps.enabled == {"setname"}


def test_a_capability_that_needs_another_is_not_asked_for_alone():
    assert Talk().hear(":s CAP * LS :labeled-response draft/multiline=max-bytes=4096 setname") == ["CAP REQ setname"]


def test_many_capabilities_are_asked_for_in_lines_whose_answers_fit():
    caps = Capabilities(f"example.org/capability-{n}" for n in range(40))
    caps.start()
    (*asked,) = caps.receive(Line("CAP", ("*", "LS", " ".join(f"example.org/capability-{n}" for n in range(40)))))
    assert len(asked) == 4
    assert all(len(encode(line)) < 330 for line in asked)
    assert not caps.settled
    for line in asked:
        caps.receive(Line("CAP", ("*", "ACK", line.params[1])))
    assert caps.settled
    assert len(caps.enabled) == 40


def test_capabilities_come_and_go():
    talk = Talk()
    talk.hear(":s CAP * LS :setname", ":s CAP * ACK :setname", ":s 001 alice :Welcome")
    assert talk.hear(":s CAP alice NEW :batch echo-message away-notify") == ["CAP REQ :batch echo-message"]
    assert talk.hear(":s CAP alice ACK :batch echo-message") == []
    assert talk.hear(":s CAP alice DEL :batch") == []
    assert talk.registration.caps.enabled == {"setname", "echo-message"}
    assert talk.hear(":s CAP alice NEW :batch") == ["CAP REQ batch"]


def test_sasl_plain():
    talk = Talk(sasl=(PLAIN,))
    talk.hear(":s CAP * LS :sasl=EXTERNAL,PLAIN")
    assert talk.hear(":s CAP alice ACK :sasl") == ["AUTHENTICATE PLAIN"]
    (said,) = talk.hear("AUTHENTICATE :+")
    assert base64.b64decode(said.split()[1]) == b"\0alice\0sesame"
    assert talk.hear(":s 900 alice alice!a@h alice :You are now logged in") == []
    assert talk.hear(":s 903 alice :SASL authentication successful") == ["CAP END"]
    talk.hear(":s 001 alice :Welcome")
    assert talk.outcome == Welcomed("alice", "alice")


def test_sasl_external():
    talk = Talk(sasl=(External(), PLAIN))
    talk.hear(":s CAP * LS :sasl")
    assert talk.hear(":s CAP alice ACK :sasl") == ["AUTHENTICATE EXTERNAL"]
    assert talk.hear(":s AUTHENTICATE +") == ["AUTHENTICATE +"]
    assert talk.hear(":s 903 alice :ok") == ["CAP END"]


def test_the_second_mechanism_is_tried_when_the_first_fails():
    talk = Talk(sasl=(External(), PLAIN))
    talk.hear(":s CAP * LS :sasl", ":s CAP alice ACK :sasl", "AUTHENTICATE +")
    assert talk.hear(":s 904 alice :SASL authentication failed") == ["AUTHENTICATE PLAIN"]
    assert talk.hear("AUTHENTICATE +")[0].startswith("AUTHENTICATE AGFsaWNl")
    assert talk.hear(":s 904 alice :SASL authentication failed") == ["QUIT"]
    assert talk.outcome == Ended(Why.CREDENTIALS, "SASL authentication failed")


@pytest.mark.parametrize("follows", [(), (":s 904 alice :SASL authentication failed",)])
def test_mechanisms_that_the_server_names_late(follows: tuple[str, ...]):
    talk = Talk(sasl=(External(), PLAIN))
    talk.hear(":s CAP * LS :sasl", ":s CAP alice ACK :sasl")
    assert talk.hear(":s 908 alice PLAIN,SCRAM-SHA-256 :are available SASL mechanisms", *follows) == [
        "AUTHENTICATE PLAIN"
    ]
    assert len(talk.hear("AUTHENTICATE +")) == 1
    assert talk.hear(":s 903 alice :ok") == ["CAP END"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("AUTHENTICATE +", ":s 904 alice :no"), Why.CREDENTIALS),
        (("AUTHENTICATE +", ":s 902 alice :locked"), Why.CREDENTIALS),
        (("AUTHENTICATE +", ":s 905 alice :too long"), Why.CREDENTIALS),
        (("AUTHENTICATE +", ":s 906 alice :aborted"), Why.SERVICES),
        ((":s 904 alice :services are away",), Why.SERVICES),
        ((":s 908 alice SCRAM-SHA-256 :are available",), Why.SERVICES),
        ((":s 001 alice :Welcome",), Why.SERVICES),
    ],
)
def test_an_account_that_cannot_be_proven(lines: tuple[str, ...], why: Why):
    talk = Talk(sasl=(PLAIN,))
    talk.hear(":s CAP * LS :sasl", ":s CAP alice ACK :sasl")
    talk.hear(*lines)
    assert isinstance(talk.outcome, Ended)
    assert talk.outcome.why is why
    assert talk.sent[-1] == "QUIT"
    assert talk.hear("PING :a") == []


@pytest.mark.parametrize("offer", [":s CAP * LS :batch", ":s 421 * CAP :Unknown command", ":s CAP * LS :"])
def test_without_sasl_there_is_no_session_when_the_account_is_required(offer: str):
    talk = Talk(sasl=(PLAIN,), wanted=())
    assert talk.hear(offer) == ["QUIT"]
    assert talk.outcome == Ended(Why.SERVICES, "")


def test_without_sasl_there_is_one_when_it_is_not_and_the_account_is_proven_later():
    talk = Talk(sasl=(PLAIN,), account_required=False, wanted=())
    assert talk.hear(":s CAP * LS :batch") == ["CAP END"]
    talk.hear(":s 001 alice :Welcome")
    assert talk.outcome == Welcomed("alice")
    assert talk.hear(":s CAP alice NEW :sasl=PLAIN", ":s CAP alice ACK :sasl") == ["CAP REQ sasl", "AUTHENTICATE PLAIN"]
    talk.hear("AUTHENTICATE +", ":s 900 alice a!b@c alice :in", ":s 903 alice :ok")
    assert talk.registration.account == "alice"
    assert talk.hear(":s CAP alice DEL :sasl", ":s CAP alice NEW :sasl", ":s CAP alice ACK :sasl") == ["CAP REQ sasl"]


@pytest.mark.parametrize(("size", "count"), [(0, 1), (1, 1), (297, 1), (298, 2), (300, 2), (301, 2), (600, 3)])
def test_long_responses_are_sent_in_pieces(size: int, count: int):
    lines = list(chunks(b"x" * size))
    assert len(lines) == count
    assert all(len(line.params[0]) <= 400 for line in lines)
    assert (lines[-1].params[0] == "+") is (size % 300 in (0, 298, 299))
    assert base64.b64decode("".join(line.params[0] for line in lines).rstrip("+") or "") == b"x" * size


@pytest.mark.parametrize("code", ["432", "433", "436", "437"])
def test_a_nick_that_is_taken(code: str):
    talk = Talk()
    assert talk.hear(f":s {code} * alice :no") == ["NICK alice_"]
    assert talk.hear(f":s {code} alice_ :no") == ["NICK alice__"]
    assert talk.registration.nick == "alice__"


def test_a_nick_that_is_too_long_is_shortened_soon():
    assert list(alternatives("averylongnick"))[:3] == ["averylongnick", "averylongnick_", "averylon_"]


def test_all_nicks_are_taken():
    talk = Talk()
    for _turn in range(60):
        talk.hear(f":s 433 * {talk.registration.nick} :in use")
    assert talk.outcome == Ended(Why.NAME, "in use")


@given(st.text(max_size=40), st.integers(5, 40))
def test_other_nicks_are_the_same_each_time_and_fit(nick: str, length: int):
    names = list(alternatives(nick, length))
    assert names == list(alternatives(nick, length))
    assert len(names) == len(set(names)) >= 10
    for name in names:
        assert len(name) <= length
        assert b"\r\n" in encode(Line("NICK", (name,)))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (":s 464 * :Password incorrect", Why.CREDENTIALS),
        (":s 465 * :You are banned from this server", Why.BANNED),
        (":s 463 * :Your host isn't among the privileged", Why.BANNED),
        (":s 468 * :Your username is invalid.", Why.NAME),
        (":s FAIL * ACCOUNT_REQUIRED_TO_CONNECT :You need an account", Why.CREDENTIALS),
        ("ERROR :Closing Link: 192.0.2.1 (K-Lined)", Why.BANNED),
        ("ERROR :Closing link: (a@192.0.2.1) [G-lined: spam]", Why.BANNED),
        ("ERROR :Invalid WebIRC password", Why.CREDENTIALS),
        ("ERROR :Closing Link: 192.0.2.1 (Bad Password)", Why.CREDENTIALS),
        ("ERROR :Access denied by configuration", Why.BANNED),
        ("ERROR :Your host is listed in a DNSBL", Why.BANNED),
        ("ERROR :Trying to reconnect too fast.", Why.LATER),
        ("ERROR :Closing Link: (Throttled: Z-lined)", Why.LATER),
        ("ERROR :Closing link: [No more connections allowed in your connection class]", Why.LATER),
        ("ERROR :Closing link: [Registration timeout]", Why.LATER),
        ("ERROR", Why.LATER),
    ],
)
def test_why_a_server_does_not_want_us(line: str, why: Why):
    talk = Talk()
    talk.hear(line)
    assert isinstance(talk.outcome, Ended)
    assert talk.outcome.why is why


def test_no_secret_is_shown():
    plan = Plan(nick="a", user="a", realname="a", password="hunter2", sasl=(Plain("a", "hunter2"),))
    assert "hunter2" not in repr(plan)


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b":s CAP * LS :sasl batch",
                    b":s CAP * ACK :sasl",
                    b":s CAP * NAK :",
                    b"AUTHENTICATE +",
                    b":s 904 a :x",
                    b":s 433 * a :x",
                    b":s CAP * NEW :sasl",
                    b":s CAP * DEL :sasl",
                    b":s 001 a :x",
                    b":s 908 a EXTERNAL :x",
                    b"NICK",
                    b":a NICK b",
                    b"900",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_nothing_that_a_server_says_raises(lines: list[bytes]):
    registration = Registration(Plan(nick="a", user="b", realname="c", sasl=(External(), PLAIN)))
    registration.start()
    for data in lines:
        found = parse(data)
        if not isinstance(found, Nonsense):
            for line in registration.receive(found).send:
                encode(line)


def test_services_that_do_not_answer_are_away():
    talk = Talk(sasl=(PLAIN,))
    talk.hear(":s CAP * LS :sasl=PLAIN", ":s CAP alice ACK :sasl", "ERROR :Closing link: [Registration timeout]")
    assert talk.outcome == Ended(Why.SERVICES, "Closing link: [Registration timeout]")
