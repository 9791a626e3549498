"""Paper on live prices: the last prices of a connected account become the market's own.

A broker answers one request for prices a second and account, whichever worker asks, so a request
takes a turn that is kept in the database. Paper depends on nothing here: without a source, or
when the source is silent, the alert's price counts.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connections
from django.db.models import Q

from brokers.accounts import session_of
from brokers.errors import (
    BrokerError,
    NotSupported,
    PermissionRefused,
    RateLimited,
    SessionExpired,
)
from brokers.models import (
    AccountPosition,
    AccountState,
    BrokerConnection,
    ConnectionKind,
    PriceSource,
    PriceTick,
)
from brokers.port import Broker
from brokers.prices import LAST_PRICE_MAX_AGE, latest_price, record_price
from brokers.registry import broker_for
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.order import AT_BROKER, Status
from trading.domain.values import Exchange, InstrumentKey
from trading.models import Order, Position, RateWindow
from trading.services.account_reads import state_of
from trading.services.wakeup import wake_workers

logger = logging.getLogger(__name__)

Prices = dict[InstrumentKey, tuple[Decimal, datetime]]

MAX_INSTRUMENTS: Final = 500
TURN: Final = timedelta(seconds=1.05)  # the broker counts whole seconds by its own clock
REPEAT_AFTER: Final = timedelta(seconds=30)
FRESH: Final = timedelta(seconds=2)
PATIENCE_SECONDS: Final = 1.2
_PAUSE: Final = timedelta(seconds=10)
_FAR: Final = 2 * _PAUSE  # a turn beyond this is of a clock that was set back since
_RATE_PAUSE: Final = timedelta(seconds=3)
_POLL_SECONDS: Final = 0.025
_PERIOD: Final = "quote"  # beside the limiter's own periods
_ASKED_FOR: Final = (Status.WAITING, Status.QUEUED, *sorted(AT_BROKER))
_EXCHANGES: Final = frozenset(exchange.value for exchange in Exchange)

_calls = ThreadPoolExecutor(max_workers=4, thread_name_prefix="prices")
_lock = threading.Lock()
_heard: dict[InstrumentKey, tuple[Decimal, datetime]] = {}  # by this process; when: our clock
_refused_at_login: dict[int, datetime | None] = {}  # account → the login that had no market data


def price_source() -> BrokerConnection | None:
    """The account whose prices paper fills at; None when there is none.

    A simulator's prices never mix with real ones: it is a source only where no live account is.
    A plan without market data is tried again after each login.
    """
    return next((one for one in _connected() if _may_have_prices(one)), None)


def refresh(now: datetime) -> int:
    """Ask once for every instrument that matters, if it is our turn; how many prices are new.

    Call it about once a second, from a thread that may wait for the broker. Raises no BrokerError.
    """
    source = price_source()
    if source is None:
        return 0
    keys = _wanted(source)
    if not keys or not _take_turn(source, now):
        return 0
    broker = _broker(source)
    if broker is None:
        return 0
    try:
        found = broker.last_prices(_oldest_first(keys))
    except BrokerError as error:
        _note_failure(source, error)
        return 0
    return _keep(source, found)


def price_for_paper(order: Order) -> Decimal | None:
    """A live price of the order's instrument, recorded just before a paper order meets it.

    Takes at most PATIENCE_SECONDS, nothing while the source is silent; None when there is none.
    """
    key = order.instrument
    source = price_source() if key.exchange in _EXCHANGES else None
    if source is None:
        return None
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (price := _fresh(key)) is None:
        now = clock.now()
        left = deadline - time.monotonic()
        wait = _seconds_until_turn(source, now)
        if wait >= left:
            return _recent(key, now)
        if wait <= 0 and _take_turn(source, now):
            _ask_within(left, source, {key, *_wanted(source)}, first=key)
            return _fresh(key)
        time.sleep(_POLL_SECONDS)
    return price


def source_note() -> str:
    """Where paper's prices come from now, in words."""
    connected = _connected()
    if not connected:
        return "Paper fills at the alerts' prices: no account is connected."
    source = next((one for one in connected if _plan_of(one) is not False), None)
    if source is None:
        return (
            f"Paper fills at the alerts' prices: the plan of {connected[0].name} "
            "has no market data."
        )
    asked_at = _turn_of(source)
    if asked_at is None:
        return f"Paper fills at live prices of {source.name} (none was needed yet)."
    if asked_at > clock.now():
        return f"Paper fills at the alerts' prices: {source.name} gives no prices just now."
    return f"Paper fills at live prices of {source.name} (as of {_ist(asked_at)})."


# -- the source --------------------------------------------------------------------------------


def _connected() -> list[BrokerConnection]:
    """Accounts that could be asked, the default first."""
    enabled = BrokerConnection.objects.filter(enabled=True).exclude(kind=ConnectionKind.PAPER)
    candidates = list(enabled.order_by("-is_default", "id"))
    live = [one for one in candidates if one.kind == ConnectionKind.LIVE]
    return [one for one in live or candidates if session_of(one).connected]


def _may_have_prices(connection: BrokerConnection) -> bool:
    if _plan_of(connection) is not False:
        return True
    if connection.pk not in _refused_at_login:
        return True  # learnt by an earlier process: one request tells whether it still holds
    return _refused_at_login[connection.pk] != connection.logged_in_at


def _plan_of(connection: BrokerConnection) -> bool | None:
    """Whether the account's plan has market data; None when that is not known."""
    states = AccountState.objects.filter(connection=connection)
    return states.values_list("has_market_data", flat=True).first()


def _wanted(source: BrokerConnection) -> list[InstrumentKey]:
    """Instruments of paper and of accounts like the source: orders first, then positions."""
    kinds = (ConnectionKind.PAPER, source.kind)
    orders = Order.objects.filter(status__in=_ASKED_FOR, connection__kind__in=kinds)
    held = Position.objects.filter(connection__kind__in=kinds).exclude(qty=0)
    shown = AccountPosition.objects.filter(connection__kind=source.kind).exclude(quantity=0)
    found: list[tuple[str, str]] = [
        *orders.order_by("-simulated").values_list("exchange", "tradingsymbol"),
        *held.order_by().values_list("exchange", "symbol"),
        *shown.order_by().values_list("exchange", "tradingsymbol"),
    ]
    return [
        InstrumentKey(*pair) for pair in dict.fromkeys(found) if pair[0] in _EXCHANGES and pair[1]
    ]


def _oldest_first(
    keys: Iterable[InstrumentKey], first: InstrumentKey | None = None
) -> list[InstrumentKey]:
    """As many as one request may name: `first`, then those unheard of for longest."""
    with _lock:
        heard = {key: at for key, (_, at) in _heard.items()}
    never = datetime.min.replace(tzinfo=UTC)
    ordered = sorted(keys, key=lambda key: (key != first, heard.get(key, never)))
    return ordered[:MAX_INSTRUMENTS]


def _ask_within(
    seconds: float, source: BrokerConnection, keys: Collection[InstrumentKey], first: InstrumentKey
) -> None:
    """One request that is given up after `seconds`; its answer is kept."""
    broker = _broker(source)
    if broker is None:
        return
    try:
        asked = _calls.submit(_last_prices, broker, _oldest_first(keys, first))
        _keep(source, asked.result(timeout=seconds))
    except TookTooLong:
        logger.warning("%s took too long to tell a price", source.name)
        _pause(source, _PAUSE)
    except BrokerError as error:
        _note_failure(source, error)


def _broker(source: BrokerConnection) -> Broker | None:
    try:
        return broker_for(source)
    except BrokerError as error:
        logger.warning("%s can't be asked for prices: %s", source.name, error.message)
        _pause(source, _PAUSE)
        return None


def _last_prices(broker: Broker, keys: list[InstrumentKey]) -> Prices:
    try:
        return broker.last_prices(keys)
    finally:
        connections.close_all()  # of this thread: an adapter may have noted the session's end


# -- what came of it ---------------------------------------------------------------------------


def _keep(source: BrokerConnection, found: Prices) -> int:
    """Record what is news; how many prices are. The moment that counts is when we heard it."""
    now = clock.now()
    news = {key: price for key, (price, _) in found.items() if _is_news(key, price, now)}
    if news:
        with write_transaction():
            for key, price in news.items():
                record_price(key.exchange, key.tradingsymbol, price, now, PriceSource.BROKER)
            wake_workers()  # resting paper orders meet them
    with _lock:
        for old in [key for key, (_, at) in _heard.items() if at <= now - LAST_PRICE_MAX_AGE]:
            del _heard[old]
        _heard.update({key: (price, now) for key, (price, _) in found.items()})
    _remember_plan(source, True)
    return len(news)


def _is_news(key: InstrumentKey, price: Decimal, now: datetime) -> bool:
    tick = latest_price(key.exchange, key.tradingsymbol)
    return (
        tick is None
        or tick.source != PriceSource.BROKER
        or tick.price != price
        or tick.at <= now - REPEAT_AFTER
    )


def _note_failure(source: BrokerConnection, error: BrokerError) -> None:
    if isinstance(error, NotSupported | PermissionRefused):
        logger.warning("%s gives no market data: %s", source.name, error.message)
        _refused_at_login[source.pk] = source.logged_in_at
        _remember_plan(source, False)
        return
    logger.warning("%s told no prices: %s", source.name, error.message)
    if isinstance(error, SessionExpired):
        end_session(source, error.message)
    _pause(source, _RATE_PAUSE if isinstance(error, RateLimited) else _PAUSE)


def _remember_plan(source: BrokerConnection, has_market_data: bool) -> None:
    if _plan_of(source) is not has_market_data:
        AccountState.objects.filter(pk=state_of(source).pk).update(has_market_data=has_market_data)


def _fresh(key: InstrumentKey) -> Decimal | None:
    with _lock:
        price, at = _heard.get(key, (None, None))
    return price if at is not None and clock.now() - FRESH < at else None


def _recent(key: InstrumentKey, now: datetime) -> Decimal | None:
    """What another worker, or this one a moment ago, was told."""
    tick: PriceTick | None = latest_price(key.exchange, key.tradingsymbol)
    if tick is None or tick.source != PriceSource.BROKER:
        return None
    return tick.price if tick.at > now - REPEAT_AFTER else None


# -- turns -------------------------------------------------------------------------------------


def _turn_of(source: BrokerConnection) -> datetime | None:
    """When the account was last asked; in the future while it is left alone."""
    rows = RateWindow.objects.filter(connection=source, period=_PERIOD)
    return rows.order_by("-window_start").values_list("window_start", flat=True).first()


def _seconds_until_turn(source: BrokerConnection, now: datetime) -> float:
    last = _turn_of(source)
    if last is None or last > now + _FAR:
        return 0.0
    return max((last + TURN - now).total_seconds(), 0.0)


def _take_turn(source: BrokerConnection, now: datetime) -> bool:
    """Whether the account may be asked now; of several workers one is told so."""
    if _seconds_until_turn(source, now) > 0:
        return False
    due = Q(window_start__lte=now - TURN) | Q(window_start__gt=now + _FAR)
    rows = RateWindow.objects.filter(connection=source, period=_PERIOD)
    with write_transaction():
        if rows.filter(due).update(window_start=now):
            return True
        # The account's first turn: whoever holds its state makes the row.
        AccountState.objects.select_for_update(no_key=True).get(pk=state_of(source).pk)
        if rows.exists():
            return False
        RateWindow.objects.create(connection=source, period=_PERIOD, window_start=now, count=1)
    return True


def _pause(source: BrokerConnection, length: timedelta) -> None:
    """Leave the account alone for a while, for every worker."""
    RateWindow.objects.filter(connection=source, period=_PERIOD).update(
        window_start=clock.now() + length
    )


def _ist(moment: datetime) -> str:
    at = moment.astimezone(clock.IST)
    today = clock.now().astimezone(clock.IST).date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%d %b %H:%M}"
