"""The token at which an account's stream is opened: asked for, kept alive, and asked for again after a loss."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from tidebook.client.place import VenueAt
from tidebook.core.raw import Raw
from tidebook.core.trading import Token
from tidebook.errors import TidebookError, VenueError
from tidebook.model.credentials import Secret

AGAIN: Final = 1.0  # seconds until what failed is tried again


class Kept:
    """See the module. `raw` is the connection that is opened at it."""

    def __init__(self, one: VenueAt, token: Token, raw: Callable[[], Raw | None]) -> None:
        self._one = one
        self._token = token
        self._raw = raw
        self._word = ""
        self._lost = asyncio.Event()

    async def ask(self) -> Secret:
        """A token; the same one where the venue still has it. Raises as our own client does for a signed request."""
        reply = await self._one.private.send(self._token.ask(), self._token.pool, self._token.weight)
        self._word = self._token.read(reply.body)
        self._one.desk.known.learn(self._word)  # what is written down does not show it
        return Secret(self._token.tail(self._word))

    def lost(self) -> None:
        """The connection is: the next one is opened at a token that is asked for now."""
        self._lost.set()

    async def keep(self) -> None:
        """All of it, until this is cancelled."""
        again = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN if again else self._token.every):
                    await self._lost.wait()
            again = False
            try:
                if self._lost.is_set():
                    await self._ask_for_next()
                else:
                    await self._one.private.send(self._token.keep(self._word), self._token.pool, self._token.weight)
            except TidebookError as error:
                again = True
                if isinstance(error, VenueError) and error.code in self._token.gone:
                    self._end_of_it()
                if self._lost.is_set():
                    await asyncio.sleep(AGAIN)

    async def _ask_for_next(self) -> None:
        tail, raw = await self.ask(), self._raw()
        self._lost.clear()
        if raw is not None:
            raw.token = tail

    def _end_of_it(self) -> None:
        """The venue knows it no more: another connection, and before it another token."""
        self._lost.set()
        raw = self._raw()
        if raw is not None:
            self._one.renew_raw(raw, "its token has ended")
