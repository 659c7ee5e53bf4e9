"""What all of it shares, under alpaca-py's names."""

from tidebook.compat.alpaca.common.enums import BaseURL, Sort, SupportedCurrencies
from tidebook.compat.alpaca.common.exceptions import APIError, ConnectionFailed, LoginRefused
from tidebook.compat.alpaca.common.requests import NonEmptyRequest

__all__ = ["APIError", "BaseURL", "ConnectionFailed", "LoginRefused", "NonEmptyRequest", "Sort", "SupportedCurrencies"]
