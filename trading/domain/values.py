"""The words of trading, as closed lists. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    SL = "SL"
    SL_M = "SL-M"

    @property
    def needs_price(self) -> bool:
        return self in (OrderType.LIMIT, OrderType.SL)

    @property
    def needs_trigger(self) -> bool:
        return self in (OrderType.SL, OrderType.SL_M)


class Product(StrEnum):
    """MIS intraday, CNC delivery, NRML carried derivatives, MTF margin-funded delivery."""

    MIS = "MIS"
    CNC = "CNC"
    NRML = "NRML"
    MTF = "MTF"


class Validity(StrEnum):
    DAY = "DAY"
    IOC = "IOC"
    TTL = "TTL"


class Variety(StrEnum):
    """How an order is handed to the broker; the broker's own words, hence lower case."""

    REGULAR = "regular"
    AMO = "amo"
    GTT = "gtt"


class Exchange(StrEnum):
    NSE = "NSE"
    BSE = "BSE"
    NFO = "NFO"
    BFO = "BFO"
    CDS = "CDS"
    BCD = "BCD"
    MCX = "MCX"
    NCO = "NCO"


class Mode(StrEnum):
    """MANUAL: a person decides. AUTO: goes to the broker by itself."""

    MANUAL = "MANUAL"
    AUTO = "AUTO"


class ExecutionTarget(StrEnum):
    PAPER = "PAPER"
    LIVE = "LIVE"


class OffHours(StrEnum):
    """What becomes of a live order while its market is closed."""

    AMO = "AMO"
    GTT = "GTT"
    QUEUE = "QUEUE"
    REJECT = "REJECT"


class Origin(StrEnum):
    """Where an order comes from."""

    ALERT = "ALERT"
    PERSON = "PERSON"
    EXIT_PLAN = "EXIT_PLAN"
    SQUAREOFF = "SQUAREOFF"
    EXTERNAL = "EXTERNAL"


class TriggerKind(StrEnum):
    """SINGLE: one price, one order. TWO_LEG: a stop and a target, of which one fires."""

    SINGLE = "SINGLE"
    TWO_LEG = "TWO_LEG"


class TriggerStatus(StrEnum):
    """Where a GTT stands. FIRED: it became an order. ENDED: it never will."""

    ACTIVE = "ACTIVE"
    FIRED = "FIRED"
    ENDED = "ENDED"


class SizingMode(StrEnum):
    """ALERT: the alert's quantity. FIXED: so many units. VALUE: so many rupees.

    RISK: so many rupees lost if the alert's stop is hit.
    """

    ALERT = "ALERT"
    FIXED = "FIXED"
    VALUE = "VALUE"
    RISK = "RISK"


class RiskScope(StrEnum):
    GLOBAL = "GLOBAL"
    STRATEGY = "STRATEGY"


class ClampMode(StrEnum):
    CLAMP = "CLAMP"
    REJECT = "REJECT"


class TradingStateName(StrEnum):
    """ACTIVE: trade. REDUCING: only what shrinks a position. HALTED: nothing but cancels."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class StateScope(StrEnum):
    EVERYTHING = "EVERYTHING"
    ACCOUNT = "ACCOUNT"
    STRATEGY = "STRATEGY"


@dataclass(frozen=True, slots=True, order=True)
class InstrumentKey:
    """What is traded: the exchange and the broker's symbol there."""

    exchange: str
    tradingsymbol: str

    def __str__(self) -> str:
        return f"{self.exchange}:{self.tradingsymbol}" if self.exchange else self.tradingsymbol
