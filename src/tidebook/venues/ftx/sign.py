"""How FTX's requests were signed: docs.ftx.com, "Authentication" (2022). Nothing is sent there: recordings hold it."""

from typing import Final

from tidebook.core.effects import Request
from tidebook.core.sign import Scheme, Stamp
from tidebook.core.sign.parts import compact, mac_hex, signed, target, text_of
from tidebook.model.credentials import Credentials, Secret


def _rest(request: Request, credentials: Credentials, stamp: Stamp) -> Request:
    where = target(request.url)
    prefix = "FTXUS" if where.host.endswith("ftx.us") else "FTX"
    text = f"{stamp.ms}{request.method}{where.line}{text_of(request)}"
    secrets = {
        f"{prefix}-KEY": credentials.key.reveal(),
        f"{prefix}-SIGN": mac_hex(credentials, text),
        f"{prefix}-TS": str(stamp.ms),
    }
    return signed(request, secrets)


def _login(url: str, credentials: Credentials, stamp: Stamp) -> Secret:
    del url
    sign = mac_hex(credentials, f"{stamp.ms}websocket_login")
    args = {"key": credentials.key.reveal(), "sign": sign, "time": stamp.ms}
    return Secret(compact({"op": "login", "args": args}))


SIGN: Final = Scheme("ftx", _rest, login=_login)
