"""`tidebook shell`: Python with a market that is open, and `await` at the prompt."""

import argparse
import ast
import code
import sys
from inspect import iscoroutine
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from tidebook.errors import TidebookError

if TYPE_CHECKING:
    from tidebook.client.market import Market
    from tidebook.threads.loop import LoopThread

WAIT: Final = 10.0  # seconds for venues to answer


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    shell = commands.add_parser("shell", help="Python with `market` open, and `await` at the prompt")
    shell.add_argument("venues", nargs="+", metavar="VENUE", help="like binance, bybit:testnet")
    shell.add_argument("--read-only", action="store_true", help="refuse whatever could change something")
    shell.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from tidebook.threads.loop import LoopThread

    opened: list[Market] = []

    async def close() -> None:
        for one in opened:
            await one.close()

    thread = LoopThread("tidebook shell", close)
    thread.start()
    try:
        market = thread.call(_opened(arguments.venues, arguments.read_only))
        opened.append(market)
        console = Console(thread, market)
        if sys.stdin.isatty():
            _completed(console.locals)
            console.interact(f"tidebook and market are there: {market!r}\nawait works here. Ctrl-D ends it.", "")
            return 0
        console.run(sys.stdin.read())
        return console.status
    finally:
        thread.stop()


async def _opened(venues: list[str], read_only: bool) -> "Market":
    from tidebook.client.market import connect

    return await connect(*venues, timeout=WAIT, read_only=read_only)


def _completed(names: Any) -> None:
    """Tab completes names, where this Python can."""
    try:
        import readline
        from rlcompleter import Completer
    except ImportError:
        return
    readline.set_completer(Completer(names).complete)
    readline.parse_and_bind("tab: complete")


class Console(code.InteractiveConsole):
    """Runs each statement in the market's thread, where its loop is. Ctrl-C cancels what is awaited, and no more.

    `status` is 1 after a statement that raised.
    """

    def __init__(self, thread: "LoopThread", market: "Market") -> None:
        import tidebook

        super().__init__({"__name__": "__console__", "tidebook": tidebook, "market": market})
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.status = 0
        self._thread = thread

    def run(self, text: str) -> None:
        """All of a text, as at the prompt: values are shown. The first statement that raises is the last."""
        self.status = 0
        try:
            statements = ast.parse(text, "<stdin>").body
            codes = [self._compiled(one) for one in statements]
        except (SyntaxError, ValueError):  # a null byte
            self.showsyntaxerror("<stdin>")
            return
        for one in codes:
            self.runcode(one)
            if self.status:
                return

    def runcode(self, code: CodeType) -> None:
        """Run it, and show what it raises: of our own errors the last line. Raises SystemExit."""
        self.status = 0
        try:
            error = self._thread.call(self._ran(FunctionType(code, self.locals)))
        except KeyboardInterrupt:
            self.status = 1
            self.write("\nKeyboardInterrupt\n")
            return
        if error is None:
            return
        self.status = 1
        if isinstance(error, SystemExit):
            raise error
        if isinstance(error, TidebookError):
            self.write(f"{type(error).__name__}: {error}\n")
            return
        try:
            raise error
        except BaseException:
            self.showtraceback()

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        self.status = 1
        super().showsyntaxerror(*args, **kwargs)

    def _compiled(self, statement: ast.stmt) -> CodeType:
        whole = ast.Interactive([statement])
        made: CodeType = compile(whole, "<stdin>", "single", self.compile.compiler.flags)
        return made

    async def _ran(self, function: FunctionType) -> BaseException | None:
        """What it raised: a loop that SystemExit passes through ends."""
        try:
            result = function()
            if iscoroutine(result):
                await result
        except (Exception, SystemExit) as error:
            above = error.__traceback__
            return error.with_traceback(above and above.tb_next)  # without this function
        return None
