"""``keys``: what must outlive the database leaves it sealed, and comes back as it was."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.test_queue import config, run, store

__all__ = ["config"]  # a fixture

BOT, BOB = "@pont:agent.exemple.fr", "@pont_bob:agent.exemple.fr"
SEEDS, OTHER = b"s" * 96, b"o" * 96


def fill(where: Path, *accounts: str, seeds: bytes = SEEDS) -> None:
    async def work(db, sealer):
        async with db.transaction() as tx:
            for mxid in accounts:
                await tx.run("crypto_seeds_add", mxid=mxid, seeds=sealer.seal(seeds, place="crypto_seeds.seeds"))
                pickle = sealer.seal(b"{}", place="crypto_account.pickle")
                await tx.run("crypto_account_put", mxid=mxid, device="PONTCLE1", shared=1, pickle=pickle)
            pickle = sealer.seal(b'{"pickle": "clef"}', place="crypto_inbound.pickle")
            session = {"session": "s", "room": "!r", "sender_key": "k", "received_at": 7, "pickle": pickle}
            await tx.run("crypto_inbound_put", mxid=BOT, **session)

    store(where, work)


def kept(where: Path) -> tuple[dict[str, bytes], list[str], dict[str, str]]:
    """Identities, sessions and devices."""

    async def work(db, sealer):
        async with db.snapshot() as tx:
            seeds = {
                row["mxid"]: sealer.open(row["seeds"], place="crypto_seeds.seeds")
                for row in await tx.all("crypto_seeds_all")
            }
            rows = await tx.all("crypto_inbound_all")
            devices = {
                mxid: row["device"] for mxid in (BOT, BOB) if (row := await tx.one("crypto_account_get", mxid=mxid))
            }
        sessions = [json.loads(sealer.open(row["pickle"], place="crypto_inbound.pickle"))["pickle"] for row in rows]
        return seeds, sessions, devices

    return store(where, work)


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    (tmp_path / "phrase").write_text("une phrase bien longue\n")
    return tmp_path / "phrase"


def empty(where: Path) -> None:
    for file in (where.parent / "data").iterdir():
        file.unlink()


def test_they_come_back_to_an_empty_database(
    config: Path, passphrase: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(config, BOT, BOB)
    file = tmp_path / "cles.json"
    assert run("keys", "export", str(file), "-c", str(config), "--passphrase-file", str(passphrase)) == 0
    assert "2 identités" in capsys.readouterr().out
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in (b"clef", b"c3Nz", SEEDS[:10], BOB.encode()):
        assert secret not in file.read_bytes()
    empty(config)
    assert run("keys", "import", str(file), "-c", str(config), "--passphrase-file", str(passphrase)) == 0
    assert kept(config) == ({BOT: SEEDS, BOB: SEEDS}, ["clef"], {})


def test_an_identity_that_is_another_stays_unless_one_says_otherwise(
    config: Path, passphrase: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(config, BOT)
    file = tmp_path / "cles.json"
    run("keys", "export", str(file), "-c", str(config), "--passphrase-file", str(passphrase))
    empty(config)
    fill(config, BOT, BOB, seeds=OTHER)
    again = ("keys", "import", str(file), "-c", str(config), "--passphrase-file", str(passphrase))
    assert run(*again) == 0
    assert "1 identité est déjà là, autre" in capsys.readouterr().out
    assert kept(config)[0] == {BOT: OTHER, BOB: OTHER}
    assert run(*again, "--overwrite") == 0
    seeds, _sessions, devices = kept(config)
    assert seeds == {BOT: SEEDS, BOB: OTHER}
    assert set(devices) == {BOB}, "a device that the other one has signed is none"


@pytest.mark.parametrize("wrong", ["phrase", "garbage", "altered", "newer", "missing", "costly"])
def test_what_does_not_open_is_refused_and_changes_nothing(
    config: Path, passphrase: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    fill(config, BOT)
    file = tmp_path / "cles.json"
    run("keys", "export", str(file), "-c", str(config), "--passphrase-file", str(passphrase))
    told = json.loads(file.read_bytes())
    match wrong:
        case "phrase":
            passphrase.write_text("une autre phrase longue")
        case "garbage":
            file.write_bytes(b"\x00\xff")
        case "altered":
            file.write_text(json.dumps({**told, "sealed": told["sealed"][:-8] + "AAAAAAA="}))
        case "newer":
            file.write_text(json.dumps({**told, "version": 2}))
        case "costly":
            file.write_text(json.dumps({**told, "scrypt": {**told["scrypt"], "n": 1 << 40}}))
        case "missing":
            file.unlink()
    empty(config)
    capsys.readouterr()
    assert run("keys", "import", str(file), "-c", str(config), "--passphrase-file", str(passphrase)) == 1
    assert "Traceback" not in (said := capsys.readouterr().err)
    assert said.count("\n") <= 2
    assert kept(config) == ({}, [], {})


def test_a_short_passphrase_keeps_nothing(
    config: Path, passphrase: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passphrase.write_text("court")
    assert run("keys", "export", str(tmp_path / "c"), "-c", str(config), "--passphrase-file", str(passphrase)) == 1
    assert "trop courte" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_nothing_is_written_over(config: Path, passphrase: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys", "export", str(passphrase), "-c", str(config), "--passphrase-file", str(passphrase)) == 1
    assert "existe déjà" in capsys.readouterr().err


def test_an_account_gets_another_device_and_keeps_its_identity(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(config, BOT, BOB)
    assert run("keys", "renew", BOB, "-c", str(config)) == 0
    assert kept(config) == ({BOT: SEEDS, BOB: SEEDS}, ["clef"], {BOT: "PONTCLE1"})
    assert run("keys", "renew", "bob", "-c", str(config)) == 1
    assert "@nom:serveur" in capsys.readouterr().err


def test_the_state_is_told_in_numbers(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(config, BOT, BOB)
    assert run("keys", "status", "-c", str(config)) == 0
    numbers = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["2", "identités (ce qui signe ces appareils) : à sauvegarder"] in [
        [n, words.strip()] for n, words in numbers
    ]
    assert [n for n, _words in numbers] == ["0", "2", "2", "0", "1", "0", "0"]
