"""A broker that says what a test has it say. For code that only needs the port's reads."""

from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from typing import Any

from brokers.errors import BrokerError
from brokers.port import (
    BrokerPosition,
    Capabilities,
    Holding,
    InstrumentRow,
    Margins,
    OrderCost,
    OrderRequest,
    Quote,
    SessionState,
)
from sigmatrader import clock
from trading.domain.values import InstrumentKey, Product


class TellingBroker:
    """`says[name]` is the answer of that read, an error, or a function; `asked` what was asked."""

    capabilities = Capabilities(
        triggers=True, reports_at_once=False, simulated=False, modifies=True, sessions=True
    )

    def __init__(self) -> None:
        self.says: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []

    def names_asked(self) -> list[str]:
        return [name for name, _ in self.asked]

    def _answer(self, name: str, default: Any, about: Any = None) -> Any:
        self.asked.append((name, about))
        answer = self.says.get(name, default)
        if isinstance(answer, BrokerError):
            raise answer
        return answer() if isinstance(answer, Callable) else answer  # type: ignore[arg-type]

    def positions(self) -> list[BrokerPosition]:
        return self._answer("positions", [])

    def holdings(self) -> list[Holding]:
        return self._answer("holdings", [])

    def margins(self) -> Margins:
        return self._answer("margins", Margins(Decimal(1000), Decimal(0), Decimal(1000)))

    def order_cost(self, request: OrderRequest) -> OrderCost:
        return self._answer("order_cost", OrderCost(Decimal(300), Decimal("1.5")), request)

    def instruments(self) -> Iterator[InstrumentRow]:
        return iter(self._answer("instruments", []))

    def last_prices(self, keys: Collection[InstrumentKey]) -> dict[InstrumentKey, Any]:
        """`says["last_prices"]`: rupees by instrument."""
        told = self._answer("last_prices", {}, list(keys))
        return {key: (Decimal(told[key]), None) for key in keys if key in told}

    def quotes(self, keys: Collection[InstrumentKey]) -> dict[InstrumentKey, Quote]:
        """`says["quotes"]`: by instrument rupees, or rupees with the circuit."""
        told = self._answer("quotes", {}, list(keys))
        return {key: _quote(told[key]) for key in keys if key in told}

    def clock_skew(self) -> Decimal | None:
        return self.says.get("clock_skew")

    def session(self) -> SessionState:
        return self._answer("session", SessionState(True, user_id="AB1234", user_name="Asha"))


def _quote(told: Any) -> Quote:
    price, *circuit = told if isinstance(told, tuple) else (told,)
    return Quote(Decimal(price), clock.now(), *map(Decimal, circuit))


def position(quantity: int, **changes: Any) -> BrokerPosition:
    values: dict[str, Any] = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "product": Product.MIS,
        "quantity": quantity,
        "average_price": Decimal(1500),
        "last_price": Decimal(1510),
        "realised": Decimal(0),
        "unrealised": Decimal(10) * quantity,
        "day_pnl": Decimal("12.5"),
    }
    return BrokerPosition(**values | changes)


def holding(quantity: int, **changes: Any) -> Holding:
    values: dict[str, Any] = {
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "quantity": quantity,
        "t1_quantity": 0,
        "average_price": Decimal(3000),
        "last_price": Decimal(3100),
    }
    return Holding(**values | changes)
