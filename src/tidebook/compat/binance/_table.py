"""The endpoint methods, made from `endpoints.toml`, and the requests by message, from `messages.toml`."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

# Of each group of endpoints: the market, and where it is. The signer knows by host and path what is signed.
ROOTS: Final = {
    "api": ("spot", "/api"), "sapi": ("spot", "/sapi"), "fapi": ("usdm", "/fapi"), "dapi": ("coinm", "/dapi"),
    "eapi": ("options", "/eapi"), "fdata": ("usdm", "/futures/data"), "ddata": ("coinm", "/futures/data"),
    "papi": ("usdm", "/papi"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One endpoint: `GET spot /api/v3/depth`. `message` is what a message calls it, `signed` whether that is signed."""

    name: str
    verb: str
    market: str
    path: str
    message: str = ""
    signed: bool = False


@cache
def methods() -> tuple[Method, ...]:
    """All of them."""
    return tuple(_read())


def _read() -> Iterator[Method]:
    for group, verbs in _tables("endpoints.toml").items():
        market, root = ROOTS[group]
        for verb, named in verbs.items():
            for name, path in named.items():
                yield Method(name, verb.upper(), market, f"{root}/{path}")


@cache
def messages() -> tuple[Method, ...]:
    """All that is asked by message."""
    return tuple(
        Method(name, *_asked(market, said), kind == "signed")
        for market, kinds in _tables("messages.toml").items()
        for kind, named in kinds.items()
        for name, said in named.items()
    )


def _asked(market: str, said: str) -> tuple[str, str, str, str]:
    message, verb, path = said.split()
    return verb, market, path, message


def _tables(name: str) -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(files("tidebook.compat.binance").joinpath(name).read_text("utf-8"))
