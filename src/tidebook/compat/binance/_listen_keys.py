"""The tokens of user streams, for programs that keep them alive by themselves: texts, where an endpoint says more."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from tidebook.compat.binance._table import Method

# Where the token of an account is asked for (POST), kept (PUT) and given back (DELETE): by the names' beginning.
_PLACES: Final = {
    "": ("spot", "/api/v3/userDataStream"),
    "margin_": ("spot", "/sapi/v1/userDataStream"),
    "isolated_margin_": ("spot", "/sapi/v1/userDataStream/isolated"),
    "futures_": ("usdm", "/fapi/v1/listenKey"),
    "futures_coin_": ("coinm", "/dapi/v1/listenKey"),
    "papi_": ("usdm", "/papi/v1/listenKey"),
}


class ListenKeys(ABC):
    """See the module. Each name begins with an account's: ``stream_…``, ``futures_stream_…``, ``margin_stream_…``.

    `…stream_get_listen_key()` gives the token, `…stream_keepalive(listenKey)` and `…stream_close(listenKey)` take it.
    Those of isolated margin have the symbol before it. They raise as every method.
    """

    @abstractmethod
    async def request(self, method: Method, params: Mapping[str, Any]) -> Any:
        """Ask an endpoint."""


def _of_symbol(beginning: str) -> bool:
    return beginning == "isolated_margin_"


def _got(beginning: str) -> Callable[..., Any]:
    asked = Method(f"{beginning}stream_get_listen_key", "POST", *_PLACES[beginning])

    async def all_of_it(self: ListenKeys) -> str:
        return str((await self.request(asked, {}))["listenKey"])

    async def of_symbol(self: ListenKeys, symbol: str) -> str:
        return str((await self.request(asked, {"symbol": symbol}))["listenKey"])

    return of_symbol if _of_symbol(beginning) else all_of_it


def _given(beginning: str, verb: str) -> Callable[..., Any]:
    asked = Method(f"{beginning}stream", verb, *_PLACES[beginning])

    async def all_of_it(self: ListenKeys, listenKey: str) -> Any:  # noqa: N803 - the exchange's word
        return await self.request(asked, {"listenKey": listenKey})

    async def of_symbol(self: ListenKeys, symbol: str, listenKey: str) -> Any:  # noqa: N803
        return await self.request(asked, {"symbol": symbol, "listenKey": listenKey})

    return of_symbol if _of_symbol(beginning) else all_of_it


for _beginning in _PLACES:
    for _name, _made in (
        ("get_listen_key", _got(_beginning)),
        ("keepalive", _given(_beginning, "PUT")),
        ("close", _given(_beginning, "DELETE")),
    ):
        _made.__name__ = f"{_beginning}stream_{_name}"
        _made.__qualname__ = f"ListenKeys.{_made.__name__}"
        setattr(ListenKeys, _made.__name__, _made)
