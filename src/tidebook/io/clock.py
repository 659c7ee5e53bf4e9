"""The only reading of the clocks."""

import time

from tidebook.core.clock import Now

mono_ns = time.monotonic_ns  # where one of the two is enough


def now() -> Now:
    """This instant on both clocks, in nanoseconds."""
    return Now(time.monotonic_ns(), time.time_ns())
