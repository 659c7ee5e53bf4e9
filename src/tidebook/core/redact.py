"""What may be shown of a message: bounded, printable, without secrets."""

import re
from typing import Final

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
