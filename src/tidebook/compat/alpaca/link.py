"""How the clients reach Alpaca: where, with which key, and whose environment that key is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from tidebook.client.market import Market, connect
from tidebook.errors import NotPermitted
from tidebook.io.place import loopback


@dataclass(frozen=True, slots=True, repr=False)
class Link:
    """A key, or none; and `at`, where everything is sent instead of to Alpaca: a simulator on this machine."""

    keys: tuple[str, str] | None
    at: str | None

    async def open(self) -> Market:
        """The market, connected. Keys of live trading and of paper are both good for data: where one environment does
        not know a key, the other one is asked.

        Raises NotPermitted where neither does, and as `connect`.
        """
        if self.keys is None:
            return await connect("alpaca", at=self.at)
        try:
            return await connect("alpaca", at=self.at, keys={"alpaca": self.keys})
        except NotPermitted:
            return await connect("alpaca:paper", at=self.at, keys={"alpaca:paper": self.keys})


def link_of(api_key: str | None, secret_key: str | None, url_override: str | None) -> Link:
    """Raises ValueError for half of a key, and for an address that is not on this machine."""
    if bool(api_key) is not bool(secret_key):
        raise ValueError("api_key and secret_key belong together: give both, or none")
    keys = (api_key, secret_key) if api_key and secret_key else None
    if url_override is None:
        return Link(keys, None)
    parts = urlsplit(url_override if "://" in url_override else f"//{url_override}")
    try:
        loopback(parts.netloc)
    except Exception as error:
        raise ValueError(f"url_override={url_override!r}: a simulator or replay on this machine: {error}") from None
    return Link(keys, parts.netloc)
