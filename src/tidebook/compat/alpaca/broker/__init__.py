"""Not here; importing a name from it says what there is instead."""

from typing import TYPE_CHECKING, NoReturn

from tidebook.compat.alpaca.absent import absent

if not TYPE_CHECKING:

    def __getattr__(name: str) -> NoReturn:
        raise absent(__name__, name)
