"""What is measured. A module here with a SECTION is found by itself; see `Section` in `benchmarks/record.py`.

A module whose imports fail stands for a section that is skipped, with the import's own words as the reason.
"""

import pkgutil
from importlib import import_module

from benchmarks.record import Section


def found() -> tuple[list[Section], dict[str, str]]:
    """All sections in their order, and module → reason for those that cannot be imported here."""
    sections: list[Section] = []
    absent: dict[str, str] = {}
    for module in pkgutil.iter_modules(__path__):
        try:
            section = import_module(f"{__name__}.{module.name}").SECTION
        except ModuleNotFoundError as error:
            absent[module.name] = str(error)
            continue
        assert isinstance(section, Section)
        sections.append(section)
    return sorted(sections, key=lambda one: (one.order, one.name)), absent
