"""Keys of accounts. What is secret shows itself as ``***`` and leaves by one door, `Secret.reveal`."""

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from tidebook.errors import UsageError

_TEXT: Final = re.compile(r"[!-~]{1,4096}")
_PEM: Final = re.compile(
    r"\s*-----BEGIN [A-Z0-9 ]{1,40}-----[!-~\s]{1,16384}-----END [A-Z0-9 ]{1,40}-----[\\n\s]*", re.ASCII
)


class Secret:
    """A text that is shown nowhere: not by repr, str or format. It is neither pickled nor copied into JSON.

    Only who sends it to the venue, or signs with it, calls `reveal`. Two of the same text are equal.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text."""
        return self.__text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__text == other.__text

    def __hash__(self) -> int:
        return hash((Secret, self.__text))

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The key of an account, its secret, and where the venue has one its passphrase. `source` is where they stood."""

    key: Secret
    secret: Secret
    passphrase: Secret | None = None
    source: str = ""

    @classmethod
    def of(cls, key: str, secret: str, passphrase: str | None = None, *, source: str) -> "Credentials":
        """Of texts. Raises UsageError for what no venue gives out as a key: empty, not ASCII, with spaces.

        A secret may be a private key in PEM, its line ends written out as ``\\n`` or not.
        """
        given: tuple[tuple[str, object], ...] = (("key", key), ("secret", secret), ("passphrase", passphrase))
        for what, text in given:
            if what == "secret" and isinstance(text, str) and _PEM.fullmatch(text) is not None:
                continue
            if text is not None and (not isinstance(text, str) or _TEXT.fullmatch(text) is None):
                raise UsageError(f"the {what} of {source} is none: text without spaces is")
        return cls(Secret(key), Secret(secret), None if passphrase is None else Secret(passphrase), source)

    @property
    def slots(self) -> dict[str, str]:
        """The texts by the names of templates' slots, for the one message that is to hold them."""
        given = {"key": self.key, "secret": self.secret, "passphrase": self.passphrase}
        return {name: value.reveal() for name, value in given.items() if value is not None}

    def filled(self, text: str) -> Secret:
        """A text in which ``$key``, ``$secret`` and ``$passphrase`` stand for them."""
        return Secret(_SLOT.sub(lambda found: self.slots[found[1]], text))


_SLOT: Final = re.compile(r"\$(key|secret|passphrase)\b")

SIMULATOR: Final = Credentials.of("simulator-key", "simulator-secret", "simulator-passphrase", source="the simulator")
"""What every account has at a simulator or replay server on this machine; real keys are not read there."""

NO_KEY: Final = Credentials.of("none", "none", source="keys=")
"""There is no key, and none is looked for."""
