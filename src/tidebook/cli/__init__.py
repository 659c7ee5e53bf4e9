"""The command line."""

from tidebook.cli.main import main

__all__ = ["main"]
