"""What Kraken's answers refuse: docs.kraken.com/api, "Spot REST, Error Details". Always with HTTP 200, in words."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tidebook.core.channel import Answers
from tidebook.core.rest import refusals
from tidebook.errors import ClockRefused, NotPermitted, SignatureRefused, TidebookError
from tidebook.model.wire import decode


class Said(msgspec.Struct):
    """Errors begin with E, warnings with W; these refuse nothing."""

    error: tuple[str, ...] = ()


_SAID: Final = msgspec.json.Decoder(Said)
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "EAPI:Invalid key": NotPermitted,
    "EAPI:Invalid nonce": ClockRefused,
    "EAPI:Invalid signature": SignatureRefused,
    "EGeneral:Permission denied": NotPermitted,
}


def _no(body: bytes) -> tuple[str, str] | None:
    first = next((one for one in decode(_SAID, body).error if one.startswith("E")), None)
    return None if first is None else (first, first)


ANSWERS: Final = Answers(refusals(_no, _KINDS))
