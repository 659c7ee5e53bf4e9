"""Venues that are declared in files outside of the package: former protocols, sister sites, one's own."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from tidebook.errors import UsageError
from tidebook.venue import Venue
from tidebook.venues import register


def modules(path: Path) -> list[ModuleType]:
    """The modules of a file, or of a folder's files but for those that begin with ``_`` or ``test_``; they are run.

    Raises UsageError where there is no such file, or it cannot be run.
    """
    if path.is_dir():
        files = sorted(one for one in path.glob("*.py") if not one.name.startswith(("_", "test_")))
    else:
        files = [path]
    return [_run(file) for file in files]


def load(path: Path) -> tuple[Venue, ...]:
    """Register the venues of a file or folder (its VENUES). Raises UsageError also where it declares none."""
    venues = tuple(venue for module in modules(path) for venue in getattr(module, "VENUES", ()))
    if not venues:
        raise UsageError(f"{path.name} declares no venue: it has no tuple VENUES")
    register(*venues)
    return venues


def _run(file: Path) -> ModuleType:
    spec = spec_from_file_location(f"tidebook_declared_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UsageError(f"no Python file {file.name}")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{file.name} cannot be run: {type(error).__name__}: {error}") from error
    return module
