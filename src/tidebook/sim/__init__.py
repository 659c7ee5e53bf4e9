"""The embedded exchange: `serve` puts it on a loopback socket."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidebook.sim.server import Fault, serve

_OF_SERVER = ("Fault", "serve")


def __getattr__(name: str) -> Any:
    if name in _OF_SERVER:
        from tidebook.sim import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Fault", "serve"]
