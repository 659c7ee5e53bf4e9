"""What a program told of its orders, compared with the exchange's own: its records, its fills, its ledger, exactly."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from tests.peers.between import Between
from tests.peers.count import Count, total

from tidebook.model.credentials import SIMULATOR, Credentials
from tidebook.sim.matching import BID
from tidebook.sim.records import Account, Fill, Record
from tidebook.sim.server import serve
from tidebook.sim.wallet import text_of

COUNTED: Final = ("placed", "queried", "cancelled", "fills", "streamed", "balances", "unknown", "refused")
"""What is counted: of single orders, of fills as told by calls, and by streams, of refusals."""

# Of fills, what else is said in the name of what differs: known faults are told from others by it.
TURNED: Final = ", the fee with the other sign"
NAMELESS: Final = ", without an id"
UNTOLD: Final = ", one untold"

# How the venues and the peers call what an order is.
_STATES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("new", "open", "live", "submitted", "accepted", "created"), "open"),
    **dict.fromkeys(("filled", "closed"), "filled"),
    **dict.fromkeys(("canceled", "cancelled"), "cancelled"),
}


def _uuid(number: int, kind: int = 8) -> str:
    return f"00000000-0000-4000-{kind}000-{number % 2**48:012x}"


_IDS: Final[Mapping[str, Callable[[int], str]]] = {"bybit.linear": _uuid, "alpaca": _uuid}
_TRADES: Final[Mapping[str, Callable[[int], str]]] = {
    "bybit.linear": lambda number: _uuid(number, 9), "alpaca": _uuid,
}  # fmt: skip
# Where balances are shown with fewer decimals than they have: eight, and cents.
_CENTS: Final = (("alpaca", "USD"),)
_EIGHT: Final = ("binance.spot", "binance.usdm")

# By what word a venue's refusal is told: its code, or where it has none its text; on sockets there are others.
_WORDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "binance": {"signature": ("-1022",), "clock": ("-1021",), "unknown": ("-2011", "-2013")},
    "bybit": {
        "signature": ("10004", "Error sign"), "clock": ("10002", "The request time exceeds"),
        "unknown": ("170213", "110001", "OrderNotFound"),
    },
    "okx": {"signature": ("50113", "60007"), "clock": ("50102", "60006"), "unknown": ("51603", "51400")},
    "htx": {
        "signature": ("Signature not valid: Verification failure", '"code":2002'),
        "clock": ("Invalid submission time", '"code":2002'), "unknown": ("base-record-invalid",),
    },
    "alpaca": {
        "signature": ("forbidden", "failed to authenticate"), "clock": (),
        "unknown": ("order not found", "40410000"),
    },
}  # fmt: skip


@dataclass(slots=True)
class Orders:
    """Hears what one program says of one account, while the program waits. `between` spoils signatures."""

    sim: serve
    between: Between | None = None
    key: Credentials = SIMULATOR
    counts: dict[str, Count] = field(default_factory=lambda: {name: Count() for name in COUNTED})
    differs: list[tuple[str, str]] = field(default_factory=list)
    _spoilt: str = ""
    _before: tuple[object, ...] = ()
    _changes: int = 0

    def hear(self, told: Mapping[str, Any]) -> None:
        """One line of a program's output. Raises KeyError for what it does not know."""
        match told["kind"]:
            case "order":
                self._order(told)
            case "open":
                self._open(told)
            case "fills" | "streamed" as kind:
                self._fills(kind, told)
            case "balances":
                self._balances(told)
            case "unknown":
                self._add("unknown", told["name"], self._word(told, "unknown"))
            case "refused":
                self._refused(told)
            case "spoil":
                self._spoil(told)
            case kind:
                raise KeyError(kind)

    def _add(self, what: str, name: str, why: str) -> None:
        """`why` something differs, empty where nothing does."""
        if not self.counts[what].add(not why):
            self.differs.append((name, why))

    def _account(self, venue: str) -> Account:
        return self.sim.account(venue, self.key)

    def _records(self, venue: str) -> dict[str, Record]:
        name = _IDS.get(venue, str)
        return {name(one.number): one for one in self._account(venue).records.values() if one.venue == venue}

    def _order(self, told: Mapping[str, Any]) -> None:
        """What is not told is not compared; which order it is must be."""
        record = self._records(told["venue"]).get(str(told["id"]))
        why = f"there is no order {told['id']}"
        if record is not None:
            wrong = [
                f"{name} is {said}, not {true}"
                for name, true in _facts(record).items()
                if (said := _same_kind(name, told.get(name))) is not None and said != true
            ]
            why = "; ".join(wrong)
        self._add(told["what"], told["name"], why)

    def _open(self, told: Mapping[str, Any]) -> None:
        true = sorted(id for id, one in self._records(told["venue"]).items() if one.state == "open")
        said = sorted(map(str, told["ids"]))
        self._add("queried", told["name"], "" if said == true else f"open are {said}, not {true}")

    def _fills(self, kind: str, told: Mapping[str, Any]) -> None:
        """All of an order's, each once."""
        venue, record = told["venue"], self._records(told["venue"]).get(str(told["id"]))
        name = _TRADES.get(venue, str)
        left = {} if record is None else {name(one.trade): _fill(record, one) for one in record.fills}
        for id, *facts in told["rows"]:
            true = left.pop(str(id).rpartition("::")[2], None)
            said = [None if one is None else _number(one) for one in facts]
            wrong = "" if true is not None and _same(said, true) else f"{id} {facts}, not {true}"
            more = "" if true is None or not _same([*said[:2], _turned(said[2]), said[3]], true) else TURNED
            self._add(kind, told["name"] + (NAMELESS if id is None else more if wrong else ""), wrong)
        for id in left:
            self._add(kind, told["name"] + UNTOLD, f"{id} was not told")
        if record is None or not record.fills:
            self._add(kind, told["name"], f"the exchange has no fill of {told['id']}")

    def _balances(self, told: Mapping[str, Any]) -> None:
        """Of the currencies that are told, of which there must be some; the ledger's sums."""
        venue, totals = told["venue"], self._account(told["venue"]).wallet.totals
        if not told["rows"]:
            self._add("balances", told["name"], "no balance is told")
        for currency, said in told["rows"].items():
            true = Decimal(text_of(totals.get(currency, 0)))
            shown = true
            if venue in _EIGHT:
                shown = true.quantize(Decimal("1e-8"), ROUND_DOWN)
            elif (venue, currency) in _CENTS:
                shown = true.quantize(Decimal("0.01"))
            why = "" if Decimal(said) in (shown, true) else f"{currency} is {said}, not {true}"
            self._add("balances", f"{told['name']}: {currency}", why)

    def _word(self, told: Mapping[str, Any], what: str) -> str:
        words = _WORDS[told["venue"].partition(".")[0]][what]
        return "" if any(one in told["why"] for one in words) else f"{told['why']}, without any of {words}"

    def _spoil(self, told: Mapping[str, Any]) -> None:
        """Change signatures from here on, or the venue's clock; or none any more."""
        assert self.between is not None
        self._spoilt, self.between.at = told["what"], told["at"] if told["what"] == "signature" else None
        self.sim.faults.clock(3600.0 if told["what"] == "clock" else 0.0)
        self._before, self._changes = self._state(told["venue"]), self.between.changes

    def _state(self, venue: str) -> tuple[object, ...]:
        account = self._account(venue)
        return (
            len(account.records), sorted(account.open), len(account.wallet.ledger), {**account.wallet.totals},
            {**account.wallet.holds}, len(account.fills),
        )  # fmt: skip

    def _refused(self, told: Mapping[str, Any]) -> None:
        """By the venue's own word, after a signature was changed, and nothing has become of it."""
        assert self.between is not None
        if not self._spoilt:
            why = "nothing was to be refused"
        elif self._state(told["venue"]) != self._before:
            why = "and yet the account is another one"
        elif self._spoilt == "signature" and self.between.changes == self._changes:
            why = "no signature was changed"
        else:
            why = self._word(told, self._spoilt)
        self._changes = self.between.changes
        self._add("refused", told["name"], why)


def _facts(one: Record) -> dict[str, object]:
    """What there is to be told of an order."""
    instrument = one.instrument
    return {
        "client": one.ask.client_id, "side": "buy" if one.ask.side == BID else "sell", "state": one.state,
        "price": None if one.price is None else Decimal(instrument.price_text(one.price)),
        "size": Decimal(instrument.size_text(one.size)), "filled": Decimal(instrument.size_text(one.filled)),
    }  # fmt: skip


def _same_kind(name: str, said: Any) -> object:
    if said is None:
        return None
    if name == "state":
        return _STATES.get(str(said).lower(), said)
    return Decimal(said) if name in ("price", "size", "filled") else str(said).lower() if name == "side" else str(said)


def _fill(record: Record, one: Fill) -> tuple[object, ...]:
    instrument = record.instrument
    return (
        Decimal(instrument.price_text(one.price)), Decimal(instrument.size_text(one.size)),
        Decimal(text_of(one.fee)), one.fee_currency,
    )  # fmt: skip


def _same(said: Sequence[object], true: Sequence[object]) -> bool:
    """Whether all that is told is so."""
    return all(one in (None, each) for one, each in zip(said, true, strict=True))


def _turned(said: object) -> object:
    return -said if isinstance(said, Decimal) else said


def _number(said: str) -> object:
    """A currency is none."""
    return said if said[:1].isalpha() else Decimal(said)


def totals(all_of: Iterable[Mapping[str, Count]]) -> dict[str, Count]:
    """The sums of many programs."""
    found = [*all_of]
    return {name: total(one[name] for one in found if name in one) for name in COUNTED}
