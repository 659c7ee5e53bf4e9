"""`sim.verify` against signatures that others made: what official documents and other libraries sign is believed."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tidebook.core.private import Distrusted
from tidebook.io.serve import Asked
from tidebook.sim import verify
from tidebook.sim.verify import Secrets

NOW_NS = 1_700_000_000_250 * 1_000_000
SHARED = Path(os.environ.get("TIDEBOOK_SHARED", Path(__file__).parents[4] / "shared"))
VECTORS = SHARED / "vectors" / "signing.json"
SCHEMES = ("binance", "bybit", "okx", "htx", "alpaca")
PARTS = ("key", "time", "window")


def vectors() -> list[dict[str, Any]]:
    if not VECTORS.is_file():
        return []
    found = json.loads(VECTORS.read_text())
    rows = found["vectors"] if isinstance(found, dict) else found
    return [row for row in rows if row["venue"] in SCHEMES and row.get("verified")]


def asked_of(row: Mapping[str, Any]) -> Asked:
    wanted = row["expected"]
    url = urlsplit(wanted["url"])
    headers = {name.lower(): value for name, value in wanted["headers"].items()}
    return Asked(row["method"], url.netloc, url.path, url.query, headers, (wanted["body"] or "").encode())


def keys_of(row: Mapping[str, Any]) -> dict[str, Secrets]:
    given = row["credentials"]
    secret = given.get("secret") or given.get("privateKeyPem") or ""
    if secret.startswith("-----BEGIN"):
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

        public = load_pem_private_key(secret.encode(), None).public_key()
        secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {given["apiKey"]: Secrets(secret, given.get("passphrase") or "")}


REST = [row for row in vectors() if row["kind"].startswith("rest")]
SOCKETS = [row for row in vectors() if row["kind"] == "ws_auth" and (row["expected"] or {}).get("ws_message")]


def turned(signature: str) -> str:
    """One character of it another one of its alphabet."""
    return signature[:5] + ("0" if signature[5] != "0" else "1") + signature[6:]


@pytest.mark.skipif(not REST, reason="the vectors are not here")
@pytest.mark.parametrize("row", REST, ids=lambda row: row["id"])
def test_what_others_sign_is_believed_and_one_byte_less_is_not(row: dict[str, Any]) -> None:
    asked, keys = asked_of(row), keys_of(row)
    check = verify.REQUESTS[row["venue"]]
    assert check(asked, keys, NOW_NS) == row["credentials"]["apiKey"]
    if row["venue"] == "alpaca":
        spoilt = replace(asked, headers={**asked.headers, "apca-api-secret-key": "another"})
    elif row["venue"] in ("bybit", "okx"):
        name = "x-bapi-sign" if row["venue"] == "bybit" else "ok-access-sign"
        spoilt = replace(asked, headers={**asked.headers, name: turned(asked.headers[name])})
    else:
        word = "signature=" if row["venue"] == "binance" else "Signature="
        spoilt = replace(
            asked, query=_turned_in(asked.query, word), body=_turned_in(asked.body.decode(), word).encode()
        )
    with pytest.raises(Distrusted, match="signature"):
        check(spoilt, keys, NOW_NS)


def _turned_in(text: str, word: str) -> str:
    head, found, tail = text.partition(word)
    signature, more, rest = tail.partition("&")
    return head + found + (turned(signature) if found else signature) + more + rest


@pytest.mark.skipif(not SOCKETS, reason="the vectors are not here")
@pytest.mark.parametrize("row", SOCKETS, ids=lambda row: row["id"])
def test_logins_of_others_are_believed(row: dict[str, Any]) -> None:
    said = row["expected"]["ws_message"]
    said = json.loads(said) if isinstance(said, str) else said
    url = urlsplit(row.get("url") or "")
    keys, at_ns = keys_of(row), NOW_NS if row.get("timestamp_ms") else 0
    at_ns = (row.get("timestamp_ms") or 0) * 1_000_000 or at_ns
    found = verify.message(row["venue"], said, keys, at_ns, url.netloc, url.path)
    assert found == row["credentials"]["apiKey"]
    other = {name: one._replace(secret=one.secret + "x") for name, one in keys.items()}
    if not next(iter(keys.values())).secret.startswith("-----"):
        with pytest.raises(Distrusted, match="signature"):
            verify.message(row["venue"], said, other, at_ns, url.netloc, url.path)


# The example of rest-api.md, Binance: its secret, its text, its signature.
BINANCE = {"key": Secrets("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")}
TEXT = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
SIGNED = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
AT_NS = 1_499_827_319_559 * 1_000_000


def binance(query: str, body: str = "") -> Asked:
    return Asked("POST", "api.binance.com", "/api/v3/order", query, {"x-mbx-apikey": "key"}, body.encode())


def test_the_documents_example_wherever_its_parts_are() -> None:
    assert verify.binance(binance(f"{TEXT}&signature={SIGNED}"), BINANCE, AT_NS) == "key"
    assert verify.binance(binance("", f"{TEXT}&signature={SIGNED.upper()}"), BINANCE, AT_NS) == "key"
    assert verify.binance(binance(f"signature={SIGNED}&{TEXT}"), BINANCE, AT_NS) == "key"


@pytest.mark.parametrize(
    ("late_ms", "why"), [(5_001, "late"), (-1_000, "early"), (4_999, ""), (-999, "")]
)  # fmt: skip
def test_the_window_is_five_seconds_back_and_one_ahead(late_ms: int, why: str) -> None:
    asked = binance(f"{TEXT}&signature={SIGNED}")
    if not why:
        assert verify.binance(asked, BINANCE, AT_NS + late_ms * 1_000_000) == "key"
        return
    with pytest.raises(Distrusted, match=why):
        verify.binance(asked, BINANCE, AT_NS + late_ms * 1_000_000)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (replace(binance(TEXT), headers={}), "no_key"),
        (replace(binance(TEXT), headers={"x-mbx-apikey": "other"}), "unknown_key"),
        (binance("symbol=LTCBTC&signature=00"), "no_time"),
        (binance(TEXT.replace("5000", "60001") + f"&signature={SIGNED}"), "malformed"),
        (binance(TEXT), "malformed"),
        (binance(TEXT.replace("LTC", "ETH") + f"&signature={SIGNED}"), "signature"),
        (binance(f"{TEXT}&x=１&signature={SIGNED}"), "signature"),
    ],
)  # fmt: skip
def test_why_a_request_is_not_believed(asked: Asked, why: str) -> None:
    with pytest.raises(Distrusted, match=why):
        verify.binance(asked, BINANCE, AT_NS)


def test_what_the_exchange_knows_of_a_key_is_not_shown() -> None:
    assert "canary" not in f"{Secrets('canary-secret', 'canary-phrase')!r} {[Secrets('canary-secret')]}"
