"""SCRAM-SHA-256 by the example of RFC 7677 section 3, and what a server must not get away with."""

import base64

import pytest

from tchap_bridge_irc.sasl import Authentication, Plain, Proof
from tchap_bridge_irc.scram import MOST_ROUNDS, Scram, ScramError, saslprep
from tchap_bridge_irc.wire import Line

NONCE = "rOprNGfwEbeRWgbNEkqO"
WHO = Scram("user", "pencil", nonce=NONCE)
FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
VERIFIER = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_example_of_the_rfc():
    talk = WHO.begin()
    assert talk.answer(b"") == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert not talk.judged
    assert talk.answer(FIRST) == FINAL
    assert talk.judged
    assert talk.answer(VERIFIER) == b""


@pytest.mark.parametrize(
    "first",
    [
        b"r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        FIRST.replace(b"i=4096", b"i=%d" % (MOST_ROUNDS + 1)),
        FIRST.replace(b"i=4096", b"i=0"),
        FIRST.replace(b"i=4096", b"i=-1"),
        FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=*"),
        b"m=ext," + FIRST,
        b"e=other-error",
        b"\xff\xfe",
        b"",
    ],
)
def test_what_a_server_must_not_ask(first: bytes):
    talk = WHO.begin()
    talk.answer(b"")
    with pytest.raises(ScramError):
        talk.answer(first)


@pytest.mark.parametrize("last", [b"v=AAAA", b"", b"e=invalid-proof", VERIFIER[:-2]])
def test_a_server_that_does_not_know_the_password(last: bytes):
    talk = WHO.begin()
    talk.answer(b"")
    talk.answer(FIRST)
    with pytest.raises(ScramError):
        talk.answer(last)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_examples_of_saslprep(text: str, prepared: str):
    """RFC 4013 section 3."""
    assert saslprep(text) == prepared


def test_names_are_escaped_and_nonces_fresh():
    first = Scram("a=b,c", "x").begin().answer(b"").decode()
    assert first.startswith("n,,n=a=3Db=2Cc,r=")
    assert first != Scram("a=b,c", "x").begin().answer(b"").decode()
    assert "pencil" not in repr(WHO)


def challenge(data: bytes) -> Line:
    return Line("AUTHENTICATE", (base64.b64encode(data).decode() or "+",))


def test_over_irc_and_no_weaker_mechanism_after_it():
    proof = Authentication((WHO, Plain("user", "pencil")))
    assert proof.start("PLAIN,SCRAM-SHA-256")[0].params == ("SCRAM-SHA-256",)
    (said,) = proof.receive(Line("AUTHENTICATE", ("+",)))
    assert base64.b64decode(said.param(0)) == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    (said,) = proof.receive(challenge(FIRST))
    assert base64.b64decode(said.param(0)) == FINAL
    assert proof.receive(Line("904", ("user", "no"))) == ()
    assert proof.proof is Proof.REFUSED


def test_over_irc_to_its_end():
    proof = Authentication((WHO,))
    proof.start()
    proof.receive(Line("AUTHENTICATE", ("+",)))
    proof.receive(challenge(FIRST))
    assert proof.receive(challenge(VERIFIER)) == (Line("AUTHENTICATE", ("+",)),)
    proof.receive(Line("903", ("user", "yes")))
    assert proof.proof is Proof.DONE


def test_an_impostor_is_told_nothing_more():
    proof = Authentication((WHO, Plain("user", "pencil")))
    proof.start()
    proof.receive(Line("AUTHENTICATE", ("+",)))
    proof.receive(challenge(FIRST))
    assert proof.receive(challenge(b"v=AAAA")) == (Line("AUTHENTICATE", ("*",)),)
    assert proof.proof is Proof.REFUSED


def test_a_long_challenge_comes_in_pieces():
    proof = Authentication((WHO,))
    proof.start()
    proof.receive(Line("AUTHENTICATE", ("+",)))
    text = base64.b64encode(FIRST + b",x=" + b"y" * 300).decode()
    assert proof.receive(Line("AUTHENTICATE", (text[:400],))) == ()
    assert len(proof.receive(Line("AUTHENTICATE", (text[400:],)))) == 1
