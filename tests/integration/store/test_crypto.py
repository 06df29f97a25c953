"""What encryption keeps, on both databases: read back as it was, sealed, and undone with what it stands in."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from tchap_bridges.matrix.crypto import olm
from tchap_bridges.matrix.crypto.store import Keys
from tchap_bridges.store.database import Database
from tchap_bridges.store.sealing import Sealer

from mautrix.crypto import InboundGroupSession, OlmAccount, OutboundGroupSession  # isort: skip - on our olm
from mautrix.errors import GroupSessionWithheldError  # isort: skip
from mautrix.types import CrossSigner, CrossSigningUsage, DeviceIdentity, TrustState  # isort: skip

SEALER = Sealer([bytes(range(32))])
RECEIVED = datetime(2026, 11, 27, 12)  # noqa: DTZ001 - theirs are so
BOT, ANA, ROOM = "@pont:x", "@ana:x", "!salon:x"


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/b.db" if sqlite else request.getfixturevalue("postgres").create_database()
    found = await Database.open(url)
    yield found
    await found.close()


@pytest.fixture
def keys(db: Database) -> Keys:
    return Keys(db, SEALER, BOT, "D1")


def device(id_: str, key: str = "curve") -> DeviceIdentity:
    return DeviceIdentity(
        user_id=ANA,
        device_id=id_,
        identity_key=key,
        signing_key=f"ed {id_}",
        trust=TrustState.UNVERIFIED,
        deleted=False,
        name="",
    )


def inbound(outbound: OutboundGroupSession) -> InboundGroupSession:
    return InboundGroupSession(
        outbound.session_key,
        "ed",
        "curve",
        ROOM,
        received_at=RECEIVED,
        max_age=timedelta(days=7),
        max_messages=100,
    )


async def test_an_account_is_of_one_device(db: Database, keys: Keys) -> None:
    assert await keys.get_account() is None
    account = OlmAccount()
    await keys.put_account(account)
    account.generate_one_time_keys(3)
    account.shared = True
    await keys.put_account(account)
    found = await keys.get_account()
    assert (found.identity_keys, found.shared, len(found.one_time_keys["curve25519"])) == (
        account.identity_keys,
        True,
        3,
    )
    assert await Keys(db, SEALER, BOT, "D2").get_account() is None
    assert await Keys(db, SEALER, "@pont_bob:x", "D1").get_account() is None
    assert await keys.since() is None
    await keys.put_since("s1")
    await keys.put_account(account)
    assert await keys.since() == "s1", "an account that is kept again has heard what it has heard"
    await keys.delete()
    assert await keys.get_account() is None


async def test_with_a_device_that_session_is_used_that_was_heard_last(keys: Keys) -> None:
    account, ana = OlmAccount(), olm.Account()
    ana.generate_one_time_keys(3)
    sessions = [
        account.new_outbound_session(ana.identity_keys["curve25519"], key)
        for key in ana.one_time_keys["curve25519"].values()
    ]
    assert not await keys.has_session("curve")
    for session in sessions:
        await keys.add_session("curve", session)
    sessions[1].last_decrypted = datetime.now() + timedelta(seconds=5)  # noqa: DTZ005 - theirs are so
    sessions[1].encrypt("x")
    await keys.update_session("curve", sessions[1])
    assert await keys.has_session("curve")
    assert (await keys.get_latest_session("curve")).id == sessions[1].id
    assert {one.id for one in await keys.get_sessions("curve")} == {one.id for one in sessions}
    assert await keys.get_latest_session("another") is None


async def test_what_is_said_to_us_can_be_given_up(keys: Keys) -> None:
    outbound = OutboundGroupSession(ROOM)
    session = inbound(outbound)
    said = olm.OutboundGroupSession.encrypt(outbound, "bonjour")
    assert await keys.get_group_session(ROOM, outbound.id) is None
    await keys.put_group_session(ROOM, "curve", outbound.id, session)
    found = await keys.get_group_session(ROOM, outbound.id)
    assert found.decrypt(said) == ("bonjour", 0)
    assert (found.sender_key, found.signing_key, found.received_at) == ("curve", "ed", RECEIVED)
    assert (found.max_age, found.max_messages) == (timedelta(days=7), 100)
    assert await keys.get_group_session("!autre:x", outbound.id) is None
    await keys.redact_group_session(ROOM, outbound.id, "assez")
    with pytest.raises(GroupSessionWithheldError):
        await keys.get_group_session(ROOM, outbound.id)
    assert not await keys.has_group_session(ROOM, outbound.id)
    await keys.put_group_session(ROOM, "curve", outbound.id, session)
    assert await keys.redact_group_sessions(ROOM, None, "x") == [outbound.id]
    assert await keys.redact_group_sessions(None, "curve", "x") == []
    with pytest.raises(ValueError, match="which room"):
        await keys.redact_group_sessions(None, None, "x")


async def test_a_place_in_a_session_is_one_event_s(keys: Keys) -> None:
    place = ("curve", "session", "$a", 3, 1000)
    assert await keys.validate_message_index(*place)
    assert await keys.validate_message_index(*place), "as often as it comes"
    for event, index, at, fine in (("$b", 3, 1000, False), ("$a", 3, 1001, False), ("$b", 4, 1000, True)):
        assert await keys.validate_message_index("curve", "session", event, index, at) is fine


async def test_a_session_of_ours_that_was_dropped_is_not_brought_back(db: Database, keys: Keys) -> None:
    ghost = Keys(db, SEALER, "@pont_bob:x", "D9")
    for one in (keys, ghost):
        session = OutboundGroupSession(ROOM)
        session.shared, session.max_messages = True, 7
        await one.add_outbound_group_session(session)
    found = await keys.get_outbound_group_session(ROOM)
    assert (found.shared, found.max_messages, found.message_count) == (True, 7, 0)
    found.encrypt("x")
    await keys.update_outbound_group_session(found)
    assert (await keys.get_outbound_group_session(ROOM)).message_count == 1
    await keys.remove_outbound_group_session(ROOM)
    assert await ghost.get_outbound_group_session(ROOM) is None, "who came, came for every ghost"
    await keys.update_outbound_group_session(found)
    assert await keys.get_outbound_group_session(ROOM) is None
    await keys.remove_outbound_group_sessions([])


async def test_other_people_are_known_to_all_our_accounts(db: Database, keys: Keys) -> None:
    other = Keys(db, SEALER, "@pont_bob:x", "D9")
    assert await keys.get_devices(ANA) is None
    await keys.put_devices(ANA, {})
    assert await other.get_devices(ANA) == {}
    await keys.put_devices(ANA, {"A": device("A", "k1"), "B": device("B", "k2")})
    await keys.put_devices(ANA, {"B": device("B", "k2"), "C": device("C", "k3")})
    assert set(await other.get_devices(ANA)) == {"B", "C"}
    assert (await other.find_device_by_key(ANA, "k3")).device_id == "C"
    assert await other.find_device_by_key(ANA, "k1") is None
    assert (await other.get_device(ANA, "B")).signing_key == "ed B"
    assert await other.filter_tracked_users({ANA, "@eve:x"}) == [ANA]


async def test_the_first_key_of_somebody_is_remembered(keys: Keys) -> None:
    for key in ("k1", "k2"):
        await keys.put_cross_signing_key(ANA, CrossSigningUsage.MASTER, key)
    (kept,) = (await keys.get_cross_signing_keys(ANA)).values()
    assert (kept.key, kept.first) == ("k2", "k1")
    target, signer = CrossSigner(ANA, "device"), CrossSigner(ANA, "k2")
    await keys.put_signature(target, signer, "s1")
    await keys.put_signature(target, signer, "s2")
    assert await keys.is_key_signed_by(target, signer)
    assert not await keys.is_key_signed_by(signer, target)
    assert await keys.drop_signatures_by_key(signer) == 1
    assert not await keys.is_key_signed_by(target, signer)


async def test_what_breaks_in_the_middle_is_undone_whole(keys: Keys) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - what breaks is the block
        async with keys.transaction():
            await keys.put_account(OlmAccount())
            async with keys.transaction():
                await keys.put_devices(ANA, {"A": device("A")})
            assert await keys.get_devices(ANA), "what it has written it reads"
            raise ZeroDivisionError
    assert await keys.get_account() is None
    assert await keys.get_devices(ANA) is None


async def test_nothing_secret_stands_open_in_the_file(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/b.db")
    keys, outbound = Keys(db, SEALER, BOT, "D1"), OutboundGroupSession(ROOM)
    session = inbound(outbound)
    account = OlmAccount()
    await keys.put_account(account)
    await keys.put_group_session(ROOM, "curve", outbound.id, session)
    await keys.add_outbound_group_session(outbound)
    await db.close()
    raw = (tmp_path / "b.db").read_bytes()
    for pickle in (account.pickle(""), session.pickle(""), outbound.pickle("")):
        assert pickle[:40] not in raw
    with closing(sqlite3.connect(tmp_path / "b.db")) as file:
        for table in ("crypto_account", "crypto_inbound", "crypto_outbound"):
            ((value,),) = file.execute(f"SELECT pickle FROM {table}").fetchall()
            assert b"pickle" in SEALER.open(value, place=f"{table}.pickle")
