"""One request on its way through a pool: a book's snapshot, or what a user asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tidebook.core.clock import Now
from tidebook.core.effects import Reply, Request, Seal, Urgency
from tidebook.errors import TidebookError

if TYPE_CHECKING:
    from tidebook.core.talk import Talk

NOTHING_SENT: Final = "nothing was sent"
"""How the reason ends where it is known that no byte has left."""


@dataclass(slots=True, eq=False)
class Errand:
    """`done` is called once, with the reply or, where there was none, with the reason.

    `given_up` says that nobody waits any more, and `wanted` is asked that before sending: what was not sent is
    then never sent. `left` is when it went to the shell, `seal` signs it there. `refused` is the error that the reply
    means, where the venue declares how to tell. Where there is a `talk` it goes by message as long as that is open.
    `late` is told of an answer that comes when it counts as not answered.
    """

    request: Request
    pool: str
    weight: int
    urgency: Urgency
    timeout: float
    cap: int
    done: Callable[[Reply | None, str, Now], None]
    sent: Callable[[Now], None] = field(default=lambda now: None)
    wanted: Callable[[], bool] = field(default=lambda: True)
    seal: Seal | None = None
    given_up: bool = False
    left: Now | None = None
    refused: TidebookError | None = None
    talk: "Talk | None" = None
    late: Callable[[Reply], None] | None = None
