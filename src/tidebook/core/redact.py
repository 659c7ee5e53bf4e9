"""What may be shown of a message: bounded, printable, without secrets."""

import re
from typing import Final

EXCERPT: Final = 120
_SECRET = re.compile(
    r"""(?i)(["']?[\w-]*(?:key|token|secret|signature|passphrase|password|authorization)[\w-]*["']?\s*[:=]\s*["']?)[^"'&,}\s]+"""
)


def redact(text: str) -> str:
    """The text with the values of secret-looking fields as ``***``."""
    return _SECRET.sub(r"\1***", text)


def excerpt(frame: bytes) -> str:
    """The beginning of a message, fit for a log."""
    # Redacted before it is cut: a cut could leave a value whose name is gone.
    text = redact(frame[: 4 * EXCERPT].decode("utf-8", "backslashreplace"))
    shown = "".join(char if char.isprintable() else "·" for char in text[:EXCERPT])
    return f"{shown}… ({len(frame)} bytes)" if len(frame) > EXCERPT else shown
