"""The command line."""

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. Ctrl-C ends it with 130 from the first import on."""
    try:
        from tidebook.cli.command import run

        return run(argv)
    except KeyboardInterrupt:
        return 130


__all__ = ["main"]
