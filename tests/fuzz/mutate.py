"""What is done to valid frames: to their bytes, tokens, numbers, keys and structure."""

import random
from typing import Any

from tests.fuzz.traffic import Obj, Tree

NUMBERS = (
    "0", "-0", "0.0", "-1", "1e999", "1e-999", "1e38", "1e39", "1e-38", "1e-39", "0e38", "0e-39", "9" * 38,
    "1" + "0" * 38, "9" * 39, "1" * 400, "0." + "0" * 37 + "1", "0." + "0" * 38 + "1", "00012", "1E+5", "2.50e-3",
    "NaN", "Infinity", "-Infinity", "+1", "1_000", " 1", ".5", "5.", "01", "1e", "--1", "0x10", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "4294967295", "4294967296", "-2147483648",
    "-2147483649", "1.0", "1e3", "18446744073709551616", "73786976294838206465", "0.1", "1e20", "1e-18", "1e-20",
    "12.5", "1" + "0" * 19 + "." + "0" * 17 + "1",
    "92233720368547758.07", "-92233720368547758.08", "9223372036854775807e1", "-9223372036854775807",
)  # fmt: skip
TOKENS = (
    '""', '" "', "null", "true", "false", "[]", "{}", '"\\ud800"', '"\\u0000"', '"\\ud83d\\ude00"', '"é"', '"\\/"',
    '"beat"', '"snapshot"', '"update"', '"1"', '"X"', '"bid"', '"delete"', '"2026-02-29T00:00:00Z"',
    '"2024-02-29T23:59:59.999999999+00:00"', '"2262-01-01T00:00:00"', '"\\x"', '"a\tb"', "nul", "[[]]", "[{}]", "'x'",
)  # fmt: skip
BYTES = (
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x00", b"\xef\xbb\xbf", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"e",
    b"-", b".", b"0", b" ", b"\n", b"\\u12", b"\\ud800", b"9" * 40, b"[" * 40, b"null", b'""', b"1e",
    b"\xf0\x9f\x98\x80",
)  # fmt: skip


def nodes(tree: Tree) -> list[tuple[Any, int]]:
    """(container, place) of every value; for objects the place of the member."""
    found: list[tuple[Any, int]] = []
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            for at, item in enumerate(node):
                found.append((node, at))
                value = item[1] if isinstance(node, Obj) else item
                if isinstance(value, list):
                    stack.append(value)
    return found


def mutate_tree(tree: Tree, how: random.Random) -> Tree:
    """One or a few changes; the tree itself is changed too."""
    for _ in range(how.choice((1, 1, 1, 2, 4))):
        places = nodes(tree)
        if not places:
            return how.choice(TOKENS)
        node, at = how.choice(places)
        keyed = isinstance(node, Obj)
        value = node[at][1] if keyed else node[at]
        kind = how.randrange(13)
        if kind <= 3 and not isinstance(value, list):
            text = how.choice(NUMBERS)
            value = f'"{text}"' if value[:1] == '"' and how.random() < 0.9 else text
        elif kind == 4:
            value = how.choice(TOKENS)
        elif kind == 5:
            del node[at]
            continue
        elif kind == 6 and keyed:  # a key twice
            node.insert(how.randrange(len(node) + 1), [node[at][0], how.choice((value, "null", '"1"'))])
            continue
        elif kind == 7 and keyed:
            node[at][0] = how.choice((how.choice(node)[0], '""', '"\\u0062"', '"b"', '"a"', '"0"'))
            continue
        elif kind == 8:
            depth = how.choice((1, 1, 2, 27, 30, 31, 32, 33, 40))
            for _ in range(depth):
                value = [value] if how.random() < 0.5 else Obj([['"x"', value]])
        elif kind == 9:
            other, place = how.choice(places)
            value = other[place][1] if isinstance(other, Obj) else other[place]
            if isinstance(value, list):
                value = "null"  # no cycles
        elif kind == 10:
            how.shuffle(node)
            continue
        elif kind == 11 and not isinstance(value, list) and len(value) > 1:
            place = how.randrange(len(value))
            value = (
                value[:place]
                + how.choice(("", "0", "9", ".", "e", "-", "E5", '"', "\\", "\u0661", " "))
                + value[place + how.randrange(2) :]
            )
        elif kind == 12 and isinstance(value, list) and not keyed:
            node.insert(how.randrange(len(node) + 1), "null" if how.random() < 0.5 else how.choice(TOKENS))
            continue
        if keyed:
            node[at] = [node[at][0], value]
        else:
            node[at] = value
    return tree


def mutate_bytes(frame: bytes, how: random.Random, others: list[bytes]) -> bytes:
    for _ in range(how.choice((1, 1, 1, 2, 5))):
        size = len(frame)
        at = how.randrange(size + 1)
        to = min(size, at + how.choice((1, 1, 2, 5, 20)))
        match how.randrange(8):
            case 0:
                frame = frame[:at] + how.choice(BYTES) + frame[at:]
            case 1:
                frame = frame[:at] + frame[to:]
            case 2:
                frame = frame[:at]
            case 3 if at < size:
                frame = frame[:at] + bytes([frame[at] ^ (1 << how.randrange(8))]) + frame[at + 1 :]
            case 4:
                frame = frame[:at] + frame[at:to] + frame[at:]
            case 5 if others:
                other = how.choice(others)
                frame = frame[:at] + other[how.randrange(len(other) + 1) :]
            case 6 if at < size:
                frame = frame[:at] + bytes([how.choice(b'{}[]",:0123456789.eE-+tfn\\u \n')]) + frame[at + 1 :]
            case 7:
                frame += how.choice((b" ", b"\n\t", b"x", b"{}", b"0", b"\x00", b","))
    return frame
