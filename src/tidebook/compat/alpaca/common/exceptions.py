"""What goes wrong, under alpaca-py's name; `__cause__` is this library's own error."""

import json

from tidebook.errors import NetworkError, TidebookError


class APIError(Exception):
    """Alpaca refused, or did not answer. `str` is the body of a refusal, as it is with alpaca-py."""

    def __init__(
        self, error: str, http_error: Exception | None = None, *, code: int | None = None, message: str = "",
        status_code: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(error)
        told = _told(error)
        self._http_error = http_error
        self._code = code if code is not None else told.get("code")
        self._message = message or str(told.get("message", error))
        self._status = status_code

    @property
    def code(self) -> int | None:
        """Alpaca's own code; the status of HTTP where it says none, as for market data; None without an answer."""
        return self.status_code if self._code is None else self._code

    @property
    def message(self) -> str:
        """In Alpaca's words."""
        return self._message

    @property
    def status_code(self) -> int | None:
        """The status of HTTP; None where there was no answer."""
        if self._status is None and self._code is not None:
            return int(str(self._code)[:3])  # what Alpaca's own codes begin with
        return self._status


class ConnectionFailed(APIError, ConnectionError):
    """There was no answer: alpaca-py has errors of `requests` there, which are OSErrors too."""


class LoginRefused(ValueError):
    """A stream's key was refused, for good. alpaca-py has a bare ValueError, and asks again without a pause."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


def api_error(error: TidebookError) -> APIError:
    """This library's error as one that programs for alpaca-py know."""
    if isinstance(error, NetworkError):
        return ConnectionFailed(str(error))
    code = error.code or ""
    message = error.text.removeprefix(f"{error.venue}: ").removesuffix(f" ({code})")
    number = int(code) if code.isascii() and code.isdigit() else None
    if number is None or number < 1000:  # the status, where Alpaca says no code
        return APIError(json.dumps({"message": message}), message=message, status_code=number)
    return APIError(json.dumps({"code": number, "message": message}), code=number, message=message)


def _told(body: str) -> dict[str, int]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
