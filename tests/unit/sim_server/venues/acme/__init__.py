"""An invented exchange with contracts: two of its venues share an address, three share a call, one is another
exchange's."""

from dataclasses import replace

from tidebook.venue import Endpoint, Ping, Pool, Subscribing, Template, Venue

LIMIT = Pool("acme.calls", "ip", 10_000, 60)
PUBLIC = Endpoint(
    "public",
    "wss://stream.acme.invalid/public",
    Subscribing(
        Template('{"op":"sub","args":"@topics","id":"#id"}'),
        Template('{"ok":true,"id":"#id"}'),
        Template('{"op":"unsub","args":"@topics","id":"#id"}'),
        refusals=(Template('{"no":"$code","text":"$text","id?":"#id"}'),),
        topics_per_message=10,
    ),
    Ping(by="server", form="frame", every=20, deadline=60),
)
PERPS = Venue(
    "acme.perps", "acme", "linear", (PUBLIC,), (), rest="https://api.acme.invalid", pools=(LIMIT,),
    aliases=("api.acme.invalid", "stream.acme.invalid/public"),
)  # fmt: skip
# The same path, and there its endpoint has another name.
OPTIONS = replace(PERPS, name="acme.options", kind="option", endpoints=(replace(PUBLIC, name="open"),))
INVERSE = replace(
    PERPS, name="acme.inverse", kind="inverse",
    endpoints=(replace(PUBLIC, name="inverse", url="wss://stream.acme.invalid/inverse"),),
    aliases=("api.acme.invalid", "stream.acme.invalid/inverse"),
)  # fmt: skip
WEST = replace(
    PERPS, name="acme_west", exchange="acme_west", kind="spot", rest="https://api.west.invalid",
    endpoints=(replace(PUBLIC, url="wss://stream.west.invalid/public"),), aliases=("api.west.invalid",),
)  # fmt: skip

VENUES = (PERPS, OPTIONS, INVERSE, WEST)
