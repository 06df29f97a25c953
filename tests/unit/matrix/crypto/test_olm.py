"""libolm's stand-in: what mautrix asks of it, the awkward cases too."""

import sys

import pytest

from tchap_bridges.matrix.crypto import olm

ALICE, BOB = "alice", "bob"


def pair() -> tuple[olm.Account, olm.Session, olm.Account]:
    """Alice, her session with Bob, and Bob, who has not heard of it."""
    alice, bob = olm.Account(), olm.Account()
    bob.generate_one_time_keys(1)
    (one_time,) = bob.one_time_keys["curve25519"].values()
    return alice, olm.OutboundSession(alice, bob.identity_keys["curve25519"], one_time), bob


def test_mautrix_finds_it_where_it_looks_for_libolm() -> None:
    assert sys.modules["olm"] is olm


def test_a_first_message_makes_the_session_and_is_read_once_it_is_asked_for() -> None:
    alice, session, bob = pair()
    first = session.encrypt("un")
    assert isinstance(first, olm.OlmPreKeyMessage)
    theirs = olm.InboundSession(bob, first, alice.identity_keys["curve25519"])
    assert theirs.matches(first)
    assert theirs.decrypt(first) == "un"
    assert session.decrypt(theirs.encrypt("deux")) == "deux"
    assert isinstance(session.encrypt("trois"), olm.OlmMessage), "who was answered begins no more"


def test_what_a_first_message_says_outlives_the_process_that_made_the_session() -> None:
    alice, session, bob = pair()
    first = session.encrypt("avant la coupure")
    theirs = olm.InboundSession(bob, first, alice.identity_keys["curve25519"])
    again = olm.Session.from_pickle(theirs.pickle("clé"), "clé")
    assert again.decrypt(first) == "avant la coupure"
    assert olm.Session.from_pickle(again.pickle("clé"), "clé").id == theirs.id
    assert b"." not in again.pickle("clé"), "once it is read it is kept no more"
    with pytest.raises(olm.OlmSessionError):
        again.decrypt(first)


def test_a_session_reads_what_comes_out_of_order() -> None:
    alice, session, bob = pair()
    messages = [session.encrypt(str(n)) for n in range(5)]
    theirs = olm.InboundSession(bob, messages[2], alice.identity_keys["curve25519"])
    assert [theirs.decrypt(messages[n]) for n in (2, 4, 0, 1, 3)] == ["2", "4", "0", "1", "3"]


def test_a_one_time_key_is_used_once() -> None:
    alice, session, bob = pair()
    first = session.encrypt("un")
    olm.InboundSession(bob, first, alice.identity_keys["curve25519"])
    with pytest.raises(olm.OlmSessionError):
        olm.InboundSession(bob, first, alice.identity_keys["curve25519"])


@pytest.mark.parametrize("garbage", ["", "x", "Aw", "é", "A" * 500])
def test_what_is_no_message_is_an_error_of_its_kind(garbage: str) -> None:
    _alice, session, bob = pair()
    with pytest.raises(olm.OlmSessionError):
        session.decrypt(olm.OlmMessage(garbage))
    with pytest.raises(olm.OlmSessionError):
        session.matches(olm.OlmPreKeyMessage(garbage))
    with pytest.raises(olm.OlmSessionError):
        olm.InboundSession(bob, olm.OlmPreKeyMessage(garbage), bob.identity_keys["curve25519"])
    with pytest.raises(olm.OlmSessionError):
        olm.OutboundSession(bob, garbage, garbage)
    outbound = olm.OutboundGroupSession()
    with pytest.raises(olm.OlmGroupSessionError):
        olm.InboundGroupSession(outbound.session_key).decrypt(garbage)
    for make in (olm.InboundGroupSession, olm.InboundGroupSession.import_session):
        with pytest.raises(olm.OlmGroupSessionError):
            make(garbage)


@pytest.mark.parametrize("kind", [olm.Account, olm.OutboundGroupSession])
def test_a_pickle_opens_with_its_passphrase_alone(kind: type) -> None:
    made = kind()
    assert kind.from_pickle(made.pickle("une"), "une").pickle("x") != b""
    for pickle, passphrase in ((made.pickle("une"), "autre"), (b"rien", "une"), (b"", "une")):
        with pytest.raises((olm.OlmAccountError, olm.OlmGroupSessionError)):
            kind.from_pickle(pickle, passphrase)


def test_a_room_s_session_is_read_from_where_it_was_shared_on() -> None:
    outbound = olm.OutboundGroupSession()
    early = olm.InboundGroupSession(outbound.session_key)
    said = [outbound.encrypt(f"message {n}") for n in range(4)]
    late = olm.InboundGroupSession(outbound.session_key)
    assert [early.decrypt(one) for one in said] == [(f"message {n}", n) for n in range(4)]
    assert early.decrypt(said[0]) == ("message 0", 0), "as often as it is asked"
    with pytest.raises(olm.OlmGroupSessionError):
        late.decrypt(said[3])
    assert late.first_known_index == 4
    exported = early.export_session(2)
    assert olm.InboundGroupSession.import_session(exported).decrypt(said[2]) == ("message 2", 2)
    with pytest.raises(olm.OlmGroupSessionError):
        late.export_session(0)
    assert early.id == late.id == outbound.id


def test_a_seed_signs_the_same_for_ever() -> None:
    seed = bytes(range(32))
    first, second = olm.PkSigning(seed), olm.PkSigning(seed)
    assert (first.public_key, first.sign("x")) == (second.public_key, second.sign(b"x"))
    assert first.public_key == "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"  # RFC 8032's curve, of that seed
    for wrong in (b"", b"x" * 31):
        with pytest.raises(olm.PkSigningError):
            olm.PkSigning(wrong)
    assert len(olm.PkSigning.generate_seed()) == 32
