"""What is installed here, for reports of faults."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from tidebook import engine as engines

PACKAGES = ("tidebook", "msgspec", "picows", "aiohttp", "cryptography", "rich", "pandas", "polars", "pyarrow")


def show_versions() -> None:
    """Print the versions of Tidebook, its engines, Python and what it uses, one a line."""
    loaded, there_are = engines.load(), ", ".join(engines.available())
    rows = {name: _version(name) for name in PACKAGES}
    rows["engine"] = f"{loaded.name} (there are: {there_are})"
    rows["python"] = f"{platform.python_implementation()} {platform.python_version()}"
    rows["platform"] = f"{sys.platform} {platform.machine()}"
    for name, value in rows.items():
        print(f"{name:<13} {value}")  # noqa: T201 - it is asked for


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
