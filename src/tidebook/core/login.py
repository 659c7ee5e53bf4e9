"""Logging in on a connection, where a venue wants that before anything is subscribed."""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from tidebook.core.clock import Now, seconds
from tidebook.core.redact import Known, shown
from tidebook.core.template import Template
from tidebook.core.timers import Timers
from tidebook.errors import UsageError
from tidebook.model.credentials import Credentials, Secret

SLOTS: Final = frozenset({"key", "secret", "passphrase"})


@dataclass(frozen=True, slots=True)
class Login:
    """How it is asked for and answered, as templates.

    `ask` has the slots ``$key``, ``$secret`` and ``$passphrase`` as far as the venue wants them; it is said when the
    greeting `after` has come, at once where there is none. `ok` lets in. `refusals` (slots ``code`` and ``text``) do
    not: for good where the code is one of `final`, or where `final` is empty; else, and where nothing is answered
    within `timeout` seconds of opening, another connection is tried after the backoff.
    """

    ask: Template
    ok: Template
    refusals: tuple[Template, ...] = ()
    after: Template | None = None
    final: tuple[str, ...] = ()
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if not self.ask.slots or not self.ask.slots <= SLOTS:
            raise UsageError(f"a login says {', '.join(sorted(SLOTS))} and no other slot: {self.ask.text}")


class Guest(Protocol):
    """The session, as its login sees it."""

    def confide(self, data: Secret) -> None:
        """Send what nobody else may see."""
        ...

    def entered(self, now: Now) -> None: ...
    def denied(self, code: str, reason: str, now: Now) -> None:
        """This key will never be let in."""
        ...

    def renew(self, reason: str, now: Now) -> None:
        """Give this connection up."""
        ...


class Entry:
    """The login of one connection. `done`: it is let in, or none is wanted."""

    def __init__(
        self, guest: Guest, login: Login | None, credentials: Credentials | None, known: Known, timers: Timers
    ) -> None:
        self.done = login is None
        self._guest = guest
        self._login = login
        self._credentials = credentials
        self._known = known
        self._asked = False
        self._timer = timers.timer(self._late)

    def opened(self, now: Now) -> None:
        if self._login is not None:
            self._timer.set(now.mono_ns + seconds(self._login.timeout))
            if self._login.after is None:
                self._ask()

    def closed(self) -> None:
        self._timer.off()

    def answer(self, message: Any, now: Now) -> bool:
        """Whether a message was part of it."""
        login = self._login
        if self.done or login is None:
            return False
        if not self._asked and login.after is not None and login.after.match(message) is not None:
            self._ask()
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

    def _ask(self) -> None:
        assert self._login is not None
        assert self._credentials is not None, "the desk opens nothing without"
        self._asked = True
        self._guest.confide(Secret(self._login.ask.print(**self._credentials.slots).decode()))

    def _refused(self, login: Login, code: str, text: str, now: Now) -> None:
        self._timer.off()
        reason = f"login refused: {shown(self._known.without(f'{code} {text}'.strip()) or 'no reason is given')}"
        if not login.final or code in login.final:
            self._guest.denied(shown(self._known.without(code)), reason, now)
        else:
            self._guest.renew(reason, now)

    def _late(self, now: Now) -> None:
        assert self._login is not None
        what = "no answer to the login" if self._asked else "no greeting to log in after"
        self._guest.renew(f"{what} for {self._login.timeout:g} s", now)
