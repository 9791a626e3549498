"""Paper on live prices: the last prices of a connected account become the market's own.

A broker answers one request for prices a second and account, whichever worker asks, so a request
takes a turn that is kept in the database. Paper depends on nothing here: without a source, or
when the source is silent, the alert's price counts.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from django.conf import settings
from django.db import connections
from django.db.models import QuerySet

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
    PriceBand,
    PriceSource,
    PriceTick,
)
from brokers.port import Broker
from brokers.prices import LAST_PRICE_MAX_AGE, latest_price, market_tick, record_price
from brokers.registry import broker_for
from brokers.sessions import end_session
from sigmatrader import clock
from sigmatrader.db import write_transaction
from trading.domain.expiry import underlying_of
from trading.domain.order import AT_BROKER, Status
from trading.domain.session import trading_day
from trading.domain.values import Exchange, InstrumentKey
from trading.models import Order, Position
from trading.services import quote_turns
from trading.services.account_reads import state_of
from trading.services.contract_terms import terms_of
from trading.services.wakeup import wake_workers

logger = logging.getLogger(__name__)

T = TypeVar("T")
Prices = dict[InstrumentKey, tuple[Decimal, datetime]]

MAX_INSTRUMENTS: Final = 500
REPEAT_AFTER: Final = timedelta(seconds=30)
FRESH: Final = timedelta(seconds=2)
PATIENCE_SECONDS: Final = 2.5
_PAUSE: Final = timedelta(seconds=10)
_RATE_PAUSE: Final = timedelta(seconds=3)
_POLL_SECONDS: Final = 0.025
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
    if not keys or not quote_turns.take(source, now):
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

    Takes at most PATIENCE_SECONDS and a third of the order's lease, nothing while the source is
    silent; None when there is none.
    """
    key = order.instrument
    source = price_source() if key.exchange in _EXCHANGES else None
    if source is None:
        return None
    deadline = time.monotonic() + min(PATIENCE_SECONDS, settings.ST.lease_seconds / 3)
    while (price := _fresh(key)) is None:
        now = clock.now()
        left = deadline - time.monotonic()
        wait = quote_turns.seconds_until(source, now)
        if wait >= left:
            return _recent(key, now)
        if wait <= 0 and quote_turns.take(source, now):
            _ask_within(left, source, {key, *_wanted(source)}, first=key)
            return _fresh(key)
        time.sleep(_POLL_SECONDS)
    return price


def may_tell_prices(account: BrokerConnection) -> bool:
    """Whether the account's own word counts as the market's: a simulator's only where no live
    account is, a plan without market data never."""
    return _plan_of(account) is not False and account in _connected()


def is_known(key: InstrumentKey, age: timedelta, now: datetime) -> bool:
    """Whether a row has the market's price of no more than that age.

    A price that was heard again, and is no news, is written down anew for that.
    """
    tick = market_tick(key.exchange, key.tradingsymbol, now)
    if tick is not None and timedelta(0) <= now - tick.at <= age:
        return True
    with _lock:
        price, at = _heard.get(key, (None, None))
    if price is None or at is None or not timedelta(0) <= now - at <= min(age, FRESH):
        return False
    record_price(key.exchange, key.tradingsymbol, price, at, PriceSource.BROKER)
    return True


def ask_quotes(
    account: BrokerConnection,
    first: InstrumentKey,
    others: Collection[InstrumentKey],
    *,
    price_age: timedelta | None,
    circuit: bool,
) -> None:
    """Price and circuit of `first`, and of `others` along with it, in one request of `account`.

    Waits for its turn, at most PATIENCE_SECONDS with the answer; ends early when another thread
    hears the price meanwhile. What can't be had is left. Raises no BrokerError.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        now = clock.now()
        if not circuit and price_age is not None and is_known(first, price_age, now):
            return
        left = deadline - time.monotonic()
        wait = quote_turns.seconds_until(account, now)
        if wait >= left:
            return
        if wait <= 0 and quote_turns.take(account, now):
            _hear_quotes(account, list(dict.fromkeys((first, *others))), left)
            if price_age is not None:
                is_known(first, price_age, clock.now())
            return
        time.sleep(_POLL_SECONDS)


def _hear_quotes(account: BrokerConnection, keys: list[InstrumentKey], seconds: float) -> None:
    found = _asked_within(seconds, account, lambda broker: broker.quotes(keys))
    if found is None:
        return
    _keep(account, {key: (quote.price, quote.at) for key, quote in found.items()})
    bands = [
        PriceBand(
            exchange=key.exchange,
            tradingsymbol=key.tradingsymbol,
            lower=quote.lower,
            upper=quote.upper,
            read_at=clock.now(),
        )
        for key, quote in found.items()
        if quote.lower is not None and quote.upper is not None
    ]
    with write_transaction():
        PriceBand.objects.bulk_create(
            bands,
            update_conflicts=True,
            unique_fields=["exchange", "tradingsymbol"],
            update_fields=["lower", "upper", "read_at"],
        )


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
    asked_at = quote_turns.last(source)
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
    """Instruments of paper and of accounts like the source: orders first, then positions, then
    what the contracts that expire today are settled by."""
    kinds = (ConnectionKind.PAPER, source.kind)
    orders = Order.objects.filter(status__in=_ASKED_FOR, connection__kind__in=kinds)
    held = Position.objects.filter(connection__kind__in=kinds).exclude(qty=0)
    shown = AccountPosition.objects.filter(connection__kind=source.kind).exclude(quantity=0)
    found: list[tuple[str, str]] = [
        *orders.order_by("-simulated").values_list("exchange", "tradingsymbol"),
        *held.order_by().values_list("exchange", "symbol"),
        *shown.order_by().values_list("exchange", "tradingsymbol"),
    ]
    keys = [
        InstrumentKey(*pair) for pair in dict.fromkeys(found) if pair[0] in _EXCHANGES and pair[1]
    ]
    return list(dict.fromkeys([*keys, *_underlyings(held, clock.now())]))


def _underlyings(held: QuerySet[Position], now: datetime) -> list[InstrumentKey]:
    """What the open contracts that expire today stand for."""
    contracts = [InstrumentKey(*pair) for pair in held.values_list("exchange", "symbol")]
    today = trading_day(now)
    found = [
        underlying_of(terms) for terms in terms_of(contracts).values() if terms.expiry == today
    ]
    return [key for key in found if key is not None]


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
    wanted = _oldest_first(keys, first)
    found = _asked_within(seconds, source, lambda broker: broker.last_prices(wanted))
    if found is not None:
        _keep(source, found)


def _asked_within(seconds: float, source: BrokerConnection, ask: Callable[[Broker], T]) -> T | None:
    """What the account tells; None when it does not, or not within `seconds`."""
    broker = _broker(source)
    if broker is None:
        return None
    try:
        return _calls.submit(_told, broker, ask).result(timeout=seconds)
    except TookTooLong:
        logger.warning("%s took too long to tell a price", source.name)
        quote_turns.pause(source, _PAUSE)
    except BrokerError as error:
        _note_failure(source, error)
    return None


def _broker(source: BrokerConnection) -> Broker | None:
    try:
        return broker_for(source)
    except BrokerError as error:
        logger.warning("%s can't be asked for prices: %s", source.name, error.message)
        quote_turns.pause(source, _PAUSE)
        return None


def _told(broker: Broker, ask: Callable[[Broker], T]) -> T:
    try:
        return ask(broker)
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
    quote_turns.pause(source, _RATE_PAUSE if isinstance(error, RateLimited) else _PAUSE)


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


def _ist(moment: datetime) -> str:
    at = moment.astimezone(clock.IST)
    today = clock.now().astimezone(clock.IST).date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%d %b %H:%M}"
