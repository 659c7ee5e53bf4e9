"""Check our signatures against vectors: ``python -m tidebook.testing.signing VECTORS.json``.

The file is a list of vectors: what was signed with which key, when, and what a source made of it. Each is signed as its
source was set up, and what our signer adds is compared: URL, headers, body, the message to a socket. JSON is compared
by value, since libraries write it with other spaces; tokens by what they claim, and then verified; numbers of curves as
numbers. Vectors that are marked as known to be wrong are left out and counted.

Prints a line for each failure and a table by venue. The exit status is 0 where all passed, 1 where one failed, and 2
for a file that is none.
"""

import json
import sys
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

from tidebook.core.sign import Scheme, pem
from tidebook.core.sign.parts import mac
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials
from tidebook.testing.vectors import VENUES, Vector, scheme_of, unsigned

SHOWN: Final = 24
_HASHES: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
# What messages are counted by, and words that some sources add: nothing of them is signed.
_UNSIGNED: Final = frozenset({"id", "reqid", "jsonrpc"})


def check(vector: Vector) -> str | None:
    """What is wrong with our signature of it, or None. Raises KeyError for an unknown venue."""
    scheme = scheme_of(vector)
    try:
        found = _socket(vector, scheme) if vector.is_socket else _rest(vector, scheme)
        return next(found, None)
    except UsageError as error:
        return f"is refused: {error}"
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        return f"is not a vector of this kind: {type(error).__name__}"


# ---- over HTTP


def _rest(vector: Vector, scheme: Scheme) -> Iterator[str]:
    before = unsigned(vector)
    after = scheme.sign(before, vector.credentials, vector.stamp)
    url = after.url + ("" if after.signed is None else after.signed.reveal())
    yield from _urls(url, vector.url)
    yield from _bodies(after.body.decode(), vector.body)
    own = {**{name: value for name, value in after.headers.items() if name not in before.headers}}
    own.pop("Content-Type", None)
    own |= {name: value.reveal() for name, value in after.secrets.items()}
    yield from _headers(own, vector)


def _headers(own: Mapping[str, str], vector: Vector) -> Iterator[str]:
    for name, value in own.items():
        theirs = vector.header(name)
        if theirs is None:
            yield f"header {name}: the source sends none"
        elif not _same(value, theirs, vector.credentials):
            yield f"header {name}: {_difference(value, theirs)}"
    ours = {name.lower() for name in own}
    # What holds the key or the signature is the signer's, so it has to be ours.
    held = [text for text in (vector.credentials.key.reveal(), vector.text("signature")) if len(text) > 3]
    for name, value in vector.headers.items():
        if name.lower() not in ours and any(text in value for text in held):
            yield f"header {name}: our signer sends none"


def _urls(ours: str, theirs: str) -> Iterator[str]:
    """The order of a query is free where the signature is the same."""
    if ours != theirs:
        (left, _, mine), (right, _, other) = ours.partition("?"), theirs.partition("?")
        if left != right or _pairs(mine) != _pairs(other):
            yield f"url: {_difference(ours, theirs)}"


def _pairs(query: str) -> list[tuple[str, ...]]:
    return sorted(tuple(map(unquote_plus, one.partition("=")[::2])) for one in query.split("&"))


def _bodies(ours: str, theirs: str) -> Iterator[str]:
    if ours == theirs:
        return
    mine, other = _json(ours), _json(theirs)
    if mine is None or other is None or _plain(mine) != _plain(other):
        yield f"body: {_difference(ours, theirs)}"


# ---- over a socket


def _socket(vector: Vector, scheme: Scheme) -> Iterator[str]:
    credentials, stamp = vector.credentials, vector.stamp
    said = vector.message
    if said is None:
        if scheme.handshake is None:
            yield "a handshake that is signed is not known here"
        else:
            own = scheme.handshake(vector.url, credentials, stamp)
            yield from _headers({name: value.reveal() for name, value in own.items()}, vector)
        return
    ours = _asked(vector, said, scheme)
    if ours is None:
        yield "a message that is signed is not known here"
    else:
        yield from _messages("message", ours, said, vector.credentials)
        signature = vector.text("signature")
        if (
            len(signature) > 3
            and not vector.claims
            and signature in json.dumps(said)
            and signature not in json.dumps(ours)
        ):
            yield "message: our signer says no signature"


def _asked(vector: Vector, said: Mapping[str, Any], scheme: Scheme) -> Any:
    """The same message, signed by us."""
    credentials, stamp = vector.credentials, vector.stamp

    def signed(message: Mapping[str, Any]) -> Mapping[str, Any]:
        assert scheme.request is not None
        return scheme.request(message, credentials, stamp)

    match vector.venue:
        case "binance":
            params = _without(said["params"], "apiKey", "signature")
            if params.get("timestamp") == stamp.ms:
                params = _without(params, "timestamp")
            return {**said, "params": signed(params)}
        case "hyperliquid":
            payload = said["request"]["payload"]
            return {**said, "request": {**said["request"], "payload": signed(_without(payload, "signature"))}}
        case "coinbase":
            return signed(_without(said, "jwt"))
        case "gate":
            payload = said.get("payload")
            if said.get("event") == "api" and isinstance(payload, dict):
                left = {**said, "payload": _without(payload, "timestamp", "api_key", "signature")}
            else:
                left = _without(said, "auth")
            return signed(_without(left, "time") if left.get("time") == stamp.seconds else left)
        case "bybit" if "header" in said:
            return signed(_without(said, "header"))
        case _:
            if scheme.login is None:
                return None
            return json.loads(scheme.login(vector.url, credentials, stamp).reveal())


def _without(message: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in names}


def _messages(where: str, ours: Any, theirs: Any, credentials: Credentials) -> Iterator[str]:
    """All that ours says is in theirs: by value, a number also where the other writes it as text."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        named = {_word(name): value for name, value in theirs.items()}
        for name, value in ours.items():
            if _word(name) in _UNSIGNED:
                continue
            if _word(name) not in named:
                yield f"{where}.{name}: the source says none"
            else:
                yield from _messages(f"{where}.{name}", value, named[_word(name)], credentials)
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) == 1 and isinstance(ours[0], dict) and theirs and not isinstance(theirs[0], dict):
            ours = list(ours[0].values())  # the same, without names
        for number, (one, other) in enumerate(zip_longest(ours, theirs)):
            yield from _messages(f"{where}[{number}]", one, other, credentials)
    elif _text(ours) != _text(theirs) and not _same(_text(ours), _text(theirs), credentials):
        yield f"{where}: {_difference(_text(ours), _text(theirs))}"


def _word(name: str) -> str:
    return name.lower().replace("_", "")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(int(value, 16)) if value.startswith("0x") and 60 < len(value) <= 66 else value
    return json.dumps(value)


def _plain(value: Any) -> Any:
    """JSON, with long numbers in hexadecimal digits as numbers."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return _text(value) if isinstance(value, str) else value


# ---- tokens


def _same(ours: str, theirs: str, credentials: Credentials) -> bool:
    if ours == theirs:
        return True
    kind, _, parts = ours.partition(" ")
    if kind == "deri-hmac-sha256":
        return theirs.startswith(f"{kind} ") and sorted(parts.split(",")) == sorted(theirs[len(kind) + 1 :].split(","))
    mine, other = _token(ours), _token(theirs)
    if mine is None or other is None or ours.startswith("Bearer ") != theirs.startswith("Bearer "):
        return False
    return mine[:2] == other[:2] and all(_verified(one.removeprefix("Bearer "), credentials) for one in (ours, theirs))


def _token(text: str) -> tuple[Any, Any] | None:
    """Header and claims of a token."""
    parts = text.removeprefix("Bearer ").split(".")
    if len(parts) != 3:
        return None
    header, claims = (_json(_decoded(part)) for part in parts[:2])
    return None if header is None or claims is None else (header, claims)


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""


def _verified(token: str, credentials: Credentials) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    text, _, last = token.rpartition(".")
    signature = _decoded(last)
    algorithm = (_json(_decoded(text.partition(".")[0])) or {}).get("alg")
    if algorithm in _HASHES:
        return mac(credentials.secret.reveal(), text, _HASHES[algorithm]) == signature  # type: ignore[arg-type]
    key = pem.key_of(credentials) if pem.is_pem(credentials) else pem.seed_key(credentials)
    assert not isinstance(key, rsa.RSAPrivateKey)
    try:
        if isinstance(key, ec.EllipticCurvePrivateKey):
            numbers = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            key.public_key().verify(encode_dss_signature(*numbers), text.encode(), ec.ECDSA(SHA256()))
        else:
            key.public_key().verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _difference(ours: str, theirs: str) -> str:
    """Where two texts part, and how they go on."""
    left, right = ours.encode(), theirs.encode()
    pairs = enumerate(zip_longest(left, right))
    at = next((number for number, (one, other) in pairs if one != other), len(left))
    mine, other = (text[at : at + SHOWN].decode("utf-8", "replace") for text in (left, right))
    return f"byte {at} differs: ours {mine!r}, expected {other!r}"


# ---- the command


def read(path: Path) -> list[Vector]:
    """The vectors of a file. Raises UsageError where it is no such file, or names a venue without a scheme."""
    said, data = "", None
    try:
        if path.exists() and not path.is_file():  # of a pipe the end would be waited for
            said = "it is no file"
        else:
            data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        said = error.strerror or type(error).__name__
    except RecursionError:
        said = "it is too deep"
    except ValueError:
        said = "it is no JSON"
    if said:
        raise UsageError(f"{path} cannot be read: {said}")
    listed = data.get("vectors") if isinstance(data, dict) else data
    if listed == []:
        raise UsageError(f"{path} has no vectors")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise UsageError(f"{path} is no list of vectors")
    vectors = [Vector(one) for one in listed]
    unknown = sorted({vector.venue for vector in vectors} - VENUES)
    if unknown:
        raise UsageError(f"{path} has vectors of {', '.join(map(repr, unknown))}, and no venue of that name signs here")
    return vectors


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a file and print what came of it."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1 or given[0].startswith("-"):
        print("usage: python -m tidebook.testing.signing VECTORS.json", file=sys.stderr)
        return 2
    try:
        vectors = read(Path(given[0]))
    except UsageError as error:
        print(f"signing: {error}", file=sys.stderr)
        return 2
    counts: dict[str, Counter[str]] = {}
    for vector in vectors:
        count = counts.setdefault(vector.venue, Counter())
        if vector.text("status") == "known_bad":
            count["skipped"] += 1
            continue
        wrong = check(vector)
        count["passed" if wrong is None else "failed"] += 1
        if wrong is not None:
            print(f"FAILED {vector.id}: {wrong}")
    for name, count in sorted(counts.items()):
        print(_line(name, count))
    total = sum(counts.values(), Counter[str]())
    print(_line("all", total))
    return 1 if total["failed"] else 0


def _line(name: str, count: Counter[str]) -> str:
    return f"{name:12} {count['passed']:4} passed  {count['failed']:4} failed  {count['skipped']:4} skipped (known bad)"


if __name__ == "__main__":
    sys.exit(main())
