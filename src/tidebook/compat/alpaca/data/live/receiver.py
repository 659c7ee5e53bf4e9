"""The stream's own side: one connection in a thread of its own, kept for ever, whose messages go into an inbox."""

import asyncio
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from tidebook.client.market import Market
from tidebook.client.raw import RawMessage, RawStream
from tidebook.compat.alpaca.common.exceptions import LoginRefused
from tidebook.compat.alpaca.link import Link
from tidebook.errors import NoCredentials, NotPermitted, TidebookError
from tidebook.model.health import Connected, Health
from tidebook.threads.loop import LoopThread

Message = dict[str, Any]
FIRST, MOST = 1.0, 30.0  # seconds until it is tried again
DATA: Final = ("t", "q", "o", "b", "u", "d")  # kinds of messages that are market data
CLOSING: Final = 0.8  # seconds that closing may take
log = logging.getLogger("tidebook.compat.alpaca")
_exact: Final = msgspec.json.Decoder(list[Message], float_hook=Decimal)
_plain: Final = msgspec.json.Decoder(list[Message])


class Receiver:
    """It begins with `start` and ends with `close`. Its topics may change meanwhile.

    `take` gets messages in order, `failed` the one error after which there is no connection any more. Both are called
    in its thread. `mute`: seconds without market data after which the connection is given up for another.
    """

    def __init__(
        self, link: Link, topics: list[str], take: Callable[[list[Message]], None],
        failed: Callable[[BaseException], None], *, raw: bool, mute: float | None = None,
    ) -> None:  # fmt: skip
        self._link = link
        self._topics = topics
        self._take = take
        self._failed = failed
        self._decode = (_plain if raw else _exact).decode
        self._mute = mute
        self._heard = 0.0  # by the loop's clock
        self._stream: RawStream | None = None
        self._market: Market | None = None
        self._thread = LoopThread("alpaca stream", self._close_market)

    def start(self) -> None:
        self._thread.start()
        self._thread.post(self._run())

    async def close(self) -> None:
        """Close the connection and end the thread, within a second; from the loop that uses it."""
        self._thread.stop(0)
        await asyncio.to_thread(self._thread.join, CLOSING)

    def change(self, add: list[str], remove: list[str]) -> None:
        """Subscribe these, and those no more; returns at once, from anywhere. After the end nothing happens."""
        if self._thread.running:
            self._thread.post(self._change(add, remove))

    # In the thread ------------------------------------------------------------------

    async def _change(self, add: list[str], remove: list[str]) -> None:
        self._topics = [*(one for one in self._topics if one not in remove), *add]
        if self._stream is not None:
            self._stream.remove(*remove)
            self._stream.add(*add)

    async def _run(self) -> None:
        wait = FIRST
        while True:
            try:
                stream = await self._open()
                wait = FIRST
                await self._stay(stream)
                return
            except (NotPermitted, NoCredentials) as error:
                refused = LoginRefused(str(error), getattr(error, "code", None))
                refused.__cause__ = error
                self._failed(refused)
                return
            except TidebookError as error:
                log.warning("data websocket error, restarting connection: %s", error)
                await self._close_market()
            except Exception as error:
                self._failed(error)
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, MOST)

    async def _stay(self, stream: RawStream) -> None:
        """Until it is closed. Raises why it has failed: a key may be refused when a connection is opened anew.

        With `mute`, a connection that is there and says nothing is no connection.
        """
        loop = asyncio.get_running_loop()
        self._heard = loop.time()
        while True:
            quiet = asyncio.timeout_at(None if self._mute is None else self._heard + self._mute)
            try:
                async with quiet:
                    await stream._queue.some()  # `_deliver` takes the messages; what is left is the end
                    return
            except TimeoutError:
                if not quiet.expired():
                    raise
            if self._mute is not None and self._heard + self._mute <= loop.time():
                log.warning("no data received on data stream for %.1fs, reconnecting", self._mute)
                stream.renew("no data received")
                self._heard = loop.time()

    async def _open(self) -> RawStream:
        """Connect and subscribe; from then on the market itself keeps it so."""
        self._market = await self._link.open()
        health = self._market.health()
        health.on(_told)
        await health
        topics = [*self._topics]
        stream = self._market.raw(*topics)
        stream.on(self._deliver)
        await stream
        log.info("subscribed to %s", ", ".join(topics))
        self._stream = stream
        # What changed while it was opened.
        stream.remove(*(one for one in topics if one not in self._topics))
        stream.add(*(one for one in self._topics if one not in topics))
        return stream

    def _deliver(self, message: RawMessage) -> None:
        try:
            found = self._decode(message.frame)
        except msgspec.MsgspecError as error:
            log.error("error: a message that cannot be read: %s: %r", error, message)
            return
        if any(one.get("T") in DATA for one in found):
            self._heard = asyncio.get_running_loop().time()
        self._take(found)

    async def _close_market(self) -> None:
        market, self._market, self._stream = self._market, None, None
        if market is not None:
            await market.close()


def _told(event: Health) -> None:
    log.log(logging.INFO if isinstance(event, Connected) else logging.WARNING, "%s", event)
