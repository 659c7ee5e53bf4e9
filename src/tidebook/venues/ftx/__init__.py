"""FTX and its sisters, closed since November 2022. Names that their customers used lead here and no further."""

from tidebook.venue import Closed
from tidebook.venues.ftx.recorded import FTX

CLOSED = (
    Closed(
        name="ftx",
        title="FTX",
        closed_on="2022-11-11",
        reason="bankruptcy",
        aliases=("ftx.com", "ftxint"),
        hosts=("ftx.com", "ftexchange.com", "ftxtr.com"),
        venues=(FTX,),
        see="the petition under Chapter 11 of 2022-11-11",
    ),
    Closed(
        name="ftxus",
        title="FTX.US",
        closed_on="2022-11-11",
        reason="bankruptcy",
        aliases=("ftx.us", "ftx_us", "blockfolio"),
        hosts=("ftx.us",),
        see="the petition under Chapter 11 of 2022-11-11",
    ),
    # Its customers could withdraw again from 2023-02-21 on; an interface for trading never came back.
    Closed(
        name="ftxjp",
        title="FTX Japan",
        closed_on="2022-11-10",
        reason="suspended by the regulator, sold in 2024 for custody",
        aliases=("ftx_japan", "ftx.jp"),
        hosts=("ftx.jp",),
        see="the FSA's order of 2022-11-10; bitFlyer Holdings, 2024-06-20",
    ),
)
