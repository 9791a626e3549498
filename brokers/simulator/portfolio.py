"""Positions and holdings of one account, in the figures that Kite shows."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from brokers.simulator.errors import KiteError, holding_error
from brokers.simulator.listing import Instrument
from brokers.simulator.market import Market

_ZERO = Decimal(0)


@dataclass
class Movement:
    """Units that entered or left a position today, by a trade or by a conversion."""

    instrument: Instrument
    product: str
    side: str
    quantity: int
    price: Decimal


@dataclass
class Position:
    """One (exchange, tradingsymbol, product). Quantities signed, prices per unit."""

    instrument: Instrument
    product: str
    overnight: int = 0
    overnight_price: Decimal = _ZERO
    quantity: int = 0
    average: Decimal = _ZERO
    day_buy: int = 0
    day_buy_turnover: Decimal = _ZERO
    day_sell: int = 0
    day_sell_turnover: Decimal = _ZERO

    @property
    def traded_today(self) -> bool:
        return self.day_buy + self.day_sell > 0

    @property
    def value(self) -> Decimal:
        """Sell value less buy value, overnight units included, in rupees."""
        turnover = self.day_sell_turnover - self.day_buy_turnover
        return (turnover - self.overnight * self.overnight_price) * self.instrument.multiplier

    def apply(self, movement: Movement) -> None:
        signed = movement.quantity if movement.side == "BUY" else -movement.quantity
        if movement.side == "BUY":
            self.day_buy += movement.quantity
            self.day_buy_turnover += movement.quantity * movement.price
        else:
            self.day_sell += movement.quantity
            self.day_sell_turnover += movement.quantity * movement.price
        before, after = self.quantity, self.quantity + signed
        if before * signed >= 0:
            total = abs(before) * self.average + movement.quantity * movement.price
            self.average = total / abs(after)
        elif after == 0:
            self.average = _ZERO
        elif before * after < 0:
            self.average = movement.price
        self.quantity = after

    def restart_day(self) -> None:
        """Back to the state of the morning."""
        self.quantity, self.average = self.overnight, self.overnight_price
        self.day_buy = self.day_sell = 0
        self.day_buy_turnover = self.day_sell_turnover = _ZERO

    def carry_over(self) -> None:
        """Today's position becomes tomorrow's overnight position."""
        self.overnight, self.overnight_price = self.quantity, self.average
        self.restart_day()

    def row(self, last: Decimal, close: Decimal, *, day: bool = False) -> dict[str, Any]:
        """The `net` row, or with `day` the row of today's activity alone."""
        multiplier = self.instrument.multiplier
        overnight = 0 if day else self.overnight
        carried_buy, carried_sell = max(overnight, 0), max(-overnight, 0)
        buy, sell = self.day_buy + carried_buy, self.day_sell + carried_sell
        buy_turnover = self.day_buy_turnover + carried_buy * self.overnight_price
        sell_turnover = self.day_sell_turnover + carried_sell * self.overnight_price
        buy_m2m = (self.day_buy_turnover + carried_buy * close) * multiplier
        sell_m2m = (self.day_sell_turnover + carried_sell * close) * multiplier
        quantity = buy - sell
        value = (sell_turnover - buy_turnover) * multiplier
        market_value = quantity * last * multiplier
        pnl = value + market_value
        average = self.average if not day else _day_average(quantity, self)
        return {
            "tradingsymbol": self.instrument.tradingsymbol,
            "exchange": self.instrument.exchange,
            "instrument_token": self.instrument.token,
            "product": self.product,
            "quantity": quantity,
            "overnight_quantity": overnight,
            "multiplier": multiplier,
            "average_price": float(average),
            "close_price": float(close),
            "last_price": float(last),
            "value": float(value),
            "pnl": float(pnl),
            "m2m": float(sell_m2m - buy_m2m + market_value),
            "unrealised": float(pnl),
            "realised": 0,
            "buy_quantity": buy,
            "buy_price": float(_price(buy_turnover, buy)),
            "buy_value": float(buy_turnover * multiplier),
            "buy_m2m": float(buy_m2m),
            "sell_quantity": sell,
            "sell_price": float(_price(sell_turnover, sell)),
            "sell_value": float(sell_turnover * multiplier),
            "sell_m2m": float(sell_m2m),
            "day_buy_quantity": self.day_buy,
            "day_buy_price": float(_price(self.day_buy_turnover, self.day_buy)),
            "day_buy_value": float(self.day_buy_turnover * multiplier),
            "day_sell_quantity": self.day_sell,
            "day_sell_price": float(_price(self.day_sell_turnover, self.day_sell)),
            "day_sell_value": float(self.day_sell_turnover * multiplier),
        }


def _price(turnover: Decimal, quantity: int) -> Decimal:
    return turnover / quantity if quantity else _ZERO


def _day_average(quantity: int, position: Position) -> Decimal:
    if quantity > 0:
        return _price(position.day_buy_turnover, position.day_buy)
    if quantity < 0:
        return _price(position.day_sell_turnover, position.day_sell)
    return _ZERO


@dataclass
class Holding:
    """Shares in the demat account; `t1` were bought yesterday and are not settled yet."""

    instrument: Instrument
    quantity: int = 0
    t1: int = 0
    average: Decimal = _ZERO
    authorised: int = 0
    opening: int = 0

    @property
    def isin(self) -> str:
        token = self.instrument.exchange_token
        return f"INE{token:06d}01{token % 10}"

    def row(self, last: Decimal, close: Decimal, used: int, today: str) -> dict[str, Any]:
        held = self.quantity + self.t1
        change = last - close
        return {
            "tradingsymbol": self.instrument.tradingsymbol,
            "exchange": self.instrument.exchange,
            "instrument_token": self.instrument.token,
            "isin": self.isin,
            "product": "CNC",
            "price": 0,
            "quantity": self.quantity,
            "used_quantity": used,
            "t1_quantity": self.t1,
            "realised_quantity": self.quantity,
            "authorised_quantity": self.authorised,
            "authorised_date": f"{today} 00:00:00",
            "authorisation": {},
            "opening_quantity": self.opening,
            "short_quantity": 0,
            "collateral_quantity": 0,
            "collateral_type": "",
            "discrepancy": False,
            "average_price": float(self.average),
            "last_price": float(last),
            "close_price": float(close),
            "pnl": float((last - self.average) * held),
            "day_change": float(change),
            "day_change_percentage": float(change / close * 100) if close else 0.0,
            "mtf": {
                "quantity": 0,
                "used_quantity": 0,
                "average_price": 0,
                "value": 0,
                "initial_margin": 0,
            },
        }


@dataclass
class Portfolio:
    """What one account owns and owes."""

    market: Market
    cash: Decimal
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)

    def position(self, instrument: Instrument, product: str) -> Position:
        key = (instrument.key, product)
        found = self.positions.get(key)
        if found is None:
            found = self.positions[key] = Position(instrument, product)
        return found

    def held(self, instrument: Instrument, product: str) -> int:
        """Signed units of a position; 0 without one."""
        found = self.positions.get((instrument.key, product))
        return found.quantity if found else 0

    def apply(self, movement: Movement) -> None:
        self.movements.append(movement)
        self.position(movement.instrument, movement.product).apply(movement)

    def rebuild(self) -> None:
        """Recompute today's positions after a movement was corrected."""
        for position in self.positions.values():
            position.restart_day()
        for movement in self.movements:
            self.position(movement.instrument, movement.product).apply(movement)

    def position_rows(self) -> dict[str, list[dict[str, Any]]]:
        net, day = [], []
        for position in self.positions.values():
            ticker = self.market.ticker(position.instrument)
            net.append(position.row(ticker.last, ticker.close))
            if position.traded_today:
                day.append(position.row(ticker.last, ticker.close, day=True))
        return {"net": net, "day": day}

    def used(self, holding: Holding) -> int:
        """Units of a holding that were sold today."""
        return max(-self.held(holding.instrument, "CNC"), 0)

    def holding_rows(self, today: str) -> list[dict[str, Any]]:
        rows = []
        for holding in self.holdings.values():
            ticker = self.market.ticker(holding.instrument)
            rows.append(holding.row(ticker.last, ticker.close, self.used(holding), today))
        return rows

    def check_sale(
        self, instrument: Instrument, quantity: int, pending: int, *, authorise: bool
    ) -> None:
        """CNC shares can be sold when they are held, bought today, and not already on sale."""
        holding = self.holdings.get(instrument.key)
        held = holding.quantity + holding.t1 if holding else 0
        bought = self.held(instrument, "CNC")
        if quantity > held + bought - pending:
            raise KiteError(
                "Insufficient stock holding or there are pending sell orders for this stock. "
                "Check the orderbook for open orders.",
                "HoldingException",
                400,
            )
        from_demat = quantity + pending - bought
        if authorise and holding is not None and from_demat > holding.authorised:
            raise holding_error(f"{from_demat} quantity needs authorisation at depository.")

    def end_day(self, expired: frozenset[str]) -> None:
        """Settle: money of the day, shares into holdings, derivatives overnight."""
        for holding in self.holdings.values():
            holding.quantity += holding.t1
            holding.t1 = 0
            holding.authorised = 0
        for key, position in list(self.positions.items()):
            last = self.market.last(position.instrument)
            if position.product == "CNC":
                self.cash += position.value
                self._deliver(position)
            elif key[0] in expired or position.quantity == 0:
                self.cash += position.value + self._worth(position, last)
            else:
                position.carry_over()
                continue
            del self.positions[key]
        self.holdings = {k: h for k, h in self.holdings.items() if h.quantity + h.t1}
        for holding in self.holdings.values():
            holding.opening = holding.quantity + holding.t1
        self.movements.clear()

    def deposit(self, instrument: Instrument, quantity: int, average: Decimal) -> None:
        """Settled shares, as if bought long ago."""
        holding = self._holding(instrument)
        total = holding.quantity + holding.t1 + quantity
        holding.average = (
            holding.average * (holding.quantity + holding.t1) + average * quantity
        ) / total
        holding.quantity += quantity
        holding.opening += quantity

    def authorise(self, isin: str) -> None:
        """The depository lets settled shares of `isin`, or with "" of all, be sold today."""
        for holding in self.holdings.values():
            if isin in ("", holding.isin):
                holding.authorised = holding.quantity + holding.t1

    def _worth(self, position: Position, last: Decimal) -> Decimal:
        return position.quantity * last * position.instrument.multiplier

    def _holding(self, instrument: Instrument) -> Holding:
        found = self.holdings.get(instrument.key)
        if found is None:
            found = self.holdings[instrument.key] = Holding(instrument)
        return found

    def _deliver(self, position: Position) -> None:
        if position.quantity > 0:
            holding = self._holding(position.instrument)
            held = holding.quantity + holding.t1
            total = held + position.quantity
            cost = held * holding.average + position.quantity * position.average
            holding.average = cost / total
            holding.t1 += position.quantity
        elif position.quantity < 0:
            self._holding(position.instrument).quantity += position.quantity
