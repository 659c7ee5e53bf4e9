"""What the programs of the pages import, and what that imports when it is used first: for those that are forked."""

from importlib import import_module

PARTS = ("cli.bars", "client.account", "client.market", "sim.server", "threads", "venues")
READY = tuple(import_module(f"tidebook.{part}") for part in PARTS)
