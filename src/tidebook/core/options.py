"""All bounds and times in one place, with the reasons for their defaults."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What may be tuned. Durations in seconds, sizes in bytes or counts."""

    connect_timeout: float = 10.0  # TCP, TLS and upgrade together
    request_timeout: float = 10.0  # one HTTP answer, whole
    resolve_timeout: float = 15.0  # asking what became of an order; longer than the windows of time stamps
    fetch_timeout: float = 30.0  # asking once, with the wait for room in the venue's limit
    ack_timeout: float = 5.0  # from sending a subscription to its answer; three tries
    ack_tries: int = 3
    ask_again: float = 60.0  # after a refusal, or the last try, the subscription rests; each time twice as long …
    ask_again_most: float = 3600.0  # … up to this
    first_data: float = 30.0  # from the ack to the first message, where a channel declares no limit
    backoff_first: float = 0.5
    backoff_most: float = 40.0  # with its jitter at least 30 s: at most 30 handshakes in 10 minutes
    backoff_factor: float = 2.0
    reopen_apart: float = 0.1  # many connections that end within a second are opened again so far apart
    healthy_after: float = 30.0  # only so long a connection resets the backoff
    # A connection that is replaced stays until the next one has what it has:
    handover_grace: float = 5.0  # a topic that is silent on both for so long has nothing that could be missed
    handover_most: float = 60.0  # from when the next one is open; what does not fit together by then begins anew
    held_messages: int = 10_000  # of one topic, or facts, that are held back meanwhile …
    held_bytes: int = 32 << 20  # … and how many bytes of one connection; beyond that a topic begins anew
    bad_messages: int = 5  # this many undecodable messages …
    bad_seconds: float = 10.0  # … within this time, and the connection is renewed
    depth_cap: int = 20_000  # levels a side
    body_cap: int = 8 << 20
    slow_call: float = 0.05  # a function given to `on` that takes longer is told of as LoopBlocked
    loop_late: float = 0.25  # a loop that stands still for longer, too
    clock_jump: float = 0.5  # this machine's clock was set by more: ClockSkew
    clock_off: float = 1.0  # the venue's clock and ours differ by more, beyond doubt: ClockSkew
    listing_every: float = 300.0  # between two looks at what a venue lists, while anything is open there
    queue_items: int = 65_536  # of one reader …
    queue_bytes: int = 16 << 20  # … and how many bytes they may be
    settle: float = 1.0  # an account's fill comes so long after its order is known to have it; then it is asked for
    look_apart: float = 0.5  # balances that a stream does not tell whole are fetched so far apart
    kept_rows: int = 100_000  # of an account: orders that have ended, and fills; the oldest are forgotten
