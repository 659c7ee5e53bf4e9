"""The pieces that schemes are made of, against what documents and other libraries say."""

import base64
import hmac
import json
import pickle
import subprocess
import sys
import traceback
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from tidebook.core.effects import Request
from tidebook.core.sign import Stamp, jwt, parts, pem, typed
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

RSA = rsa.generate_private_key(65537, 2048)
EDWARDS = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
CANARY = "CANARY-7f3a"


def text(
    key: "rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey",
    form: PrivateFormat = PrivateFormat.PKCS8,
    lock: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption()).decode()


def keyed(secret: str) -> Credentials:
    return Credentials.of("key", secret, source="the test")


# ------------------------------------------------------------------------------------------------ requests


@pytest.mark.parametrize(
    ("url", "host", "line"),
    [
        ("https://Venue.invalid/a/b?x=1&y=%2C", "venue.invalid", "/a/b?x=1&y=%2C"),
        ("https://venue.invalid:8443/a?", "venue.invalid:8443", "/a"),
        ("https://venue.invalid", "venue.invalid", "/"),
        ("https://venue.invalid?x=/1", "venue.invalid", "/?x=/1"),
        ("https://user@venue.invalid/a#b?c", "venue.invalid", "/a"),
        ("wss://venue.invalid/ws/v2?a?b", "venue.invalid", "/ws/v2?a?b"),
    ],
)
def test_a_url_in_pieces(url: str, host: str, line: str) -> None:
    assert (parts.target(url).host, parts.target(url).line) == (host, line)


@pytest.mark.parametrize(
    ("body", "given", "said"),
    [
        (b"{}", {}, "application/json"),
        (b" [1]", {}, "application/json"),
        (b"a=1", {}, "application/x-www-form-urlencoded"),
        (b"{}", {"content-type": "text/plain"}, None),
        (b"", {}, None),
    ],
)
def test_a_body_says_what_it_is(body: bytes, given: dict[str, str], said: str | None) -> None:
    request = parts.signed(Request("POST", "https://venue.invalid/", given, body), {"X": "y"})
    assert request.headers.get("Content-Type") == said
    assert request.secrets == {"X": Secret("y")}


def test_what_is_signed_is_shown_nowhere() -> None:
    request = Request(
        "POST", f"https://u:{CANARY}@venue.invalid/x?key={CANARY}", {"A": CANARY}, CANARY.encode(),
        {"X": Secret(CANARY)}, Secret(f"&signature={CANARY}"),
    )  # fmt: skip
    assert repr(request) == "<Request POST https://venue.invalid/x, ***>"
    assert CANARY not in f"{request}{[request]}"
    with pytest.raises(TypeError):
        pickle.dumps(request)
    assert repr(Request("GET", "https://venue.invalid/x")) == "<Request GET https://venue.invalid/x>"


def test_times_are_written_as_venues_do() -> None:
    at = Stamp(1_700_000_000_250_999_999, 7)
    assert (at.ms, at.seconds) == (1_700_000_000_250, 1_700_000_000)
    assert parts.iso_ms(at.wall_ns) == "2023-11-14T22:13:20.250Z"
    assert parts.iso_seconds(at.wall_ns) == "2023-11-14T22:13:20"


def test_what_is_drawn_is_a_uuid() -> None:
    assert Stamp(0, 0, bytes(16)).uuid == "00000000-0000-4000-8000-000000000000"
    assert Stamp(0, 0, b"\xff" * 16).uuid == "ffffffff-ffff-4fff-bfff-ffffffffffff"
    for draw in (b"", b"short", bytes(17)):
        with pytest.raises(UsageError, match="16 random bytes"):
            assert Stamp(0, 0, draw).uuid


# ------------------------------------------------------------------------------------------------ keys


@given(st.binary(max_size=100))
def test_keys_sign_what_their_public_halves_verify(data: bytes) -> None:
    RSA.public_key().verify(pem.sign(pem.key_of(keyed(text(RSA))), data), data, padding.PKCS1v15(), hashes.SHA256())
    EDWARDS.public_key().verify(pem.sign(pem.key_of(keyed(text(EDWARDS))), data), data)
    signature = pem.sign(pem.key_of(keyed(text(P256))), data)
    assert len(signature) == 64
    numbers = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    P256.public_key().verify(numbers, data, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        P256.public_key().verify(numbers, data + b"x", ec.ECDSA(hashes.SHA256()))


def test_a_key_in_one_line() -> None:
    """As variables of an environment hold it; also in the older form."""
    for whole in (text(P256, PrivateFormat.TraditionalOpenSSL), text(EDWARDS)):
        once = keyed(whole.replace("\n", "\\n"))
        assert pem.is_pem(once)
        assert pem.sign(pem.key_of(once), b"data") == pem.sign(pem.key_of(keyed(whole)), b"data")


def test_an_ed25519_key_in_base64() -> None:
    seed, public = EDWARDS.private_bytes_raw(), EDWARDS.public_key().public_bytes_raw()
    for data in (seed, seed + public):
        key = pem.seed_key(keyed(base64.b64encode(data).decode()))
        assert key.sign(b"data") == EDWARDS.sign(b"data")


@pytest.mark.parametrize(
    "bad",
    [
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
        text(P256)[:80] + CANARY,
        text(P256, lock=BestAvailableEncryption(b"word")),
        CANARY,
    ],
    ids=["no key", "cut off", "locked", "no PEM"],
)
def test_a_bad_key_is_refused_and_not_shown(bad: str) -> None:
    credentials = Credentials(Secret("key"), Secret(bad), source="the test")
    for load in (pem.key_of, pem.seed_key, parts.secret_bytes):
        with pytest.raises(UsageError) as refused:
            load(credentials)
        shown = "".join(traceback.format_exception(refused.value))
        assert CANARY not in shown
        assert bad not in shown
        assert refused.value.__context__ is None


def test_a_curve_that_no_venue_has_is_refused() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(UsageError, match="P-256"):
        pem.sign(pem.key_of(keyed(text(other))), b"")


def test_credentials_take_a_key_in_pem_and_no_other_text_with_spaces() -> None:
    assert keyed(text(RSA)).secret == Secret(text(RSA))
    for bad in ("two words", "-----BEGIN A-----\n", f"-----BEGIN A-----\n{'é'}\n-----END A-----"):
        with pytest.raises(UsageError):
            keyed(bad)
    with pytest.raises(UsageError):
        Credentials.of(text(RSA), "secret", source="the test")


# ------------------------------------------------------------------------------------------------ tokens


def test_a_token_is_what_rfc_7515_shows() -> None:
    """Appendix A.1 has spaces and line ends in its JSON; the HMAC is over the text, so the rest is checked by hand."""
    made = jwt.by_secret({"iss": "joe", "exp": 1300819380}, "secret", "HS512")
    header, claims, signature = made.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS512", "typ": "JWT"}
    assert json.loads(base64.urlsafe_b64decode(claims + "==")) == {"iss": "joe", "exp": 1300819380}
    expected = hmac.digest(b"secret", f"{header}.{claims}".encode(), "sha512")
    assert base64.urlsafe_b64decode(signature + "==") == expected
    assert "=" not in made


# ------------------------------------------------------------------------------------------------ typed data

MAIL: typed.Fields = (("from", "address"), ("contents", "string"), ("count", "uint64"), ("up", "bool"), ("by", "int64"))
WALLET = Credentials(Secret(""), Secret("0x" + "01" * 32), source="the test")


def test_keccak_is_not_sha3() -> None:
    assert typed.keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_the_domain_of_the_standard() -> None:
    """The domain of EIP-712's own example, and its separator."""
    domain = {
        "name": "Ether Mail", "version": "1", "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    }  # fmt: skip
    found = typed.struct_hash("EIP712Domain", typed.DOMAIN, domain)
    assert found.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "0x12"}, {"from": None}, {"from": "0x" + "zz" * 20}, {"contents": 7}, {"count": -1},
        {"count": 1 << 64},
        {"count": True}, {"up": 1}, {"by": 1 << 63}, {"by": "1"},
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"from": "0x" + "12" * 20, "contents": "x", "count": 7, "up": True, "by": -1}
    assert len(typed.struct_hash("Mail", MAIL, right)) == 32
    with pytest.raises(UsageError, match=next(iter(wrong))):
        typed.struct_hash("Mail", MAIL, {**right, **wrong})


@given(st.binary(min_size=32, max_size=32))
def test_a_signature_leads_back_to_the_key(hashed: bytes) -> None:
    from coincurve import PrivateKey, PublicKey

    r, s, v = typed.sign(WALLET, hashed)
    assert 2 * s < 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    data = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v - 27])
    found = PublicKey.from_signature_and_message(data, hashed, hasher=None)
    assert found == PrivateKey(b"\1" * 32).public_key


@pytest.mark.parametrize("bad", ["", CANARY, "0x12", "00" * 32, "zz" * 32])
def test_a_wallet_that_is_none_is_refused_and_not_shown(bad: str) -> None:
    with pytest.raises(UsageError) as refused:
        typed.sign(replace(WALLET, secret=Secret(bad)), bytes(32))
    assert refused.value.__context__ is None
    assert not bad or bad not in str(refused.value)


@pytest.mark.parametrize("absent", ["Crypto.Hash", "coincurve"])
def test_without_the_extra_it_is_said_what_to_install(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(UsageError, match="pip install coincurve pycryptodome"):
        typed.sign(WALLET, typed.keccak(b""))


def test_no_library_of_cryptography_is_imported_before_the_first_key() -> None:
    code = (
        "import sys; from tidebook.venues import every; every(); "
        "sys.exit(any(name in sys.modules for name in ('cryptography', 'coincurve', 'Crypto')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
