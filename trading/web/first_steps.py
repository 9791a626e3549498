"""What a new system needs, step by step."""

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.urls import reverse

from brokers.models import BrokerConnection, ConnectionKind
from risk.models import POSITIVE_LIMITS, RiskSettings
from trading.domain.order import Status
from trading.domain.values import Origin
from trading.models import Alert, Order, Strategy
from trading.services.connections import default_connection
from trading.templatetags.guides import guide_address

COOKIE: Final = "st_first_steps"
HIDDEN: Final = "hidden"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a new system's checklist."""

    done: bool
    title: str
    text: str
    url: str
    action: str


def checklist() -> list[Step]:
    """What a new system needs, in order: first on paper, then with a broker."""
    return [*_on_paper(), *_with_a_broker()]


def first_order_done() -> bool:
    """Whether an order that was made here has been filled."""
    return Order.objects.filter(status=Status.EXECUTED).exclude(origin=Origin.EXTERNAL).exists()


def _on_paper() -> list[Step]:
    where = _where_first_orders_go()
    settings_url = reverse("settings")
    return [
        Step(
            Alert.objects.exists(),
            "Copy the webhook secret",
            "Alerts must carry it. It is shown on the settings page when you ask for it.",
            f"{settings_url}#secret",
            "Show the secret",
        ),
        Step(
            Alert.objects.filter(outcome=Alert.Outcome.ACCEPTED).exists(),
            "Send the first alert",
            f"A ready command line on the settings page: its order, ten shares {where}, "
            "waits in the queue.",
            f"{settings_url}#first-alert",
            "Copy the command",
        ),
        Step(
            first_order_done(),
            "Execute the first order",
            f"The alert's order waits in the queue. Press Execute: it goes out {where}.",
            reverse("queue"),
            "Open the queue",
        ),
        Step(
            Strategy.objects.filter(archived=False).exists(),
            "Add your strategy",
            "Named exactly as in its alerts. MANUAL waits for you, AUTO goes by itself.",
            reverse("admin:trading_strategy_add"),
            "Add a strategy",
        ),
    ]


def _with_a_broker() -> list[Step]:
    accounts = reverse("settings") + "#accounts"
    brokers = BrokerConnection.objects.exclude(kind=ConnectionKind.PAPER)
    limits = RiskSettings.objects.all()
    return [
        Step(
            brokers.filter(logged_in_at__isnull=False).exists(),
            "Connect your broker",
            "Enter the key and secret of your Kite Connect app, then log in to Zerodha.",
            accounts,
            "Connect",
        ),
        Step(
            _live_orders().exists(),
            "Register your static IP at Zerodha",
            "It takes orders only from addresses listed under developers.kite.trade → profile → IP "
            "Whitelist. Done when the first live order is taken.",
            guide_address("zerodha", "static-ip"),
            "Which address",
        ),
        Step(
            any(limits.filter(**{f"{limit}__isnull": False}).exists() for limit in POSITIVE_LIMITS),
            "Set limits",
            "The most units and rupees for one order, open positions, allowed symbols.",
            reverse("risk"),
            "Set limits",
        ),
        Step(
            _live_orders().filter(status=Status.EXECUTED).exists(),
            "Go live",
            "Point a strategy at the live account: MANUAL and one share to begin with.",
            reverse("admin:trading_strategy_changelist"),
            "Choose the strategy",
        ),
    ]


def _live_orders() -> QuerySet[Order]:
    """Our own orders that a live account has taken."""
    live = BrokerConnection.objects.filter(kind=ConnectionKind.LIVE).values_list("pk", flat=True)
    return (
        Order.objects.filter(connection__in=list(live), sent_at__isnull=False)
        .exclude(origin=Origin.EXTERNAL)
        .exclude(broker_order_id="")
    )


def _where_first_orders_go() -> str:
    """The account of an alert that names no known strategy, in words."""
    account = default_connection()
    if account is None:
        return "as soon as there is an account"
    return {
        ConnectionKind.PAPER: "on paper",
        ConnectionKind.SIMULATOR: f"through {account.name}, at the simulator",
    }.get(ConnectionKind(account.kind), f"through {account.name}, with real money")
