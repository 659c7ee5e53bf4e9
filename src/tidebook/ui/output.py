"""Where pictures are drawn: standard output."""

from rich.console import Console


class Output(Console):
    """As rich has it; that nobody reads any more is said as `print` says it, by BrokenPipeError."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
