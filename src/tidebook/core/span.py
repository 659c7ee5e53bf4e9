"""How time is cut into bars."""

from datetime import date
from typing import Final, NamedTuple

from tidebook.core.clock import SECOND

_DAY: Final = 86_400 * SECOND
_WEEK: Final = 7 * _DAY
_MONDAY: Final = 4 * _DAY  # the first one after the epoch
_EPOCH: Final = date(1970, 1, 1).toordinal()


class Span(NamedTuple):
    """Whole intervals of `ns` since the epoch, weeks since a Monday, UTC; or, with `months`, so many calendar months.

    Months are counted from a January, so that twelve are a calendar year; `ns` is 0 then. `offset_ns` moves the grid:
    −8 h for days and months that begin at midnight in UTC+8.
    """

    ns: int
    offset_ns: int = 0
    months: int = 0

    def opening(self, time_ns: int) -> int:
        """When the interval opens in which an instant lies."""
        if self.months:
            day = date.fromordinal((time_ns - self.offset_ns) // _DAY + _EPOCH)
            month = 12 * day.year + day.month - 1
            return self._month(month - month % self.months)
        origin = self.offset_ns + (_MONDAY if self.ns == _WEEK else 0)
        return (time_ns - origin) // self.ns * self.ns + origin

    def after(self, opening_ns: int, n: int = 1) -> int:
        """When the n-th interval after one opens, before it where n is negative; not before the year 1."""
        if not self.months:
            return opening_ns + n * self.ns
        day = date.fromordinal((opening_ns - self.offset_ns) // _DAY + _EPOCH)
        return self._month(max(12 * day.year + day.month - 1 + n * self.months, 12))

    def _month(self, month: int) -> int:
        year, month = divmod(month, 12)
        return (date(year, month + 1, 1).toordinal() - _EPOCH) * _DAY + self.offset_ns
