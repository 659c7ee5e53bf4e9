"""Logging in on a connection, where a venue wants that before anything is subscribed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from tidebook.core.clock import Now, seconds
from tidebook.core.redact import Known, shown
from tidebook.core.sign.scheme import Stamp
from tidebook.core.template import Template
from tidebook.core.timers import Timers
from tidebook.errors import NotPermitted, TidebookError, UsageError, VenueError
from tidebook.model.credentials import Credentials, Secret

SLOTS: Final = frozenset({"key", "secret", "passphrase"})


@dataclass(frozen=True, slots=True)
class Login:
    """How it is asked for and answered, as templates.

    `ask` has the slots ``$key``, ``$secret`` and ``$passphrase`` as far as the venue wants them, or makes the whole
    message of the connection's URL, as `Scheme.login` does; it is said when the greeting `after` has come, at once
    where there is none. `ok` lets in. `refusals` (slots ``code`` and ``text``) do not: for good where the code is one
    of `final`, or where `final` is empty; else, and where nothing is answered within `timeout` seconds of opening,
    another connection is tried after the backoff. For good they are NotPermitted, or what `errors` has for the code.

    With the codes of `late` a time stamp is refused, perhaps among other things ("": where no code is given). The
    venue's clock is looked at anew then and the login said once more, on another connection; a second such refusal is
    for good.
    """

    ask: Template | Callable[[str, Credentials, Stamp], Secret]
    ok: Template
    refusals: tuple[Template, ...] = ()
    after: Template | None = None
    final: tuple[str, ...] = ()
    timeout: float = 10.0
    errors: Mapping[str, type[VenueError]] = field(default_factory=dict[str, type[VenueError]])
    late: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.ask, Template) and not (self.ask.slots and self.ask.slots <= SLOTS):
            raise UsageError(f"a login says {', '.join(sorted(SLOTS))} and no other slot: {self.ask.text}")


class Access(NamedTuple):
    """What opens private connections: whose key, and what a signature takes from outside.

    `reached` makes of a declared URL the one at which the venue is reached: that is what is signed.
    """

    credentials: Credentials
    stamp: Callable[[Now], Stamp]
    reached: Callable[[str], str]


class Guest(Protocol):
    """The session, as its login sees it."""

    def confide(self, data: Secret) -> None:
        """Send what nobody else may see."""
        ...

    def entered(self, now: Now) -> None: ...
    def denied(self, kind: type[TidebookError], code: str, reason: str, now: Now) -> None:
        """This key will never be let in."""
        ...

    def mistimed(self, kind: type[VenueError], code: str, reason: str, now: Now) -> None:
        """Its time stamp is refused, or may be."""
        ...

    def renew(self, reason: str, now: Now) -> None:
        """Give this connection up."""
        ...


class Entry:
    """The login of one connection. `done`: it is let in, or none is wanted."""

    def __init__(
        self, guest: Guest, login: Login | None, url: str, access: Access | None, known: Known, timers: Timers
    ) -> None:
        self.done = login is None
        self._guest = guest
        self._login = login
        self._url = url
        self._access = access
        self._known = known
        self._asked = False
        self._timer = timers.timer(self._late)

    def opened(self, now: Now) -> None:
        if self._login is not None:
            self._timer.set(now.mono_ns + seconds(self._login.timeout))
            if self._login.after is None:
                self._ask(now)

    def closed(self) -> None:
        self._timer.off()

    def answer(self, message: Any, now: Now) -> bool:
        """Whether a message was part of it."""
        login = self._login
        if self.done or login is None:
            return False
        if not self._asked and login.after is not None and login.after.match(message) is not None:
            self._ask(now)
            return True
        if self._asked and login.ok.match(message) is not None:
            self.done = True
            self._timer.off()
            self._guest.entered(now)
            return True
        for refusal in login.refusals:
            if (slots := refusal.match(message)) is not None:
                self._refused(login, str(slots.get("code", "")), str(slots.get("text", "")), now)
                return True
        return False

    def _ask(self, now: Now) -> None:
        assert self._login is not None
        assert self._access is not None, "the desk opens nothing without"
        self._asked = True
        ask, credentials = self._login.ask, self._access.credentials
        if isinstance(ask, Template):
            self._guest.confide(Secret(ask.print(**credentials.slots).decode()))
        else:
            try:
                said = ask(self._access.reached(self._url), credentials, self._access.stamp(now))
            except Exception as error:  # of a key that is none; what it says may hold what it was to sign with
                is_ours = isinstance(error, TidebookError)
                why = str(error) if is_ours else f"it cannot be signed ({type(error).__name__})"
                self._timer.off()
                self._guest.denied(UsageError, "", f"{why}. No login was sent", now)
                return
            self._known.learn(said.reveal())
            self._guest.confide(said)

    def _refused(self, login: Login, code: str, text: str, now: Now) -> None:
        self._timer.off()
        reason = f"login refused: {shown(self._known.without(f'{code} {text}'.strip()) or 'no reason is given')}"
        kind, shown_code = login.errors.get(code, NotPermitted), shown(self._known.without(code))
        if code in login.late:
            self._guest.mistimed(kind, shown_code, reason, now)
        elif not login.final or code in login.final:
            self._guest.denied(kind, shown_code, reason, now)
        else:
            self._guest.renew(reason, now)

    def _late(self, now: Now) -> None:
        assert self._login is not None
        what = "no answer to the login" if self._asked else "no greeting to log in after"
        self._guest.renew(f"{what} for {self._login.timeout:g} s", now)
