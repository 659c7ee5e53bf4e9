"""HTX's swaps: what a recording says of contracts."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from tidebook.errors import TidebookError
from tidebook.venues.htx.swaps import rows


def listing(path: str, url: str, body: bytes, *, linear: bool) -> Mapping[str, str]:
    """Canonical symbols by id, from the list that stands at `path`."""
    if urlsplit(url).path != path:
        return {}
    try:
        return {one.id: one.name(linear=linear) for one in rows.CONTRACTS.decode(body).data}
    except (msgspec.MsgspecError, UnicodeDecodeError, TidebookError):
        return {}
