"""`tidebook demo`: the embedded exchange, the normal client over real sockets, and the screen."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from tidebook.cli.replay import add_view_arguments, play, samples, speed_of, view_of
from tidebook.errors import UsageError

if TYPE_CHECKING:
    from tidebook.sim.server import serve
    from tidebook.ui.facts import Scene

PLACES = ("binance.spot", "htx.spot")
KINDS = {"htx.spot": "refresh"}  # whole books, ten times a second
SYMBOLS = ("BTC/USDT", "ETH/USDT")
FAULTS_AT = 6.0  # seconds
CUT = 0.7  # seconds for which nobody can connect
FAR = 0.15  # seconds that the first snapshots take, as from a real venue: changes are there before them
LOST = "btcusdt@depth*"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    demo = commands.add_parser("demo", help="two exchanges inside the package, live: no account, no key, no network")
    demo.add_argument("--calm", action="store_true", help="without the cut cable and the lost message of second 6")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="of the exchange; default 1")
    demo.add_argument("--recorded", action="store_true", help="small recordings instead, at the pace of their making")
    demo.add_argument("--speed", type=speed_of, default=1.0, metavar="N|max", help="of the recordings; default 1")
    add_view_arguments(demo)
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.recorded:
        return play(samples(), None, arguments)
    if arguments.speed != 1.0:
        raise UsageError("--speed is of recordings. Write --recorded too")
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    from tidebook.cli.live import Shown, show
    from tidebook.cli.watch import Signals
    from tidebook.sim.server import serve

    ending: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with Signals(ending):
        async with serve(arguments.seed, PLACES, symbols=SYMBOLS) as sim:
            shown = Shown("demo", PLACES, SYMBOLS, sim.at, arguments.engine, arguments.seconds, KINDS)
            view = view_of(arguments)
            sim.faults.late_snapshot(FAR, PLACES[0], len(SYMBOLS))
            if arguments.calm:
                return await show(shown, view, ending)
            return await show(shown, view, ending, lambda scene: _go_wrong(sim, scene))


async def _go_wrong(sim: "serve", scene: "Scene") -> None:
    """Cut one venue's cable and lose a message of the other, on purpose, and say so."""
    from tidebook.ui.facts import Happening

    await asyncio.sleep(FAULTS_AT - scene.at)
    chained, whole = scene.watched
    while any(one.facts().readable < len(SYMBOLS) for one in (chained, whole)):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.1)  # on a busy machine they are not there yet, and nothing could be seen to go wrong
    told = ((chained, SYMBOLS[0], "the demo loses a message"), (whole, None, "the demo cuts its cable"))
    for one, symbol, text in told:
        scene.took_place(Happening(scene.at, one.venue, symbol, text, "plain"))
    sim.faults.drop(chained.venue, LOST)
    sim.faults.cut(whole.venue, CUT)
