"""What may be shown of a message: bounded, printable, without secrets."""

import re
from typing import Final

EXCERPT: Final = 120
# A name that looks secret, what may stand between it and its value (quotes may be escaped, as in JSON inside of
# JSON), and the value: to the closing quote where one was opened, else to a separator, a word like "Bearer" included.
_SECRET = re.compile(
    r"""(?ix)
    ( [\w-]* (?: key | token | secret | signature | passphrase | password | authorization ) [\w-]* | \b sign )
    ( \\*["']? \s* [:=] \s* )
    (?: (\\*["']) (?: (?!\3) (?: \\. | [^"'\\] | ["'] ) )* | (?: (?:basic|bearer|token) \s+ )? [^"'&,;}\]\s]+ )
    """
)


def redact(text: str) -> str:
    """The text with the values of secret-looking fields as ``***``."""
    return _SECRET.sub(lambda found: f"{found[1]}{found[2]}{found[3] or ''}***", text)


def excerpt(frame: bytes) -> str:
    """The beginning of a message, fit for a log."""
    # Redacted before it is cut: a cut could leave a value whose name is gone.
    text = redact(frame[: 4 * EXCERPT].decode("utf-8", "backslashreplace"))
    shown = "".join(char if char.isprintable() else "·" for char in text[:EXCERPT])
    return f"{shown}… ({len(frame)} bytes)" if len(frame) > EXCERPT else shown
