"""What Coincheck's answers refuse: coincheck.com/documents/exchange/api. There are no codes, and texts may be Japanese.

What it says to a nonce that is not above the last one stands in no document; clients have reported it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from tidebook.core.channel import Answers
from tidebook.core.rest import refusals
from tidebook.errors import ClockRefused, NotPermitted, SignatureRefused, TidebookError
from tidebook.model.wire import decode


class Said(msgspec.Struct):
    """Public answers have no word for success."""

    success: bool = True
    error: str = ""


_SAID: Final = msgspec.json.Decoder(Said)
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "Nonce must be incremented": ClockRefused,
    "disabled API Key": NotPermitted,
    "invalid authentication": SignatureRefused,
}


def _no(body: bytes) -> tuple[str, str] | None:
    """Known beginnings of texts are the codes."""
    said = decode(_SAID, body)
    if said.success:
        return None
    return next((code for code in _KINDS if said.error.startswith(code)), ""), said.error


ANSWERS: Final = Answers(refusals(_no, _KINDS))
