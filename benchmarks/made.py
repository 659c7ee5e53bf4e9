"""Made traffic, kept between runs in `.build/traffic`: making it takes longer than measuring with it."""

import zlib
from pathlib import Path
from typing import Final

from benchmarks import traffic
from benchmarks.traffic import Weight

KEPT: Final = Path(__file__).parents[1] / ".build" / "traffic"
COUNTS: Final[dict[Weight, int]] = {"light": 10_000, "mid": 5_000, "heavy": 2_000}
"""How many changes each weight is measured with: a few megabytes, which no first or second cache holds."""


def frames(shape: str, weight: Weight, count: int | None = None) -> tuple[bytes, list[bytes]]:
    """The whole book, then the changes."""
    count = count or COUNTS[weight]
    source = zlib.crc32(Path(traffic.__file__).read_bytes())
    path = KEPT / f"{shape}-{weight}-{count}-{source:08x}"
    if path.is_file():
        whole, *listed = path.read_bytes().split(b"\n")
        return whole, listed
    whole, listed = traffic.PRINTERS[shape](traffic.Market(), weight, count)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join([whole, *listed]))
    return whole, listed
