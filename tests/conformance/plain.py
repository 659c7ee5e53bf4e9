"""Facts as the data files write them."""

from decimal import Decimal
from typing import Any

import msgspec

from tidebook.core.rest import Odd
from tidebook.model.facts import Funding
from tidebook.model.number import decimal_of, plain

VENUE_AND_RECEIPT = ("venue", "received_ns")


def plain_fact(fact: msgspec.Struct) -> dict[str, Any]:
    """Every field that is not None; numbers as text, and without venue and time of receipt.

    Of an instrument that is settled in nothing apart (spot) nothing is said of its settlement, of what is of the only
    position of its symbol nothing of its leg and margin.
    """
    written: dict[str, Any] = {"kind": type(fact).__name__}
    durations = ("interval",) if isinstance(fact, Funding) else ()  # in seconds; nothing else is a float
    for name in fact.__struct_fields__:
        value = getattr(fact, name)
        if (
            value is None
            or name in VENUE_AND_RECEIPT
            or (name, value) in (("settle", ""), ("leg", "net"), ("margin", ""))
        ):
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
            assert isinstance(value, float if name in durations else (str, int, bool)), f"{name}: {value!r}"
            written[name] = value
    return written


def strictly(result: object) -> object:
    """What was read. Raises what is wrong with a row that was passed over, and only counted."""
    for one in result if isinstance(result, list) else ():
        if isinstance(one, Odd):
            raise one.error
    return result


def plain_result(result: object) -> Any:
    """What a call's `read` gives, as data."""
    if isinstance(result, list):
        return [plain_fact(one) for one in result if not isinstance(one, Odd)]
    return plain_fact(result) if isinstance(result, msgspec.Struct) else result
