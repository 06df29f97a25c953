"""Deliveries are genuine or not, to the byte."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tchap_bridges.hooks import Scheme, Secret, verify

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "hooks" / "signatures"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = b'{"a": 1}'
SECRETS = (
    Secret(name="2026-01", value="alpha", until=NOW + timedelta(days=1)),
    Secret(name="2026-02", value="beta"),
    Secret(name="basic", value="grafana:sésame"),
    Secret(name="2025", value="ancien", until=NOW - timedelta(days=1)),
    Secret(name="limite", value="limite", until=NOW),
    Secret(name="vide", value=""),
)


def cases(name: str):
    return pytest.mark.parametrize("case", YAML(typ="safe").load(VECTORS / name), ids=lambda case: case["name"])


def signed(message: bytes, secret: bytes = b"alpha") -> str:
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


@cases("known.yaml")
def test_published_answers(case):
    secrets = [Secret(name="autre", value="whsec_QUJD"), Secret(name="publié", value=case["secret"])]
    now = case.get("now", NOW)
    verdict = verify(
        Scheme(case["scheme"]),
        case["headers"],
        case["body"].encode(),
        secrets,
        now.astimezone(UTC) if now.tzinfo else now.replace(tzinfo=UTC),
    )
    assert verdict.secret == "publié"


@cases("cases.yaml")
def test_cases(case):
    digest = signed(BODY)
    headers = {name: value.format(hex=digest, HEX=digest.upper()) for name, value in case["headers"].items()}
    verdict = verify(Scheme(case["scheme"]), headers, BODY, SECRETS, NOW, path=case.get("path", ""))
    assert verdict.secret == case.get("secret")
    assert verdict.reason == case.get("reason")
    assert bool(verdict) == ("secret" in case)


@pytest.mark.parametrize("scheme", Scheme)
def test_an_empty_secret_opens_nothing(scheme):
    empty = [Secret(name="vide", value=""), Secret(name="préfixe", value="whsec_")]
    key = signed(BODY, b"")
    headers = {
        "X-Hub-Signature-256": f"sha256={key}",
        "X-Forgejo-Signature": key,
        "Sentry-Hook-Signature": key,
        "X-Grafana-Alerting-Signature": key,
        "X-Gitlab-Token": "",
        "Authorization": "Bearer ",
    }
    if scheme is Scheme.STANDARD:
        stamp = str(int(NOW.timestamp()))
        mac = hmac.new(b"", f"a.{stamp}.".encode() + BODY, hashlib.sha256).digest()
        headers |= {"webhook-id": "a", "webhook-timestamp": stamp}
        headers |= {"webhook-signature": "v1," + base64.b64encode(mac).decode()}
    assert not verify(scheme, headers, BODY, empty, NOW)


def test_a_header_that_comes_twice_is_refused():
    good = f"sha256={signed(BODY)}"
    headers = {"X-Hub-Signature-256": good, "x-hub-signature-256": good}
    assert not verify(Scheme.GITHUB, headers, BODY, SECRETS, NOW)


def test_no_secret_at_all():
    assert not verify(Scheme.PATH, {}, BODY, (), NOW, path="alpha")


def test_what_grafana_signed_with_its_time_does_not_come_again():
    stamp = str(int(NOW.timestamp()))
    signature = signed(f"{stamp}:".encode() + BODY)
    headers = {"X-Grafana-Alerting-Signature": signature, "X-Grafana-Alerting-Timestamp": stamp}
    assert verify(Scheme.GRAFANA, headers, BODY, SECRETS, NOW)
    assert not verify(Scheme.GRAFANA, headers, BODY, SECRETS, NOW + timedelta(hours=1))
    moved = {"X-Grafana-Alerting-Signature": signature}
    verdict = verify(Scheme.GRAFANA, moved, f"{stamp}:".encode() + BODY, SECRETS, NOW)
    assert verdict.reason == "La signature ne couvre pas un objet JSON."


def test_neither_a_verdict_nor_a_secret_shows_the_secret():
    verdict = verify(Scheme.PATH, {}, BODY, SECRETS, NOW, path="ancien")
    assert "ancien" not in repr(verdict)
    assert "alpha" not in repr(SECRETS)


SIGNING = {
    Scheme.GITHUB: ("X-Hub-Signature-256", "sha256="),
    Scheme.FORGEJO: ("X-Forgejo-Signature", ""),
    Scheme.SENTRY: ("Sentry-Hook-Signature", ""),
    Scheme.GRAFANA: ("X-Grafana-Alerting-Signature", ""),
}


def delivery(scheme: Scheme, body: bytes) -> dict[str, str]:
    if scheme is not Scheme.STANDARD:
        name, prefix = SIGNING[scheme]
        return {name: prefix + signed(body, b"whsec_YWxwaGE=")}
    stamp = str(int(NOW.timestamp()))
    mac = hmac.new(b"alpha", f"msg.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    return {"webhook-id": "msg", "webhook-timestamp": stamp, "webhook-signature": signature}


@given(st.sampled_from([*SIGNING, Scheme.STANDARD]), st.binary(max_size=200), st.data())
def test_any_changed_byte_is_seen(scheme, rest, data):
    body = b"{" + rest
    secrets = [Secret(name="un", value="whsec_YWxwaGE=")]
    headers = delivery(scheme, body)
    assert verify(scheme, headers, body, secrets, NOW)

    place = data.draw(st.integers(0, len(body) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda other: other != body[place]))
    changed = bytes([*body[:place], byte, *body[place + 1 :]])
    assert not verify(scheme, headers, changed, secrets, NOW)
    assert not verify(scheme, headers, body[:-1], secrets, NOW)
    assert not verify(scheme, headers, body + b"\n", secrets, NOW)

    name = data.draw(st.sampled_from(sorted(headers)))
    value = headers[name]
    place = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(codec="latin-1").filter(lambda other: other != value[place]))
    forged = headers | {name: value[:place] + letter + value[place + 1 :]}
    assert not verify(scheme, forged, body, secrets, NOW)


@given(st.sampled_from(Scheme), st.dictionaries(st.text(max_size=30), st.text()), st.binary(), st.text())
def test_nothing_that_comes_raises(scheme, headers, body, path):
    assert not verify(scheme, headers, body, [Secret(name="un", value="clé tirée au hasard")], NOW, path=path)
