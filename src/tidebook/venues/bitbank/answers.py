"""What bitbank's answers refuse: bitbank-api-docs, errors.md (2025-12-25). Codes without texts."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tidebook.core.channel import Answers
from tidebook.core.rest import refusals
from tidebook.errors import ClockRefused, Maintenance, TidebookError
from tidebook.model.wire import Code, decode


class Refused(msgspec.Struct):
    code: Code | None = None


class Said(msgspec.Struct):
    """`success` is 1 or 0; of a good answer `data` is anything."""

    success: Code
    data: msgspec.Raw = msgspec.Raw(b"{}")


_SAID: Final = msgspec.json.Decoder(Said)
_REFUSED: Final = msgspec.json.Decoder(Refused)
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "10007": Maintenance,
    **{str(code): ClockRefused for code in range(20033, 20040)},  # the request's time, its window, its nonce
}


def _no(body: bytes) -> tuple[str, str] | None:
    said = decode(_SAID, body)
    if said.success:
        return None
    code = decode(_REFUSED, bytes(said.data)).code
    return ("" if code is None else str(code)), ""


ANSWERS: Final = Answers(refusals(_no, _KINDS))
