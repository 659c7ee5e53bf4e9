"""The endpoint methods, made from `endpoints.toml`."""

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
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Method:
    """One endpoint: `GET spot /api/v3/depth`."""

    name: str
    verb: str
    market: str
    path: str


@cache
def methods() -> tuple[Method, ...]:
    """All of them."""
    return tuple(_read())


def _read() -> Iterator[Method]:
    groups = tomllib.loads(files("tidebook.compat.binance").joinpath("endpoints.toml").read_text("utf-8"))
    for group, verbs in groups.items():
        market, root = ROOTS[group]
        for verb, named in verbs.items():
            for name, path in named.items():
                yield Method(name, verb.upper(), market, f"{root}/{path}")
