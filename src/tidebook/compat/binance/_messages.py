"""Requests by message: what signs one, and says it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from tidebook.client.place import VenueAt
from tidebook.compat.binance._table import Method
from tidebook.compat.binance.helpers import written
from tidebook.core.clock import Now
from tidebook.core.effects import Request, Seal
from tidebook.model.credentials import Secret

_AS_THEY_ARE: Final = (bool, int, list, tuple)


def sealed(one: VenueAt, method: Method, request: Request, params: Mapping[str, Any]) -> Seal | None:
    """What says a request by message, in the moment in which it is sent; None where it goes over HTTP alone.

    Raises NoCredentials where it is to be signed and there is no key.
    """
    socket = one.private.order_socket
    if socket is None:
        return None
    if not method.signed:
        plain = {name: value if isinstance(value, _AS_THEY_ARE) else written(value) for name, value in params.items()}

        def asks(id: str, at: Now) -> Secret:
            del at
            return Secret(msgspec.json.encode({"id": id, "method": method.message, "params": plain}).decode())

        return Seal(lambda request, *_: request, says=asks)
    scheme, credentials = one.private.check(request)

    def says(id: str, at: Now) -> Secret:
        return socket.say(method.message, request, id, scheme, credentials, one.clock.stamp(at))

    return replace(one.private.sealed(request), says=says)
