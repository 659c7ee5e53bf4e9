"""Recordings of exchanges that have closed: their declarations ship with the package and are declared there alone."""

from types import ModuleType

from tidebook.venue import Venue
from tidebook.venues.bitmex import recorded as bitmex
from tidebook.venues.ftx import recorded as ftx

VENUES: tuple[Venue, ...] = ()
SETS = {"BITMEX": "bitmex", "FTX@2021-07-22": "ftx"}
ELSEWHERE: dict[str, ModuleType] = {"bitmex": bitmex, "ftx": ftx}
