"""Recordings of OKX: its declaration ships with the package and is declared there alone."""

from types import ModuleType

from tidebook.venue import Venue
from tidebook.venues import okx

VENUES: tuple[Venue, ...] = ()
SETS = {"OKX": "okx:checksum", "OKX_SEQ": "okx"}
ELSEWHERE: dict[str, ModuleType] = {"okx:checksum": okx, "okx": okx}
