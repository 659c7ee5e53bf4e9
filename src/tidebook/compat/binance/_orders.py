"""Methods that are more than one endpoint, or say some of its parameters by their names."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tidebook.compat.binance._table import Method, messages, methods

_SPOT: Final = Method("create_order", "POST", "spot", "/api/v3/order")
_MARGIN: Final = Method("transfer_margin", "POST", "spot", "/sapi/v1/margin/transfer")
_ISOLATED: Final = Method("transfer_isolated", "POST", "spot", "/sapi/v1/margin/isolated/transfer")
_ALGO: Final = {
    "order": "algoOrder", "openOrders": "openAlgoOrders", "allOrders": "allAlgoOrders",
    "allOpenOrders": "algoOpenOrders",
}  # fmt: skip
_CONDITIONAL: Final = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")


_PLACE: Final = Method("", "POST", "usdm", "/fapi/v1/order", signed=True)


def _conditional(params: Mapping[str, Any]) -> dict[str, Any]:
    """What an order that waits for a price says since December 2025."""
    given = {**params, "algoType": "CONDITIONAL"}
    if "newClientOrderId" in given:
        given.setdefault("clientAlgoId", given.pop("newClientOrderId"))
    if "stopPrice" in given:
        given.setdefault("triggerPrice", given.pop("stopPrice"))
    return given


class Orders(ABC):
    """See the module. Parameters are the exchange's own, by keyword; what is raised is as for every method."""

    @abstractmethod
    async def request(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask an endpoint."""

    @abstractmethod
    async def say(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask it by message."""

    async def _named(self, name: str, params: Mapping[str, Any]) -> Any:
        return await self.request(next(one for one in methods() if one.name == name), params)

    # Spot ---------------------------------------------------------------------

    async def create_order(self, **params: Any) -> Any:
        """Place an order. Nothing is added to what is given."""
        return await self.request(_SPOT, params)

    async def order_limit(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803 - the exchange's word
        return await self.create_order(**{**params, "type": "LIMIT", "timeInForce": timeInForce})

    async def order_limit_buy(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803
        return await self.order_limit(timeInForce=timeInForce, **{**params, "side": "BUY"})

    async def order_limit_sell(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803
        return await self.order_limit(timeInForce=timeInForce, **{**params, "side": "SELL"})

    async def order_market(self, **params: Any) -> Any:
        return await self.create_order(**{**params, "type": "MARKET"})

    async def order_market_buy(self, **params: Any) -> Any:
        return await self.order_market(**{**params, "side": "BUY"})

    async def order_market_sell(self, **params: Any) -> Any:
        return await self.order_market(**{**params, "side": "SELL"})

    async def order_oco_buy(self, **params: Any) -> Any:
        return await self._named("create_oco_order", {**params, "side": "BUY"})

    async def order_oco_sell(self, **params: Any) -> Any:
        return await self._named("create_oco_order", {**params, "side": "SELL"})

    async def get_all_tickers(self, symbol: str | None = None) -> Any:
        """The last price of every symbol, or of one."""
        return await self._named("get_symbol_ticker", {"symbol": symbol})

    async def get_symbol_info(self, symbol: str) -> Any:
        """The rules of one symbol; None where there is none."""
        rules = await self._named("get_exchange_info", {})
        return next((one for one in rules["symbols"] if one["symbol"] == symbol.upper()), None)

    async def get_asset_balance(self, asset: str | None = None, **params: Any) -> Any:
        """What an account holds of an asset (None where there is none), or all of it."""
        balances = (await self._named("get_account", params))["balances"]
        if asset is None:
            return balances
        return next((one for one in balances if one["asset"].lower() == asset.lower()), None)

    async def withdraw(self, **params: Any) -> Any:
        return await self.request(Method("withdraw", "POST", "spot", "/sapi/v1/capital/withdraw/apply"), params)

    async def get_withdraw_history_id(self, withdraw_id: str, **params: Any) -> Any:
        """One withdrawal of the history. Raises LookupError where it is not there."""
        for one in await self._named("get_withdraw_history", params):
            if one["id"] == withdraw_id:
                return one
        raise LookupError(f"no withdrawal has the id {withdraw_id!r}")

    async def get_deposit_address(self, coin: str, network: str | None = None, **params: Any) -> Any:
        method = Method("get_deposit_address", "GET", "spot", "/sapi/v1/capital/deposit/address")
        return await self.request(method, {"coin": coin, "network": network, **params})

    async def get_trade_fee(self, **params: Any) -> Any:
        return await self.request(Method("get_trade_fee", "GET", "spot", "/sapi/v1/asset/tradeFee"), params)

    # Margin trading -----------------------------------------------------------

    async def transfer_spot_to_margin(self, **params: Any) -> Any:
        return await self.request(_MARGIN, {**params, "type": 1})

    async def transfer_margin_to_spot(self, **params: Any) -> Any:
        return await self.request(_MARGIN, {**params, "type": 2})

    async def transfer_spot_to_isolated_margin(self, **params: Any) -> Any:
        return await self.request(_ISOLATED, {**params, "transFrom": "SPOT", "transTo": "ISOLATED_MARGIN"})

    async def transfer_isolated_margin_to_spot(self, **params: Any) -> Any:
        return await self.request(_ISOLATED, {**params, "transFrom": "ISOLATED_MARGIN", "transTo": "SPOT"})

    # USD-M futures ------------------------------------------------------------

    async def _futures(self, verb: str, word: str, params: dict[str, Any]) -> Any:
        """Of the orders that wait for a price, where `conditional` or the names of their ids say so."""
        conditional = params.pop("conditional", False) or "algoId" in params or "clientAlgoId" in params
        path = f"/fapi/v1/{_ALGO[word] if conditional else word}"
        return await self.request(Method(word, verb, "usdm", path), params)

    async def futures_create_order(self, **params: Any) -> Any:
        """Place an order; one that waits for a price goes where these are placed since December 2025."""
        kind = str(params.get("type", "")).upper()
        if kind not in _CONDITIONAL:
            return await self._futures("POST", "order", params)
        method = Method("futures_create_order", "POST", "usdm", "/fapi/v1/algoOrder")
        return await self.request(method, _conditional(params))

    async def futures_get_order(self, **params: Any) -> Any:
        return await self._futures("GET", "order", params)

    async def futures_get_open_orders(self, **params: Any) -> Any:
        return await self._futures("GET", "openOrders", params)

    async def futures_get_all_orders(self, **params: Any) -> Any:
        return await self._futures("GET", "allOrders", params)

    async def futures_cancel_order(self, **params: Any) -> Any:
        return await self._futures("DELETE", "order", params)

    async def futures_cancel_all_open_orders(self, **params: Any) -> Any:
        return await self._futures("DELETE", "allOpenOrders", params)

    async def futures_limit_order(self, **params: Any) -> Any:
        return await self._futures("POST", "order", {**params, "type": "LIMIT"})

    async def futures_market_order(self, **params: Any) -> Any:
        return await self._futures("POST", "order", {**params, "type": "MARKET"})

    async def futures_limit_buy_order(self, **params: Any) -> Any:
        return await self.futures_limit_order(**{**params, "side": "BUY"})

    async def futures_limit_sell_order(self, **params: Any) -> Any:
        return await self.futures_limit_order(**{**params, "side": "SELL"})

    async def futures_market_buy_order(self, **params: Any) -> Any:
        return await self.futures_market_order(**{**params, "side": "BUY"})

    async def futures_market_sell_order(self, **params: Any) -> Any:
        return await self.futures_market_order(**{**params, "side": "SELL"})

    async def futures_change_multi_assets_mode(self, multiAssetsMargin: bool) -> Any:  # noqa: N803
        """Whether an asset secures what is settled in another one."""
        method = Method("", "POST", "usdm", "/fapi/v1/multiAssetsMargin")
        return await self.request(method, {"multiAssetsMargin": multiAssetsMargin})

    # By message ---------------------------------------------------------------

    async def _said(self, name: str, params: Mapping[str, Any]) -> Any:
        return await self.say(next(one for one in messages() if one.name == name), params)

    async def ws_order_limit(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803 - the exchange's word
        return await self._said("ws_create_order", {**params, "type": "LIMIT", "timeInForce": timeInForce})

    async def ws_order_limit_buy(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803
        return await self.ws_order_limit(timeInForce=timeInForce, **{**params, "side": "BUY"})

    async def ws_order_limit_sell(self, timeInForce: str = "GTC", **params: Any) -> Any:  # noqa: N803
        return await self.ws_order_limit(timeInForce=timeInForce, **{**params, "side": "SELL"})

    async def ws_order_market(self, **params: Any) -> Any:
        return await self._said("ws_create_order", {**params, "type": "MARKET"})

    async def ws_order_market_buy(self, **params: Any) -> Any:
        return await self.ws_order_market(**{**params, "side": "BUY"})

    async def ws_order_market_sell(self, **params: Any) -> Any:
        return await self.ws_order_market(**{**params, "side": "SELL"})

    async def ws_futures_create_order(self, **params: Any) -> Any:
        """See `futures_create_order`."""
        if str(params.get("type", "")).upper() in _CONDITIONAL:
            return await self._said("ws_futures_create_algo_order", _conditional(params))
        return await self.say(replace(_PLACE, message="order.place"), params)

    async def ws_futures_cancel_order(self, **params: Any) -> Any:
        """Of an order that waits for a price, where `conditional` or the name of its id says so."""
        if params.pop("conditional", False) or "algoId" in params or "clientAlgoId" in params:
            return await self._said("ws_futures_cancel_algo_order", params)
        return await self.say(replace(_PLACE, verb="DELETE", message="order.cancel"), params)
