"""Read by a peer's interpreter before anything else: the venues' hosts are this machine, nothing else can be reached.

`TIDEBOOK_PEERS_HOSTS` are the names, `TIDEBOOK_PEERS_PORT` the port of the server that stands for them; with 0 there is
none, and any port of this machine may be reached: what is run has a server of its own. Names are resolved here; what
the peer connects to is checked by an audit hook, which sees every socket of this interpreter and cannot be taken out.
The peer itself is not touched.
"""

import os
import socket
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

HERE = "127.0.0.1"
HOSTS = frozenset(os.environ["TIDEBOOK_PEERS_HOSTS"].split())
PORT = int(os.environ["TIDEBOOK_PEERS_PORT"])
PORTS = ("443", "8443", "9443", "https")
# Loops and resolvers in C, which do not ask Python's; all of them are optional where they are used.
LEFT_OUT = ("aiodns", "pycares", "uvloop", "winloop")


def _text(name: Any) -> str:
    if isinstance(name, (bytes, bytearray)):
        name = bytes(name).decode("ascii", "replace")
    return str(name).rstrip(".").lower()


def _unknown(name: Any) -> socket.gaierror:
    return socket.gaierror(socket.EAI_NONAME, f"no venue of the simulator is called {_text(name)!r}")


def getaddrinfo(
    host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    """The server's address, for the venues' names and ports alone."""
    del proto, flags
    name = _text(host)
    if name not in (*HOSTS, HERE) or family not in (0, socket.AF_INET) or type not in (0, socket.SOCK_STREAM):
        raise _unknown(host)
    to = PORT if name in HOSTS and _text(port) in PORTS else int(port or 0)
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (HERE, to))]


def gethostbyname(host: Any) -> str:
    """127.0.0.1 for the venues' names."""
    if _text(host) not in (*HOSTS, HERE):
        raise _unknown(host)
    return HERE


def gethostbyname_ex(host: Any) -> tuple[str, list[str], list[str]]:
    """The same, in the longer form."""
    return _text(host), [], [gethostbyname(host)]


def no_names(*_: Any) -> Any:
    """No address has a name."""
    raise _unknown(HERE)


def _allowed(host: Any, port: Any) -> bool:
    return host == HERE and PORT in (0, port)


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse any address but the server's, and any question to the system's resolver."""
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        sock, address = arguments[:2]
        if sock.family != getattr(socket, "AF_UNIX", None) and address is not None and not _allowed(*address[:2]):
            raise PermissionError(f"only {HERE}:{PORT} may be reached, not {address}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"):
        raise _unknown(arguments[0])


class Without(MetaPathFinder):
    """Makes optional modules fail to import, as if they were not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname.partition(".")[0] in LEFT_OUT:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def install() -> None:
    """Do all of it. There is no way back."""
    replaced: dict[str, Any] = {
        "getaddrinfo": getaddrinfo,
        "gethostbyname": gethostbyname,
        "gethostbyname_ex": gethostbyname_ex,
        "gethostbyaddr": no_names,
        "getnameinfo": no_names,
    }
    for name, function in replaced.items():
        setattr(socket, name, function)
    sys.meta_path.insert(0, Without())
    sys.addaudithook(guard)


install()
