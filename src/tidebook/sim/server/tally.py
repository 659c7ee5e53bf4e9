"""What clients asked of a served exchange, counted where it is answered."""

from collections import Counter
from typing import Final

NAMES: Final = 5_000  # that are told apart; clients choose them, so there has to be an end
LONGEST: Final = 200  # characters of a name
OTHERS: Final = "others"


class Tally:
    """Questions by name: ``GET api.example.com/time``, ``WS stream.example.com/ws``, ``topic x@trade``, ``message …``.

    `made` are all of them. `unanswered` are those for which there is no route, no door, no topic and no answer;
    `retired` those that the venue had once, and that are answered as it answers since. Beyond `NAMES` names the
    rest is counted as `OTHERS`.
    """

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.retired: Counter[str] = Counter()

    def ask(self, name: str, *, answered: bool, retired: bool = False) -> None:
        """Count one question."""
        name = name[:LONGEST]
        if name not in self.made and len(self.made) >= NAMES:
            name = OTHERS
        self.made[name] += 1
        if retired:
            self.retired[name] += 1
        elif not answered:
            self.unanswered[name] += 1
