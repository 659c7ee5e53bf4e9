"""Nothing is created by importing, and what is heavy is imported when it is needed, before anybody watches the loop."""

import json
import subprocess
import sys

PROGRAM = """
import json, os, sys, threading
from contextlib import suppress

HEAVY = ("asyncio", "msgspec", "picows", "aiohttp", "cryptography", "rich", "numpy", "pandas", "polars", "pyarrow")

def there():
    return [name for name in HEAVY if name in sys.modules]

open_before = len(os.listdir("/dev/fd"))
import tidebook
found = {"imported": there(), "threads": threading.active_count(), "files": len(os.listdir("/dev/fd")) - open_before}
market = tidebook.connect("binance.spot", at="127.0.0.1:1", timeout=0.01)
book = market.book("BTC/USDT")
found |= {"made": there(), "more_threads": threading.active_count()}

import tidebook.client.market as module

class Beat(module.Beat):
    def __init__(self, *given, **named):
        found["watched"] = there()
        super().__init__(*given, **named)

module.Beat = Beat

async def main():
    with suppress(tidebook.VenueUnavailable, tidebook.ConnectFailed):
        await market

tidebook.run(main())
print(json.dumps(found))
"""


def test_what_is_there_when() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["imported"], found["threads"], found["files"]) == ([], 1, 0)
    assert {*found["made"]} <= {"asyncio", "msgspec", "picows"}
    assert found["more_threads"] == 1
    assert {*found["watched"]} == {"asyncio", "msgspec", "picows", "aiohttp"}
