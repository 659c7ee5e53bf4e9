"""HTX spot from the server's side: orders and accounts over HTTP. Facts: huobiapi/docs v1_en (2021-06), notices."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from tidebook.core.dialect import Facts, Refusal, Said, Values
from tidebook.core.private import Account, Call, Denial, Distrust, Filled, Ordered, Placing, Terms, Tif, Words
from tidebook.model.wire import MS

TERMS: Final = Terms(maker=2_000, taker=2_000, most_open=500)

DENIALS: Final[Mapping[Denial, tuple[str, str]]] = {
    "balance": ("account-frozen-balance-insufficient-error", "trade account balance is not enough"),
    "duplicate": ("order-client-order-id-repeated", "Repeated client order id"),
    "too_many": ("order-holding-limit-failed", "Too many open orders"),
    "price": ("order-orderprice-precision-error", "order price precision error"),
    "tick": ("order-orderprice-precision-error", "order price precision error"),
    "size": ("order-limitorder-amount-min-error", "limit order amount error, min"),
    "step": ("order-orderamount-precision-error", "order amount precision error"),
    "min_notional": ("order-value-min-error", "Order total cannot be lower than the minimum"),
    "would_take": ("order-orderstate-error", "Incorrect order state"),
    "reduce_only": ("invalid-parameter", "invalid reduce-only"),
    "unknown": ("base-record-invalid", "record invalid"),
    "done": ("order-orderstate-error", "Incorrect order state"),
    "kind": ("base-symbol-trade-disabled", "Trading is disabled for this symbol"),
    "permission": ("api-not-support-temp-addr", "API key has no permission to trade"),
}

_TIME: Final = "Signature not valid: Invalid submission time or incorrect time format"
DISTRUSTS: Final[Mapping[Distrust, str]] = {
    "no_key": "Signature not valid: Incorrect Access key",
    "unknown_key": "Signature not valid: Incorrect Access key",
    "no_time": _TIME,
    "early": _TIME,
    "late": _TIME,
    "malformed": "Signature not valid: Incorrect signature method or version",
    "passphrase": "Signature not valid: Verification failure",
    "signature": "Signature not valid: Verification failure",
}


def refused(code: str, text: str) -> Said:
    """A refusal comes with HTTP 200."""
    return Said("private_error", {"err-code": code, "err-msg": text})


UNSURE: Final = refused("gateway-internal-error", "Please try again later")


def denied(why: Denial, words: Words) -> Said:
    return refused(*DENIALS[why])


def distrusted(why: Distrust) -> Said:
    return refused("api-signature-not-valid", DISTRUSTS[why])


# ---- words

_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KINDS: Final[Mapping[str, Tif]] = {"limit": "gtc", "ioc": "ioc", "limit-maker": "post_only", "limit-fok": "fok"}
_KIND_WORDS: Final[Mapping[Tif, str]] = {tif: word for word, tif in _KINDS.items()}


def bad(name: str) -> Refusal:
    return Refusal(refused("invalid-parameter", f"invalid {name}"))


def maybe(words: Words, name: str) -> str:
    found = words.get(name)
    return "" if found is None or isinstance(found, (dict, list)) else str(found)


def text(words: Words, name: str) -> str:
    found = maybe(words, name)
    if not found:
        raise bad(name)
    return found


def _number(words: Words, name: str) -> int:
    found = text(words, name)
    if not (found.isascii() and found.isdigit() and len(found) <= 18):
        raise bad(name)
    return int(found)


def placing(account: Account, words: Words) -> Placing:
    if text(words, "account-id") != str(account.number):
        raise Refusal(refused("account-get-accounts-inexistent-error", "account id is not existed"))
    side, _, kind = text(words, "type").partition("-")
    if side not in ("buy", "sell") or kind not in ("market", *_KINDS):
        raise bad("type")
    client, size, quote, price = maybe(words, "client-order-id"), text(words, "amount"), "", ""
    if client and _CLIENT.fullmatch(client) is None:
        raise bad("client-order-id")
    if kind != "market":
        price = text(words, "price")
    elif side == "buy":
        size, quote = "", size
    return Placing(
        text(words, "symbol"), "buy" if side == "buy" else "sell", size, price, quote, _KINDS.get(kind, "gtc"), client
    )  # fmt: skip


# ---- facts


def type_of(one: Ordered) -> str:
    return f"{one.side}-{'market' if one.at_market else _KIND_WORDS[one.tif]}"


def state_of(one: Ordered) -> str:
    part = bool(Decimal(one.filled))
    if one.state == "open":
        return "partial-filled" if part else "submitted"
    return "filled" if one.state == "filled" else "partial-canceled" if part else "canceled"


def _fee(one: Ordered) -> str:
    return next(iter(one.fees.values()), "0")


def _common(one: Ordered, account: int) -> dict[str, object]:
    return {
        "id": one.number, "symbol": one.rules.id, "account-id": account, "client-order-id": one.client_id,
        "amount": one.quote or one.size, "price": one.price or "0", "created-at": one.created_ns // MS,
        "type": type_of(one), "state": state_of(one),
    }  # fmt: skip


def open_of(one: Ordered, account: int) -> dict[str, object]:
    """In the list of open orders, where the names are right."""
    return {
        **_common(one, account), "filled-amount": one.filled, "filled-cash-amount": one.spent, "filled-fees": _fee(one),
    }  # fmt: skip


def order_of(one: Ordered, account: int) -> dict[str, object]:
    ended = 0 if one.state == "open" else one.updated_ns // MS
    return {
        **_common(one, account), "field-amount": one.filled, "field-cash-amount": one.spent, "field-fees": _fee(one),
        "finished-at": ended, "canceled-at": ended if one.state != "filled" else 0, "user-id": account,
    }  # fmt: skip


def _match_of(one: Filled, type_: str) -> dict[str, object]:
    return {
        "symbol": one.rules.id, "fee-currency": one.fee_currency.lower(), "order-id": one.order, "match-id": one.trade,
        "trade-id": one.trade, "price": one.price, "created-at": one.at_ns // MS,
        "role": "maker" if one.maker else "taker", "filled-amount": one.size, "filled-fees": one.fee, "type": type_,
        "id": one.trade,
    }  # fmt: skip


# ---- calls


def _place(account: Account, facts: Facts, words: Words) -> Said:
    return Said("done", {"data": str(account.place(placing(account, words)).number)})


def _cancel(account: Account, facts: Facts, words: Words) -> Said:
    return Said("done", {"data": str(account.cancel(_number(words, "id")).number)})


def _cancel_client(account: Account, facts: Facts, words: Words) -> Said:
    account.cancel(None, text(words, "client-order-id"))
    return Said("done_code", {"data": 0})


def _cancel_all(account: Account, facts: Facts, words: Words) -> Said:
    symbols: list[str | None] = [one for one in maybe(words, "symbol").split(",") if one]
    ended = [one for symbol in symbols or [None] for one in account.cancel_all(symbol)]
    return Said("cancelled", {"data.success-count": len(ended), "data.next-id": -1})


def _cancel_all_after(account: Account, facts: Facts, words: Words) -> Said:
    """Refused in the form of the API's second version."""
    wait = maybe(words, "timeout")
    if not (wait.isascii() and wait.isdigit() and (wait == "0" or 5 <= int(wait) <= 10**6)):
        raise Refusal(Said("private_code", {"code": 2003, "message": "missing mandatory field"}))
    at_ns = account.count_down(int(wait))
    return Said("countdown", {"data.currentTime": facts.now_ns // MS, "data.triggerTime": at_ns // MS})


def _order(account: Account, facts: Facts, words: Words) -> Said:
    one = account.order(_number(words, "id"))
    return Said("order", {f"data.{name}": value for name, value in order_of(one, account.number).items()})


def _client_order(account: Account, facts: Facts, words: Words) -> Said:
    one = account.order(None, text(words, "clientOrderId"))
    return Said("order", {f"data.{name}": value for name, value in order_of(one, account.number).items()})


def _most(words: Words, name: str = "size") -> int:
    return max(1, min(int(maybe(words, name) or "100") if (maybe(words, name) or "1").isdigit() else 100, 500))


def _open_orders(account: Account, facts: Facts, words: Words) -> Said:
    found = account.orders(maybe(words, "symbol") or None, only_open=True)
    side = maybe(words, "side")
    rows = [open_of(one, account.number) for one in reversed(found) if side in ("", one.side)]
    return Said("open_orders", {"data[]": rows[: _most(words)]})


def _orders(account: Account, facts: Facts, words: Words) -> Said:
    states = set(filter(None, maybe(words, "states").split(",")))
    found = [one for one in account.orders(text(words, "symbol")) if not states or state_of(one) in states]
    return Said("orders", {"data[]": [order_of(one, account.number) for one in reversed(found)][: _most(words)]})


def _matches(account: Account, found: Sequence[Filled], words: Words) -> Said:
    types = {one.number: type_of(one) for one in account.orders()}
    rows: list[Values] = [_match_of(one, types.get(one.order, f"{one.side}-limit")) for one in reversed(found)]
    return Said("matches", {"data[]": rows[: _most(words)]})


def _all_matches(account: Account, facts: Facts, words: Words) -> Said:
    return _matches(account, account.fills(maybe(words, "symbol") or None), words)


def _matches_of(account: Account, facts: Facts, words: Words) -> Said:
    number = account.order(_number(words, "id")).number
    return _matches(account, [one for one in account.fills() if one.order == number], words)


def _accounts(account: Account, facts: Facts, words: Words) -> Said:
    return Said("accounts", {"data.0.id": account.number})


def _balance(account: Account, facts: Facts, words: Words) -> Said:
    rows: list[Values] = []
    for one in account.balances():
        for kind, amount in (("trade", one.free), ("frozen", one.held)):
            rows.append({"currency": one.currency.lower(), "type": kind, "balance": amount})
    return Said("balance", {"data.id": account.number, "data.list[]": rows})


_ROOT: Final = "/v1/order/orders"

CALLS: Final = (
    Call(f"{_ROOT}/place", _place, "POST", "trade"),
    Call(f"{_ROOT}/submitCancelClientOrder", _cancel_client, "POST", "trade"),
    Call(f"{_ROOT}/batchCancelOpenOrders", _cancel_all, "POST", "trade"),
    Call(f"{_ROOT}/{{id}}/submitcancel", _cancel, "POST", "trade"),
    Call(f"{_ROOT}/getClientOrder", _client_order),
    Call(f"{_ROOT}/{{id}}/matchresults", _matches_of),
    Call(f"{_ROOT}/{{id}}", _order),
    Call(_ROOT, _orders),
    Call("/v2/algo-orders/cancel-all-after", _cancel_all_after, "POST", "trade"),
    Call("/v1/order/openOrders", _open_orders),
    Call("/v1/order/matchresults", _all_matches),
    Call("/v1/account/accounts", _accounts),
    Call("/v1/account/accounts/{id}/balance", _balance),
)
