"""What may be shown of a message: bounded, printable, without secrets."""

import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

from tidebook.errors import TidebookError
from tidebook.model.credentials import Credentials
from tidebook.model.health import Health

EXCERPT: Final = 120
REASON: Final = 200
# A name that looks secret, what may stand between it and its value (quotes may be escaped, as in JSON inside of
# JSON), and the value: to the closing quote where one was opened, else to a separator, a word like "Bearer" included.
# Names are bounded, and begin where a word begins: what a server sends must not cost more than its length.
_SECRET = re.compile(
    r"""(?ix)
    (?<![\w-])
    ( (?: [\w-]{0,40}? (?: key | token | secret | signature | passphrase | password | authorization | jwt ) [\w-]{0,40}
        | sign | sig ) )
    ( \\*["']? \s{0,8} [:=] \s{0,8} )
    (?: (\\*["']) (?: (?!\3) (?: \\. | [^"'\\] | ["'] ) )* | (?: (?:basic|bearer|token) \s{1,8} )? [^"'&,;}\]\s]+ )
    """
)


LEAST: Final = 4  # characters of what is looked for: less stands in any text, and is no key
LEARNED: Final = 32  # texts that are learnt later: what was a token long ago opens nothing any more
SIGNATURE: Final = 24  # characters that a signature has at least
_CUT: Final = re.compile(r"…( \([0-9]+ bytes\))?$")
E = TypeVar("E", bound=Health)
F = TypeVar("F", bound=TidebookError)


class Known:
    """A key's own texts, which are shown nowhere, in whatever a venue says: it may repeat what it was sent.

    And what opens streams: tokens, and signatures of logins, of which the last `LEARNED` are kept.
    """

    def __init__(self, credentials: Credentials | None) -> None:
        self._own = _forms([] if credentials is None else credentials.slots.values())
        self._learned: deque[str] = deque(maxlen=LEARNED)
        self._know(self._own)

    def _know(self, texts: list[str]) -> None:
        self._texts = texts
        self._bytes = [text.encode() for text in texts]

    def learn(self, text: str) -> None:
        """One more that is shown nowhere from now on; of a message in JSON, each text in it that is long enough."""
        found = [one for one in _words(text) if one not in self._learned]
        if found:
            self._learned.extend(found)
            self._know(_forms([*self._own, *self._learned]))

    @property
    def any(self) -> bool:
        """Whether there are such texts."""
        return bool(self._texts)

    def without_bytes(self, message: bytes) -> bytes:
        """A whole message with ``***`` for each of them."""
        for secret in self._bytes:
            if secret in message:
                message = message.replace(secret, b"***")
        return message

    def without(self, text: str) -> str:
        """The text with ``***`` for each of them, also for one whose end was cut off with the text's."""
        for secret in self._texts:
            text = text.replace(secret, "***")
        cut = _CUT.search(text)
        end = len(text) if cut is None else cut.start()
        for secret in self._texts:
            for length in range(min(len(secret) - 1, end), LEAST - 1, -1):
                if text.endswith(secret[:length], 0, end):
                    return f"{text[: end - length]}***{text[end:]}"
        return text

    def event(self, event: E) -> E:
        """The event without them in its words."""
        found: dict[str, Any] = {}
        for one in fields(event) if self._texts else ():
            value = getattr(event, one.name)
            if (
                isinstance(value, str)
                and one.name not in ("venue", "symbol")
                and (said := self.without(value)) != value
            ):
                found[one.name] = said
        return replace(event, **found) if found else event

    def error(self, error: F) -> F:
        """The same error, without them in its words."""
        for name in ("text", "code", "hint", "excerpt") if self._texts else ():
            if isinstance(value := getattr(error, name, None), str):
                setattr(error, name, self.without(value))
        error.args = tuple(self.without(one) if isinstance(one, str) else one for one in error.args)
        return error


def _forms(texts: Iterable[str]) -> list[str]:
    """As they stand, and as they stand in JSON; the longest first."""
    forms = {form for text in texts for form in (text, json.dumps(text)[1:-1])}
    return sorted((text for text in forms if len(text) >= LEAST), key=len, reverse=True)


def _words(text: str) -> list[str]:
    """The text; of JSON the texts in it that are as long as signatures are."""
    if not text.startswith("{"):
        return [text] if len(text) >= LEAST else []
    return [one for one in re.findall(r'"((?:[^"\\]|\\.)*)"', text) if len(one) >= SIGNATURE]


def redact(text: str) -> str:
    """The text with the values of secret-looking fields as ``***``. The caller has bounded its length."""
    return _SECRET.sub(lambda found: f"{found[1]}{found[2]}{found[3] or ''}***", text)


def shown(text: str, most: int = REASON) -> str:
    """Foreign text, fit for an event, an error or a terminal: cut, redacted, printable, on one line."""
    # Redacted before the last cut: a cut could leave a value whose name is gone.
    clean = "".join(char if char.isprintable() else "·" for char in redact(text[: 4 * most])[:most])
    return f"{clean}…" if len(text) > most else clean


def excerpt(frame: bytes) -> str:
    """The beginning of a message, fit for a log."""
    text = shown(frame[: 4 * EXCERPT].decode("utf-8", "backslashreplace"), EXCERPT).removesuffix("…")
    return f"{text}… ({len(frame)} bytes)" if len(frame) > EXCERPT else text
