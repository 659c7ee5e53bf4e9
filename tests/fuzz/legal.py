"""What venues may write and seldom do: legal frames on which a fast way of reading must say what the slow one says."""

import random
import re
from typing import Any

from tests.fuzz.traffic import Obj, Tree

NUMBER = re.compile(r'"?-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?"?')
EXTRA = ("0", "1", "null", "true", '""', "[]", "{}", '["1","2"]', '{"price":1}', "-1.5e3", '"\\u00e9"')
KEYS = ('"zz"', '""', '"pric"', '"price "', '"qtyy"', '"\\u0070"', '"B"', '"bid"', '"longer than any word of eight"')
WIDE = (
    "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "92233720368547758.07", "92233720368547758.08", "99999999999999999999", "0.0000000000000000001", "1e19", "12e-20",
    "123456789012345678.5", "1234567890123456789", "12345678901234567.891", "0.12345678901234567",
    "1234567.8901234567890",
)  # fmt: skip


def vary(tree: Tree, how: random.Random) -> Tree:
    """The frame with a few such things; the tree itself is changed too."""
    much = how.choice((0.03, 0.1, 0.4))
    return _varied(tree, how, much, False)


def _varied(tree: Tree, how: random.Random, much: float, in_list: bool) -> Tree:
    if isinstance(tree, Obj):
        is_row = in_list and not any(isinstance(member[1], list) for member in tree)
        for member in tree:
            member[1] = _varied(member[1], how, much, is_row)
        if how.random() < much:
            how.shuffle(tree)
        if how.random() < much:
            tree.insert(how.randrange(len(tree) + 1), [how.choice(KEYS), how.choice(EXTRA)])
        if tree and how.random() < much / 8:  # an error only where it is looked up
            tree.append([how.choice(tree)[0], how.choice(EXTRA)])
        return tree
    if isinstance(tree, list):
        is_row = bool(tree) and not any(isinstance(item, list) for item in tree)
        tree[:] = [_varied(item, how, much, True) for item in tree]
        if is_row and how.random() < much:
            tree.append(how.choice(EXTRA))
        elif not is_row and tree and how.random() < much / 4:
            return how.choice(("null", []))
        elif tree and not is_row and how.random() < much:
            again(tree, how)
        return tree
    if in_list and NUMBER.fullmatch(tree) and how.random() < much:
        quote = '"' if tree[0] == '"' else ""
        return quote + rewritten(tree.strip('"'), how, bool(quote)) + quote
    return tree


def again(rows: list[Any], how: random.Random) -> None:
    """A level that is removed and comes back, or is set twice, in one message."""
    row = how.choice(rows)
    if not isinstance(row, list) or isinstance(row, Obj) or len(row) < 2:
        return
    gone = [*row]
    at = how.randrange(1, len(gone))
    if isinstance(gone[at], str) and NUMBER.fullmatch(gone[at]):
        gone[at] = '"0"' if gone[at][0] == '"' else "0"
        place = how.randrange(len(rows) + 1)
        rows[place:place] = [gone, [*row]] if how.random() < 0.6 else [gone]


def rewritten(text: str, how: random.Random, quoted: bool) -> str:
    """The number in another way, or a rare one in its place."""
    sign, body = ("-", text[1:]) if text[0] == "-" else ("", text)
    plain = "e" not in body and "E" not in body
    match how.randrange(8):
        case 0 if quoted:
            return sign + "0" * how.choice((1, 2, 9, 18, 19, 30)) + body
        case 1 if plain:
            return text + ("" if "." in body else ".") + "0" * how.choice((1, 4, 8, 12, 17))
        case 2 if plain:
            return text + how.choice(("e0", "E+0", "e-0", "e1", "e-2", "e+03", "E-11"))
        case 3:
            return how.choice(("-0", "-0.0", "0e3", "0.00000000", "0"))
        case 4 if plain:  # a longer mantissa
            digits = sum(map(str.isdigit, body))
            more = "".join(how.choice("0123456789") for _ in range(max(0, how.choice((17, 18, 19, 20)) - digits)))
            return text + ("" if "." in body or not more else ".") + more
        case 5 if how.random() < 0.3:
            return how.choice(WIDE)
    return text + how.choice("0159") if plain and "." in body else text
