"""Bybit: the channels of facts, by market. Facts: bybit-exchange/docs v5 as of 2026-07-24, WebSocket Stream."""

from functools import partial

from tidebook.venue import FactChannel, Repeats
from tidebook.venues.bybit import wire
from tidebook.venues.bybit.rest import Category


def facts(category: Category) -> tuple[FactChannel, ...]:
    whole, route = category != "inverse", ("topic",)
    make = partial(FactChannel, endpoint="stream", route=route)
    named = "publicTrade.{}".format
    if category == "option":
        return (
            # A topic of all options of a currency.
            make("trades", topic=lambda id, option: named(id.partition("-")[0]), read=wire.trades),
            make(
                "ticker",
                topic=lambda id, option: f"tickers.{id}",
                read=wire.option_ticker,
                also=("mark_prices", "open_interest", "greeks"),
            ),
        )
    found = (
        make("trades", topic=lambda id, option: named(id), read=wire.trades),
        make("quotes", topic=lambda id, option: f"orderbook.1.{id}", read=wire.quotes, life=Repeats(15)),
        make(
            "bars",
            topic=lambda id, option: f"kline.{wire.INTERVALS[option or '1m']}.{id}",
            read=partial(wire.bars, whole),
            options=tuple(wire.INTERVALS),
        ),
    )
    if category == "spot":
        return (*found, make("ticker", topic=lambda id, option: f"tickers.{id}", read=wire.spot_ticker))
    return (
        *found,
        make(
            "ticker",
            topic=lambda id, option: f"tickers.{id}",
            read=partial(wire.contract_ticker, whole),
            fresh=partial(wire.Remembered, whole),
            also=("mark_prices", "funding", "open_interest"),
        ),
        make("liquidations", topic=lambda id, option: f"allLiquidation.{id}", read=wire.liquidations),
    )
