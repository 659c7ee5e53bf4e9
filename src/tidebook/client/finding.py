"""Which venues and instruments are meant by what a user typed, and the waiting for those that have not answered."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tidebook.client.place import VenueAt
from tidebook.client.symbols import elsewhere, is_canonical, is_glob, may_list, resolve
from tidebook.client.where import siblings
from tidebook.errors import TidebookError, UnknownSymbol, UsageError
from tidebook.model.facts import Instrument
from tidebook.model.place import At

Found = tuple[VenueAt, Instrument]


class Finding(ABC):
    """Over some venues. An exchange's venues that are open stand together: a symbol chooses among them."""

    @abstractmethod
    def _venues(self, venue: str | None) -> list[VenueAt]:
        """The connected venues that `venue` names, all with None. Raises UsageError."""

    @property
    @abstractmethod
    def _connected(self) -> list[VenueAt]:
        """All that the market has, also where this is one place of it."""

    @property
    @abstractmethod
    def _timeout(self) -> float:
        """Seconds to wait for a venue."""

    def _exchanges(self, venue: str | None) -> dict[str, list[VenueAt]]:
        """The venues that are meant, by exchange, account and environment."""
        grouped: dict[tuple[str, At], list[VenueAt]] = {}
        for one in self._venues(venue):
            grouped.setdefault((one.declared.exchange, replace(one.at, venue="")), []).append(one)
        named: dict[str, list[VenueAt]] = {}
        for ones in grouped.values():
            places = {str(one.at) for one in ones}
            name = places.pop() if len(places) == 1 else str(replace(ones[0].at, venue=ones[0].declared.exchange))
            named.setdefault(name, []).extend(ones)
        return named

    async def _one(self, symbol: str, venue: str | None) -> Found:
        """The one venue and instrument that is meant. Raises UsageError naming the choices where there are several.

        Waits for no venue that could not list the symbol. Raises VenueUnavailable, or the refusal, of one that could
        where no other does.
        """
        check_text(symbol)
        if is_glob(symbol):
            raise UsageError(f"{symbol!r} is a pattern; here one symbol is wanted")
        grouped = self._exchanges(venue)
        if len(grouped) > 1:
            raise UsageError(f"say of which venue: venue= one of {', '.join(grouped)}", symbol=symbol)
        ((_, ones),) = grouped.items()
        await usable(ones, self._timeout, some=len(ones) > 1)
        (found,) = await self._each(symbol, grouped)
        return found

    async def _several(self, symbols: Sequence[str], venue: str | None) -> list[Found]:
        """All that is meant: each symbol on every venue that lists it, patterns on all; those that have answered.

        For others it waits only while a symbol is listed by none, or an id might name two instruments. A pattern may
        match nothing, yet.
        """
        grouped = self._exchanges(venue)
        ones = [one for ones in grouped.values() for one in ones]
        await usable(ones, self._timeout, some=len(ones) > 1)
        found: list[Found] = []
        for symbol in symbols:
            if is_glob(symbol):
                check_listed(ones)
                found += [(one, row) for one in ones for row in one.listing.glob(symbol)]
            else:
                found += await self._each(symbol, grouped)
        return found

    async def _each(self, symbol: str, grouped: Mapping[str, list[VenueAt]]) -> list[Found]:
        """A symbol on every exchange that lists it.

        Raises UnknownSymbol where none does; and of one exchange whose late venue cannot be asked, what that raises.
        """
        ones = [one for ones in grouped.values() for one in ones]
        relisted = False  # once is enough: where lists are asked for all the time there is always a newer one
        while True:
            found: list[Found] = []
            refusal: UnknownSymbol | None = None
            unsure: list[VenueAt] = []
            for name, group in grouped.items():
                try:
                    found.append(self._among(symbol, name, group))
                except UnknownSymbol as error:
                    refusal = refusal or error
                else:
                    unsure += [] if is_canonical(symbol) else _late(symbol, group)
            if unsure:
                await usable(unsure, self._timeout)
            elif refusal is None or found:
                return found
            elif late := _late(symbol, ones):
                try:
                    await usable(late, self._timeout, some=True)
                except TidebookError:
                    if len(grouped) > 1 and any(one.is_loaded and may_list(one.declared, symbol) for one in ones):
                        raise refusal from None
                    raise
            elif relisted or not await _relisted(symbol, ones):
                raise refusal
            else:
                relisted = True

    def _among(self, symbol: str, name: str, ones: Sequence[VenueAt]) -> Found:
        """The one instrument of an exchange, of what its venues list so far. Raises AmbiguousSymbol, UnknownSymbol."""
        if not any(may_list(one.declared, symbol) for one in ones) and not _is_listed(symbol, ones):
            at = ones[0].at
            connected = [one.declared for one in self._connected if replace(one.at, venue="") == replace(at, venue="")]
            text = elsewhere(symbol, [one.declared for one in ones], siblings(ones[0].declared), connected, at)
            raise UnknownSymbol(text, venue=name, symbol=symbol)
        row = resolve(symbol, [one.listing for one in ones], name)
        return next(one for one in ones if one.declared.name == row.venue), row


async def usable(ones: Sequence[VenueAt], timeout: float, *, some: bool = False) -> None:
    """Wait for venues, for all of them at once. With `some` only until one has answered.

    Raises VenueUnavailable or the venue's refusal: of the first that is not usable, with `some` where none is.
    """
    if (any if some else all)(_is_usable(one) for one in ones):
        return
    waits = [asyncio.ensure_future(one.usable(timeout)) for one in ones]
    try:
        for first in asyncio.as_completed(waits):
            try:
                await first
            except TidebookError:
                if not some:
                    raise
            else:
                if some:
                    return
        if some:
            waits[0].result()
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def check_listed(ones: Sequence[VenueAt]) -> None:
    """Raises NoCredentials where none of these venues says what it lists, since there is no key."""
    if all(one.no_list is not None for one in ones) and (error := ones[0].no_list) is not None:
        raise error.with_traceback(None)


def check_text(symbol: object) -> None:
    """Raises UsageError for what is no text."""
    if not isinstance(symbol, str):
        raise UsageError(f"{str(symbol)[:40]!r} is no symbol: symbols are texts, like 'BTC/USDT'")


def _is_usable(one: VenueAt) -> bool:
    return one.ready.is_set() and one.error is None


def _is_listed(symbol: str, ones: Iterable[VenueAt]) -> bool:
    return any(one.listing.find(symbol) is not None for one in ones)


def _late(symbol: str, ones: Iterable[VenueAt]) -> list[VenueAt]:
    """Venues that could list it, and have not said what they list."""
    return [one for one in ones if not one.is_loaded and may_list(one.declared, symbol)]


async def _relisted(symbol: str, ones: Iterable[VenueAt]) -> bool:
    """Whether a venue could be asked anew what it lists: what is unknown may have come since."""
    asked = [one for one in ones if one.is_loaded and may_list(one.declared, symbol)]
    return any([await one.relist() for one in asked])
