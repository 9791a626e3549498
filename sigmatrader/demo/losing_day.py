"""A day that goes wrong: its losses move the trading state, first to REDUCING, then to HALTED."""

from decimal import Decimal
from typing import Final

from sigmatrader.demo.contents import DAILY_LOSS, TREND
from sigmatrader.demo.market import DemoMarket
from sigmatrader.demo.stage import Stage
from trading.domain.order import Status
from trading.domain.values import TradingStateName
from trading.services.loss_watch import HALT_FACTOR

_SHARE: Final = "NSE:INFY"
_UNITS: Final = 100
_LONGEST_FALL: Final = 20  # steps of half a percent


class LosingDay:
    """One run of the day on `stage` and `market`; the GLOBAL daily loss is DAILY_LOSS."""

    def __init__(self, stage: Stage, market: DemoMarket) -> None:
        self._stage = stage
        self._market = market

    def play(self) -> None:
        """From the first entry to the halt. Raises DayStopped."""
        self._stage.say(f"limit  the day may lose ₹{DAILY_LOSS:,} (GLOBAL max_daily_loss)")
        self._stage.follow(self._order("BUY", _UNITS), Status.EXECUTED)
        self._stage.pause(4)
        self._fall_until(DAILY_LOSS, TradingStateName.REDUCING)
        self._stage.say("alert  an entry: only what shrinks a position passes now")
        self._stage.follow(self._order("BUY", 50, "NSE:SBIN"), *_STOPPED)
        self._stage.say("alert  an exit of half: it passes")
        self._stage.follow(self._order("EXIT_LONG", _UNITS // 2), Status.EXECUTED)
        self._fall_until(HALT_FACTOR * DAILY_LOSS, TradingStateName.HALTED)
        self._stage.say("alert  another exit: nothing is sent any more, it waits for you")
        self._stage.follow(self._order("EXIT_LONG", _UNITS // 2), *_STOPPED)
        self._stage.note(
            "          → the Risk page says what happened and why; resuming needs your reason"
        )

    def _fall_until(self, loss: Decimal, state: TradingStateName) -> None:
        for _ in range(_LONGEST_FALL):
            self._stage.say("market INFY falls")
            self._market.move(_SHARE, "-0.5", 4)
            self._stage.tell_profit(self._market)
            if -self._market.profit() >= loss:
                break
        if not self._stage.account_becomes(state, seconds=30):
            self._stage.say(f"The account has not become {state}.")

    def _order(self, side: str, quantity: int, symbol: str = _SHARE) -> int | None:
        name = symbol.partition(":")[2]
        action = {"side": side} if side.startswith("EXIT") else {"order_action": side}
        return self._stage.alert(
            TREND,
            symbol,
            f"{side} {quantity} {name}",
            quantity=quantity,
            price=float(self._market.last(symbol)),
            **action,
        )


_STOPPED: Final = (Status.WAITING, Status.REJECTED_RISK)
