"""Addresses compare as people mean them, and what is derived from them can be neither guessed nor confused."""

import pytest

from tchap_bridge_email import addresses

SECRET = b"s" * 32


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("Jean.Dupont@Exemple.FR", "jean.dupont@exemple.fr"),
        ("  <jean@exemple.fr>  ", "jean@exemple.fr"),
        ("jean@exemple.fr.", "jean@exemple.fr"),
        ("jean@École.fr", "jean@xn--cole-9oa.fr"),
        ("jean@xn--cole-9oa.fr", "jean@xn--cole-9oa.fr"),
        ('"jean"@exemple.fr', "jean@exemple.fr"),
        ("Éléonore@exemple.fr", "éléonore@exemple.fr"),
        ("E\u0301le\u0301onore@exemple.fr", "éléonore@exemple.fr"),
        ("mailto:f@exemple.fr", "f@exemple.fr"),
        ("<MailTo:F@exemple.fr>", "f@exemple.fr"),
        ("d.o'neil+liste=a/b!c%d@exemple.fr", "d.o'neil+liste=a/b!c%d@exemple.fr"),
        ("j" * 64 + "@exemple.fr", "j" * 64 + "@exemple.fr"),
        ("é" * 33 + "@exemple.fr", None),
        ("j" * 65 + "@exemple.fr", None),
        ("jean@" + ".".join(["a" * 63] * 4), "jean@" + ".".join(["a" * 63] * 4)),
        ("jean@" + ".".join(["a" * 63] * 4) + ".fr", None),
        ("a@b@exemple.fr", None),
        ("a@@exemple.fr", None),
        ("a@b.fr,c@exemple.fr", None),
        ("a@b.fr;c@exemple.fr", None),
        ("urn:a@exemple.fr", None),
        ("mailto:mailto:a@exemple.fr", None),
        ("a<b@exemple.fr", None),
        ('"a@b"@exemple.fr', None),
        ('"a b"@exemple.fr', None),
        ('""@exemple.fr', None),
        ("jean", None),
        ("@exemple.fr", None),
        ("jean@", None),
        ("jean@-exemple.fr", None),
        ("jean@exemple..fr", None),
        ("je an@exemple.fr", None),
        ("jean@exemple.fr\r\nBcc: x@y.fr", None),
        ("jean\0@exemple.fr", None),
        ("jean@" + "a" * 64 + ".fr", None),
        ("j" * 400 + "@exemple.fr", None),
        ("", None),
    ],
)
def test_one_spelling(written: str, normal: str | None) -> None:
    assert addresses.normalise(written) == normal
    if normal is not None:
        assert addresses.normalise(normal) == normal


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Jean@Exemple.FR", "jean@exemple.fr"),
        ("mailto:jean@exemple.fr", "jean@exemple.fr"),
        ("a@b@exemple.fr", "a@b@exemple.fr"),
        ("ticket:12,3@exemple.fr", "ticket:12,3@exemple.fr"),
        ("j" * 200 + "@exemple.fr", "j" * 200 + "@exemple.fr"),
        ("j" * 400 + "@exemple.fr", None),
        ("je an@exemple.fr", None),
        ("jean", None),
        ("", None),
    ],
)
def test_whoever_writes_is_somebody(written: str, known: str | None) -> None:
    assert addresses.writer(written) == known


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Jean Dupont", None),
        ("jean@exemple.fr", None),
        ("ministre@gouv.fr", "ministre@gouv.fr"),
        ("Le Ministre <ministre@gouv.fr>", "ministre@gouv.fr"),
        ("arobase @ seule", None),
    ],
)
def test_a_name_that_shows_another_address_is_noticed(name: str, other: str | None) -> None:
    assert addresses.other_address(name, "jean@exemple.fr") == other


def test_the_subscription_address_is_readable_and_opaque() -> None:
    address = addresses.subscription_address("liste@exemple.fr", SECRET, "pont.fr")
    assert address.startswith("liste-exemple-fr-")
    assert (
        address == addresses.normalise(address) == addresses.subscription_address("liste@exemple.fr", SECRET, "pont.fr")
    )
    assert address != addresses.subscription_address("liste@exemple.fr", b"t" * 32, "pont.fr")


@pytest.mark.parametrize("chat", ["é" * 300 + "@exemple.fr", "日本語@exemple.fr", "x" * 64 + "@" + "y" * 60 + ".fr"])
def test_no_chat_makes_an_address_that_is_none(chat: str) -> None:
    for address in (
        addresses.subscription_address(chat, SECRET, "pont.fr"),
        addresses.return_address(chat, SECRET, "pont.fr"),
        addresses.allocated_address(chat, SECRET, "pont.fr", asker="@a:b", room="R", attempt=0),
    ):
        assert addresses.normalise(address) == address
        assert len(address.partition("@")[0]) <= 64


def test_our_message_ids_are_known_again_and_no_others() -> None:
    ours = addresses.own_message_id("key", SECRET, "pont.fr")
    assert ours == addresses.own_message_id("key", SECRET, "pont.fr")
    assert ours != addresses.own_message_id("other key", SECRET, "pont.fr")
    assert addresses.is_own_message_id(ours, "pont.fr")
    assert not addresses.is_own_message_id(ours, "ailleurs.fr")
    assert not addresses.is_own_message_id("<quelconque@pont.fr>", "pont.fr")
    assert not addresses.is_own_message_id("", "pont.fr")


def test_parts_of_a_mac_do_not_run_together() -> None:
    assert addresses.mac(SECRET, "p", "ab", "c", length=26) != addresses.mac(SECRET, "p", "a", "bc", length=26)


def test_a_return_address_is_known_by_its_shape_and_no_name_can_take_it() -> None:
    returns = addresses.return_address("liste@exemple.fr", b"s" * 32, "pont.fr")
    assert addresses.is_return_address(returns, "pont.fr")
    assert not addresses.is_return_address(returns, "autre.fr")
    for name in ("retour", "retour-abcdefghijkl", "retour-abc"):
        own = addresses.allocated_address(name, b"s" * 32, "pont.fr", asker="a", room="r", attempt=0)
        assert not addresses.is_return_address(own, "pont.fr")
        subscribed = addresses.subscription_address(name, b"s" * 32, "pont.fr")
        assert not addresses.is_return_address(subscribed, "pont.fr")
