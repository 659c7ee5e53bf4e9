"""The programs of documents 000 and 004, run as they stand: the import line is ours, and what ends them is Ctrl-C.

What a document has is looked up beside the project; the programs of 004 are kept in examples/compat.
"""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.checklist.documents import document
from tests.served import Exchange, served

EXAMPLES = Path(__file__).parents[2] / "examples" / "compat"
HURRIED = 20.0
"""The exchange's seconds are so much shorter: the candles that one waits for come once in two of them."""

LATEST = 60.0
END = "----- end"

_ONE_BY_ONE = f"""
import asyncio, sys
for text in sys.argv[1:]:
    asyncio.set_event_loop(asyncio.new_event_loop())  # asyncio.get_event_loop() gives it, of every Python
    try:
        exec(compile(text, "program", "exec"), {{"__name__": "__main__"}})
    except KeyboardInterrupt:
        pass
    print("{END}", flush=True)
"""


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with served("binance.spot", speed=HURRIED) as running:
        yield running


@contextmanager
def program(exchange: Exchange, *texts: str) -> Iterator["subprocess.Popen[str]"]:
    """The programs one after the other, in a process of their own."""
    environment = {**os.environ, "TIDEBOOK_AT": exchange.at, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", _ONE_BY_ONE, *texts], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


def printed(child: "subprocess.Popen[str]", enough: Callable[[list[str]], bool] | None = None) -> list[str]:
    """The lines of the next program, which is interrupted once they are enough. None: it ends by itself."""
    assert child.stdout is not None
    lines: list[str] = []
    interrupted = False
    for line in child.stdout:
        if line.rstrip() == END:
            assert interrupted or enough is None, lines
            return lines
        lines.append(line.rstrip())
        if enough is not None and not interrupted and enough(lines):
            interrupted = True
            child.send_signal(signal.SIGINT)
    assert child.stderr is not None
    raise AssertionError(child.stderr.read())


def ended(child: "subprocess.Popen[str]") -> None:
    """After the last program: nothing was wrong but Ctrl-C, which asyncio tells of the task that got it."""
    _, errors = child.communicate(timeout=LATEST)
    assert child.returncode == 0, errors
    assert errors.count("Traceback") == errors.count("\nKeyboardInterrupt"), errors


def tutorial(text: str) -> list[str]:
    """Document 000's program after each of its steps: what a step says again replaces what stood there before."""
    steps = re.findall(r"{% highlight python %}\n(.*?){% endhighlight %}", text, re.DOTALL)
    steps = [step.replace("from binance import", "from tidebook.compat.binance import") for step in steps]
    begin, ending = steps[0].split("if __name__", 1)
    steps = [begin, *steps[1:]]
    steps[1] = steps[1].replace("client.get_exchange_info()\n", "client.get_exchange_info(),\n")  # its missing comma
    return ["".join(steps[: number + 1]) + "\nif __name__" + ending for number in range(len(steps))]


def is_candle(line: str) -> bool:
    return "'e': 'kline'" in line and "'s': 'BNBBTC'" in line


def is_book(line: str) -> bool:
    return "'lastUpdateId':" in line and "'bids':" in line


def test_S1_to_S17_the_tutorials_programs(exchange: Exchange) -> None:
    text = document("000")
    asked, gathered, listening, waiting, calling = tutorial(text)
    with program(exchange, listening, waiting, calling, asked, gathered) as child:
        candles = printed(child, lambda lines: len(lines) == 2)
        assert all(is_candle(line) for line in candles)
        for _ in (waiting, calling):
            lines = printed(child, lambda lines: is_book(lines[-1]))
            found = next(number for number, line in enumerate(lines) if is_book(line))
            assert found >= 5
            assert all(is_candle(line) for line in lines[:found])
        assert printed(child) == printed(child) == []  # these two print nothing, and end
        ended(child)


def bare(text: str) -> str:
    return "".join(text.split())


DEPTH_CACHES = {"threaded": {"BNBBTC", "ETHBTC"}, "async": {"BNBBTC"}}


@pytest.mark.parametrize("name", [*DEPTH_CACHES])
def test_S76_S84_the_depth_caches_programs_are_the_documents(name: str) -> None:
    """The document has come without its lines, so they are compared without any white space."""
    text = document("004")
    ours = (EXAMPLES / f"binance_depth_cache_{name}.py").read_text()
    assert bare(ours.replace("from tidebook.compat.binance import", "from binance import")) in bare(text)


@pytest.mark.parametrize(("name", "symbols"), DEPTH_CACHES.items())
def test_S76_S84_the_depth_caches_programs_run(exchange: Exchange, name: str, symbols: set[str]) -> None:
    def enough(lines: list[str]) -> bool:
        told = Counter(line.removeprefix("symbol ") for line in lines if line.startswith("symbol "))
        return lines[-1].startswith("last update time") and all(told[symbol] >= 2 for symbol in symbols)

    with program(exchange, (EXAMPLES / f"binance_depth_cache_{name}.py").read_text()) as child:
        lines = printed(child, enough)
        ended(child)
    assert {line for line in lines if line.startswith("symbol ")} == {f"symbol {symbol}" for symbol in symbols}
    for place, line in enumerate(lines[: len(lines) // 6 * 6]):
        if place % 6 in (2, 4):
            assert len(re.findall(r"\[[\d.e+-]+, [\d.e+-]+\]", line)) == 5, line
