"""How Coincheck's requests are signed: coincheck.com/documents/exchange/api, "Authentication", "Private WebSocket"."""

from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, text_of
from tidebook.model.credentials import Credentials, Secret
from tidebook.venue import known_public

OPEN: Final = known_public(
    "/api/ticker", "/api/trades", "/api/order_books", "/api/exchange/orders/rate", "/api/rate/", "/api/exchange_status"
)


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    """The whole URL and the body, in whatever form."""
    text = f"{stamp.nonce}{request.url.partition('#')[0]}{text_of(request)}"
    secrets = {
        "ACCESS-KEY": credentials.key.reveal(),
        "ACCESS-NONCE": str(stamp.nonce),
        "ACCESS-SIGNATURE": mac_hex(credentials, text),
    }
    return signed(request, secrets)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    """What is signed is the stream's documented address, also where it is reached without the path."""
    del url
    signature = mac_hex(credentials, f"{stamp.nonce}wss://stream.coincheck.com/private")
    said = {"type": "login", "access_key": credentials.key.reveal(), "access_nonce": str(stamp.nonce)}
    return Secret(compact({**said, "access_signature": signature}))


SIGN: Final = Scheme("coincheck", _rest, login=_login, body="form", wants_nonce=True)
