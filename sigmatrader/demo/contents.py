"""What the demo's installation holds when it starts: its account as the default, its strategies."""

from decimal import Decimal
from typing import Any, Final

from brokers.connections import ENVIRONMENT_NAME
from brokers.models import BrokerConnection
from risk import settings_service
from trading.domain.values import ExecutionTarget, Mode, OrderType, Product, RiskScope
from trading.models import Strategy

TREND: Final = "supertrend"
BREAKOUT: Final = "nifty-breakout"
PULLBACK: Final = "pullback"
SWING: Final = "swing"
DAILY_LOSS: Final = Decimal(4000)  # of the losing day

_STRATEGIES: Final[dict[str, dict[str, Any]]] = {
    TREND: {
        "description": "Follows the trend of NSE shares within the day. Its orders go by "
        "themselves.",
        "execution_mode": Mode.AUTO,
        "default_product": Product.MIS,
    },
    BREAKOUT: {
        "description": "Buys the nearest NIFTY future above the opening range, with a stop at "
        "the broker.",
        "execution_mode": Mode.AUTO,
        "default_product": Product.NRML,
        "continuous_futures": True,
    },
    PULLBACK: {
        "description": "Buys dips for delivery: limit orders, and GTT triggers that rest at the "
        "broker.",
        "execution_mode": Mode.AUTO,
        "default_product": Product.CNC,
        "default_order_type": OrderType.LIMIT,
    },
    SWING: {
        "description": "Delivery ideas that a person looks at: its orders wait in the queue.",
        "execution_mode": Mode.MANUAL,
        "default_product": Product.CNC,
    },
}


def fill(day: str = "sample") -> BrokerConnection:
    """Make what is missing for the day; the account at the simulated broker."""
    connection = BrokerConnection.objects.get(name=ENVIRONMENT_NAME)
    connection.make_default()
    for name, values in _STRATEGIES.items():
        Strategy.objects.get_or_create(
            name=name, defaults={"execution_target": ExecutionTarget.LIVE, **values}
        )
    if day == "losing":
        _limit_the_loss()
    return connection


def _limit_the_loss() -> None:
    limits = settings_service.row_of(RiskScope.GLOBAL)
    if limits._state.adding:
        settings_service.change_settings(
            limits, {"max_daily_loss": DAILY_LOSS}, actor="demo", reason="The losing day."
        )
