"""Facts as the data files write them."""

from decimal import Decimal
from typing import Any

import msgspec

from tidebook.model.number import decimal_of, plain

VENUE_AND_RECEIPT = ("venue", "received_ns")


def plain_fact(fact: msgspec.Struct) -> dict[str, Any]:
    """Every field that is not None; numbers as text, and without venue and time of receipt."""
    written: dict[str, Any] = {"kind": type(fact).__name__}
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if value is None or name in VENUE_AND_RECEIPT:
            continue
        if name.startswith("exact_"):
            mantissa, scale = value
            assert type(mantissa) is int
            assert type(scale) is int
            written[name.removeprefix("exact_")] = plain(decimal_of(mantissa, scale))
        elif isinstance(value, Decimal):
            assert value.is_finite()
            written[name] = plain(value)
        else:
            assert isinstance(value, (str, int, bool)), f"{name} is a {type(value).__name__}"
            written[name] = value
    return written


def plain_result(result: object) -> Any:
    """What a call's `read` gives, as data."""
    if isinstance(result, list):
        return [plain_fact(one) for one in result]
    return plain_fact(result) if isinstance(result, msgspec.Struct) else result
