"""Liquid, before that Quoine with QUOINEX and QRYPTOS: closed since November 2022."""

from tidebook.venue import Closed

CLOSED = (
    Closed(
        name="liquid",
        title="Liquid",
        closed_on="2022-11-20",
        reason="all trading was halted, and not resumed",
        aliases=("liquidglobal", "quoine", "quoinex", "qryptos"),
        hosts=("liquid.com", "quoine.com"),
        see="Liquid's notices of 2022-11-15 and 2022-11-20",
    ),
)
