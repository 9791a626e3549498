"""A person at the desk, and a desk with something of everything on it."""

from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model

from brokers.accounts import ensure_paper_account
from brokers.models import BrokerConnection
from risk.models import RiskSettings
from sigmatrader import clock
from tests.factories import StrategyFactory, make_order
from trading.domain.order import Status
from trading.models import Alert, ClosedTrade, Fill, IntakeCounter, Order, OrderAttempt, Position
from trading.services import halting, lifecycle

HX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script>{{7*7}}\"'"


@pytest.fixture
def person(django_user_model):
    return django_user_model.objects.create_superuser("asha", password="a-long-password")


@pytest.fixture
def desk(client, person, db) -> SimpleNamespace:
    """`desk.client` is logged in; `desk.paper` is the account."""
    client.force_login(person)
    return SimpleNamespace(client=client, person=person, paper=ensure_paper_account())


def walk(order: Order, *statuses: Status, **changes) -> Order:
    """`order` through `statuses`, as worker and broker move it."""
    for status in statuses:
        last = status is statuses[-1]
        lifecycle.transition(order, status, actor="test", changes=changes if last else {})
    return order


def order_in(status: Status, **fields) -> Order:
    """An order that came to `status` on a legal way."""
    if status in (Status.WAITING, Status.QUEUED):
        return make_order(status, **fields)
    order = make_order(Status.QUEUED, **fields)
    now = clock.now()
    sent = {"broker_order_id": f"B{order.pk}", "sent_at": now}
    ways = {
        Status.CANCELLED: ((Status.CANCELLED,), {}),
        Status.EXPIRED: ((Status.EXPIRED,), {}),
        Status.REJECTED_RISK: ((Status.REJECTED_RISK,), {"error_message": "Denied by a limit."}),
        Status.SENDING: ((Status.SENDING,), {}),
        Status.UNKNOWN: ((Status.SENDING, Status.UNKNOWN), {"sent_at": now}),
        Status.FAILED: ((Status.SENDING, Status.FAILED), {"error_message": "Not enough money."}),
        Status.REJECTED: ((Status.SENDING, Status.REJECTED), sent),
        Status.SENT: ((Status.SENDING, Status.SENT), sent),
        Status.CANCEL_PENDING: (
            (Status.SENDING, Status.SENT, Status.CANCEL_PENDING),
            {**sent, "cancel_requested": True},
        ),
        Status.PARTIALLY_EXECUTED: (
            (Status.SENDING, Status.SENT, Status.PARTIALLY_EXECUTED),
            {**sent, "filled_qty": 4, "average_price": Decimal("1500.05")},
        ),
        Status.EXECUTED: (
            (Status.SENDING, Status.SENT, Status.EXECUTED),
            {**sent, "filled_qty": order.qty, "average_price": Decimal("1500.05")},
        ),
    }
    statuses, changes = ways[status]
    return walk(order, *statuses, **changes)


def make_alert(**fields) -> Alert:
    values = {
        "strategy_name": "supertrend",
        "symbol": "NSE:INFY",
        "exchange": "NSE",
        "action": "BUY",
        "qty": 10,
        "price": Decimal("1500"),
        "raw_body": '{"secret": "***"}',
        "received_at": clock.now(),
        "outcome": Alert.Outcome.ACCEPTED,
    } | fields
    return Alert.objects.create(**values)


def make_trade(entry: Order, exit_: Order, pnl: str, **fields) -> ClosedTrade:
    now = clock.now()
    values = {
        "entry_order": entry,
        "exit_order": exit_,
        "connection": entry.connection,
        "exchange": entry.exchange,
        "symbol": entry.tradingsymbol,
        "product": entry.product,
        "side": entry.side,
        "qty": 10,
        "entry_price": Decimal("1500"),
        "exit_price": Decimal("1510"),
        "pnl": Decimal(pnl),
        "simulated": True,
        "opened_at": now,
        "closed_at": now,
    } | fields
    return ClosedTrade.objects.create(**values)


@pytest.fixture
def full_desk(desk: SimpleNamespace) -> SimpleNamespace:
    """Orders in every status, alerts of every outcome, positions, trades, limits, states.

    Every text that can come from outside is hostile.
    """
    strategy = StrategyFactory(name=HOSTILE, description=HOSTILE)
    alert = make_alert(
        strategy=strategy,
        strategy_name=HOSTILE,
        symbol=HOSTILE,
        reason=HOSTILE,
        interval="<b>5</b>",
        raw_body=HOSTILE,
        warnings=[HOSTILE],
        duplicate_count=2,
        last_duplicate_at=clock.now(),
    )
    make_alert(
        outcome=Alert.Outcome.REJECTED,
        code="invalid_payload",
        errors={HOSTILE: [HOSTILE]},
        raw_body=HOSTILE,
    )
    make_alert(outcome=Alert.Outcome.IGNORED, code="unsupported_platform")
    desk.orders = {
        status: order_in(
            status,
            strategy=strategy,
            alert=alert,
            symbol=HOSTILE,
            tradingsymbol=HOSTILE,
            warnings=[HOSTILE],
            set_aside_reason=HOSTILE if status is Status.WAITING else "",
        )
        for status in Status
    }
    done = desk.orders[Status.EXECUTED]
    Order.objects.filter(pk=done.pk).update(error_message=HOSTILE, risk=_risk())
    Fill.objects.create(
        order=done,
        connection=desk.paper,
        trade_id=HOSTILE[:64],
        symbol=HOSTILE,
        product="MIS",
        side="BUY",
        qty=10,
        price=Decimal("1500.05"),
        at=clock.now(),
    )
    OrderAttempt.objects.create(
        order=done,
        number=1,
        tag=done.client_order_id,
        variety="regular",
        worker_id="desk:1:1",
        lease_token="lease-token-in-clear",
        lease_until=clock.now(),
        claimed_at=clock.now(),
        closed_at=clock.now(),
        outcome="SENT",
        message=HOSTILE,
    )
    Position.objects.create(
        connection=desk.paper,
        symbol=HOSTILE,
        product="MIS",
        qty=-125000,
        avg_price=Decimal("1500.05"),
        last_price=Decimal("1490"),
        pnl=Decimal("1256250.00"),
        last_updated=clock.now(),
    )
    make_trade(done, done, "-300.50", strategy=strategy, symbol=HOSTILE)
    RiskSettings.objects.create(scope="GLOBAL", max_quantity_per_order=100)
    RiskSettings.objects.create(scope="STRATEGY", strategy=strategy, max_daily_loss=Decimal("5000"))
    halting.set_state("REDUCING", "STRATEGY", HOSTILE, "asha", strategy_id=strategy.pk)
    IntakeCounter.objects.create(
        address="203.0.113.9", kind="WRONG_SECRET", window_start=clock.now(), count=3
    )
    desk.strategy = strategy
    return desk


def _risk() -> dict:
    return {
        "outcome": "CLAMP",
        "requested_qty": 150,
        "final_qty": 100,
        "notes": [HOSTILE],
        "checks": [
            {
                "code": "MAX_QUANTITY_PER_ORDER",
                "scope": "GLOBAL",
                "setting": "max_quantity_per_order",
                "limit": 100,
                "value": 150,
                "verdict": "CLAMP",
                "message": HOSTILE,
            },
            {
                "code": "SHORT_SELLING_DISABLED",
                "scope": "GLOBAL",
                "setting": "allow_short_selling",
                "limit": True,
                "value": "1250000",
                "verdict": "PASS",
                "message": "",
            },
        ],
        "evaluated_at": "2026-11-23T09:45:00Z",
    }


@pytest.fixture
def reader(django_user_model) -> object:
    """A user without any right in the admin."""
    return get_user_model().objects.create_user("ravi", password="a-long-password")


@pytest.fixture
def live_account(db) -> BrokerConnection:
    return BrokerConnection.objects.create(name="zerodha", broker_name="zerodha", kind="LIVE")
