"""What GMO Coin's answers refuse: api.coin.z.com/docs, "Error codes" (2026). Often with HTTP 200."""

from collections.abc import Mapping
from typing import Final

import msgspec

from tidebook.core.channel import Answers
from tidebook.core.rest import refusals
from tidebook.errors import ClockRefused, Maintenance, NotPermitted, SignatureRefused, TidebookError
from tidebook.model.wire import Code, decode


class Message(msgspec.Struct):
    message_code: str = ""
    message_string: str = ""


class Said(msgspec.Struct):
    """`status` is 0 where all is well, 5 in maintenance."""

    status: Code
    messages: tuple[Message, ...] = ()


_SAID: Final = msgspec.json.Decoder(Said)
_KINDS: Final[Mapping[str, type[TidebookError]]] = {
    "5": Maintenance,
    "ERR-5008": ClockRefused,  # late
    "ERR-5009": ClockRefused,  # early
    "ERR-5010": SignatureRefused,
    "ERR-5011": NotPermitted,
    "ERR-5012": NotPermitted,
    "ERR-5201": Maintenance,
    "ERR-5202": Maintenance,
}


def _no(body: bytes) -> tuple[str, str] | None:
    said = decode(_SAID, body)
    if said.status == 0:
        return None
    first = said.messages[0] if said.messages else Message(str(said.status))
    return first.message_code, first.message_string


ANSWERS: Final = Answers(refusals(_no, _KINDS))
