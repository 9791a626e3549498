"""From an alert's symbol to one instrument, or to a person with words that help."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import StrategyFactory
from trading.domain.symbols import search_key
from trading.models import ContractRule, Instrument, Strategy, SymbolOverride
from trading.services.instruments import listed, resolve

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("contract_rules"),
]

NOW = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)  # Monday, 10:00 IST
NOV, DEC, JAN = date(2026, 11, 24), date(2026, 12, 29), date(2027, 1, 26)


def add(exchange, tradingsymbol, name="", kind="EQ", **fields):
    derivative = fields.get("expiry") is not None
    values = {
        "name": name or tradingsymbol,
        "instrument_type": kind,
        "segment": f"{exchange}-{'FUT' if kind == 'FUT' else 'OPT'}" if derivative else exchange,
        "search_key": search_key(tradingsymbol),
        "listed_on": NOW.date(),
    } | fields
    return Instrument.objects.create(exchange=exchange, tradingsymbol=tradingsymbol, **values)


@pytest.fixture
def market():
    for symbol in ("INFY", "M&M", "BAJAJ-AUTO", "M&MFIN", "EMBASSY-RR", "CENTRALBK-BE", "GLOBE"):
        add("NSE", symbol)
    add("BSE", "INFY")
    for exchange, symbol in (("NSE", "NIFTY 50"), ("NSE", "NIFTY BANK"), ("BSE", "SENSEX")):
        add(exchange, symbol, segment="INDICES")
    for expiry, code in ((NOV, "26NOV"), (DEC, "26DEC"), (JAN, "27JAN")):
        add("NFO", f"NIFTY{code}FUT", "NIFTY", "FUT", expiry=expiry, lot_size=65)
    add("NFO", "M&M26DECFUT", "M&M", "FUT", expiry=DEC, lot_size=200)
    add("BFO", "SENSEX26DECFUT", "SENSEX", "FUT", expiry=date(2026, 12, 31), lot_size=20)
    options = {"lot_size": 65, "strike": Decimal(26000)}
    add("NFO", "NIFTY26DEC26000CE", "NIFTY", "CE", expiry=DEC, **options)
    add("NFO", "NIFTY26DEC26000PE", "NIFTY", "PE", expiry=DEC, **options)
    add("NFO", "NIFTY26D0126000CE", "NIFTY", "CE", expiry=date(2026, 12, 1), **options)
    quarter = {"expiry": DEC, "strike": Decimal("84.25"), "tick_size": Decimal("0.0025")}
    add("CDS", "USDINR26DEC84.25CE", "USDINR", "CE", **quarter)
    add("MCX", "GOLD26DECFUT", "GOLD", "FUT", expiry=date(2026, 12, 4))
    add("MCX", "NEWMETAL26DECFUT", "NEWMETAL", "FUT", expiry=date(2026, 12, 31))
    return Instrument.objects


@pytest.mark.parametrize(
    ("exchange", "symbol", "found"),
    [
        ("NSE", "INFY", "NSE:INFY"),
        ("BSE", "INFY", "BSE:INFY"),
        ("NSE", "M_M", "NSE:M&M"),
        ("NSE", "M&MFIN", "NSE:M&MFIN"),
        ("NSE", "M_MFIN", "NSE:M&MFIN"),
        ("NSE", "BAJAJ_AUTO", "NSE:BAJAJ-AUTO"),
        ("NSE", "EMBASSY.RR", "NSE:EMBASSY-RR"),
        ("NSE", "EMBASSY", "NSE:EMBASSY-RR"),
        ("NSE", "CENTRALBK", "NSE:CENTRALBK-BE"),
        ("NSE", "NIFTYZ2026", "NFO:NIFTY26DECFUT"),
        ("NSE", "M_MZ2026", "NFO:M&M26DECFUT"),
        ("NFO", "NIFTYF2027", "NFO:NIFTY27JANFUT"),
        ("BSE", "SENSEXZ2026", "BFO:SENSEX26DECFUT"),
        ("NSE", "NIFTY261229C26000", "NFO:NIFTY26DEC26000CE"),
        ("NSE", "NIFTY261229P26000", "NFO:NIFTY26DEC26000PE"),
        ("NSE", "NIFTY261201C26000", "NFO:NIFTY26D0126000CE"),
        ("NSE", "USDINR261229C84.25", "CDS:USDINR26DEC84.25CE"),
        ("NFO", "NIFTY26DECFUT", "NFO:NIFTY26DECFUT"),
        ("NSE", "NIFTY26DECFUT", "NFO:NIFTY26DECFUT"),
        ("MCX", "GOLDZ2026", "MCX:GOLD26DECFUT"),
    ],
)
def test_a_symbol_is_found_by_what_it_means(market, exchange, symbol, found):
    resolution = resolve(exchange, symbol, now=NOW, live=True)
    assert resolution.problem == ""
    assert resolution.key == found
    assert resolution.listed


def test_what_the_list_says_of_an_instrument_comes_with_it(market):
    found = resolve("NSE", "USDINR261229C84.25", now=NOW)
    assert (found.name, found.instrument_type, found.segment) == ("USDINR", "CE", "CDS-OPT")
    assert (found.expiry, found.strike) == (DEC, Decimal("84.25"))
    assert found.tick_size == Decimal("0.0025")
    assert found.multiplier == 1000
    assert resolve("NSE", "NIFTYZ2026", now=NOW).lot_size == 65


@pytest.mark.parametrize(
    ("exchange", "symbol", "words"),
    [
        ("NSE", "NOSUCH", "NSE:NOSUCH is not in the instrument list"),
        ("NSE", "GLO", "NSE:GLO is not in the instrument list"),
        ("NSE", "NIFTY261208C26000", "(NIFTY 26000 CE of 08 Dec 2026) is not in the instrument"),
        ("NSE", "NIFTYH2027", "(NIFTY future of March 2027) is not in the instrument list"),
        ("NSE", "NIFTY", "NSE:NIFTY is an index and can't be traded; choose a future or an option"),
        ("NSE", "NIFTY50", "NSE:NIFTY 50 is an index and can't be traded"),
        ("BSE", "SENSEX", "BSE:SENSEX is an index and can't be traded"),
        ("NSEIX", "NIFTY1!", "NSEIX:NIFTY1! trades at GIFT City"),
        ("NASDAQ", "AAPL", "Zerodha takes no orders for NASDAQ"),
        ("", "INFY", "INFY comes without an exchange: send it as NSE:INFY"),
        ("MCX", "NEWMETALZ2026", "MCX:NEWMETAL is worth is not known: add its multiplier under"),
    ],
)
def test_what_is_not_clear_goes_to_a_person_in_clear_words(market, exchange, symbol, words):
    resolution = resolve(exchange, symbol, now=NOW)
    assert words in resolution.problem
    if not resolution.listed:
        assert (resolution.exchange, resolution.tradingsymbol) == (exchange, symbol)


def test_several_look_alikes_are_named_and_none_is_chosen(market):
    for symbol in ("MM", "M-M", "M.M"):
        add("NSE", symbol)
    resolution = resolve("NSE", "M_M", now=NOW)
    assert resolution.tradingsymbol == "M_M"
    assert "may be NSE:M&M or NSE:M-M or NSE:M.M, among others." in resolution.problem
    assert resolve("NSE", "M&M", now=NOW).tradingsymbol == "M&M"


def test_several_series_are_not_chosen_between(market):
    add("NSE", "CENTRALBK-BZ")
    assert "may be" in resolve("NSE", "CENTRALBK", now=NOW).problem


def test_a_share_of_its_own_wins_over_one_with_a_series(market):
    add("NSE", "CENTRALBK")
    assert resolve("NSE", "CENTRALBK", now=NOW).tradingsymbol == "CENTRALBK"


def test_a_multiplier_that_is_added_ends_the_problem(market):
    ContractRule.objects.create(exchange="MCX", name="NEWMETAL", multiplier=Decimal(250))
    resolution = resolve("MCX", "NEWMETALZ2026", now=NOW)
    assert (resolution.problem, resolution.multiplier) == ("", 250)


def test_a_contract_that_expired_is_refused(market):
    resolution = resolve("NSE", "NIFTYX2026", now=NOW + timedelta(days=2))
    assert resolution.problem == (
        "NFO:NIFTY26NOVFUT expired on 24 Nov 2026: choose another contract."
    )


# -- continuous charts -------------------------------------------------------------------------


@pytest.fixture
def trusting():
    return Strategy(name="trend", continuous_futures=True)


@pytest.mark.parametrize(
    ("symbol", "days", "found"),
    [
        ("NIFTY1!", 0, "NIFTY26NOVFUT"),
        ("NIFTY2!", 0, "NIFTY26DECFUT"),
        ("NIFTY1!", 2, "NIFTY26DECFUT"),
        ("NIFTY2!", 2, "NIFTY27JANFUT"),
    ],
)
def test_a_continuous_chart_is_the_nearest_future_for_a_strategy_that_says_so(
    market, trusting, symbol, days, found
):
    resolution = resolve("NSE", symbol, strategy=trusting, now=NOW + timedelta(days=days))
    assert (resolution.problem, resolution.key) == ("", f"NFO:{found}")


@pytest.mark.parametrize("strategy", [None, Strategy(name="plain")])
def test_a_continuous_chart_waits_for_a_person_otherwise(market, strategy):
    resolution = resolve("NSE", "NIFTY1!", strategy=strategy, now=NOW)
    assert resolution.tradingsymbol == "NIFTY1!"
    assert "NFO:NIFTY26NOVFUT or NFO:NIFTY26DECFUT" in resolution.problem
    assert "allow continuous futures" in resolution.problem


def test_on_the_day_of_expiry_a_person_chooses(market, trusting):
    resolution = resolve("NSE", "NIFTY1!", strategy=trusting, now=NOW + timedelta(days=1))
    assert "rolls over today: NFO:NIFTY26NOVFUT or NFO:NIFTY26DECFUT" in resolution.problem


def test_a_continuous_chart_beyond_the_last_future_is_not_guessed(market, trusting):
    assert (
        "the last future of M_M is M&M26DECFUT"
        in resolve("NSE", "M_M2!", strategy=trusting, now=NOW).problem
    )
    assert "not in the instrument list" in resolve("NSE", "GLOBE1!", strategy=trusting).problem


# -- overrides ---------------------------------------------------------------------------------


def override(symbol, exchange, tradingsymbol, **fields):
    return SymbolOverride.objects.create(
        source_symbol=symbol, exchange=exchange, tradingsymbol=tradingsymbol, **fields
    )


def test_an_override_wins_over_every_rule(market):
    override("INFY", "NFO", "NIFTY26DECFUT", source_exchange="NSE")
    found = resolve("NSE", "INFY", now=NOW)
    assert (found.key, found.overridden, found.lot_size) == ("NFO:NIFTY26DECFUT", True, 65)
    assert resolve("BSE", "INFY", now=NOW).key == "BSE:INFY"


def test_an_override_makes_a_foreign_symbol_tradable(market):
    override("NIFTY1!", "NFO", "NIFTY26DECFUT", source_exchange="NSEIX")
    assert resolve("NSEIX", "NIFTY1!", now=NOW).problem == ""


@pytest.mark.parametrize(("first", "last"), [(24, None), (None, 22)])
def test_an_override_holds_on_its_days_alone(market, first, last):
    days = {
        "valid_from": date(2026, 11, first) if first else None,
        "valid_until": date(2026, 11, last) if last else None,
    }
    override("M_M", "NSE", "GLOBE", **days)
    assert resolve("NSE", "M_M", now=NOW).tradingsymbol == "M&M"


def test_the_first_and_last_day_count_in_ist(market):
    override("M_M", "NSE", "GLOBE", valid_from=date(2026, 11, 24), valid_until=date(2026, 11, 24))
    midnight = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert resolve("NSE", "M_M", now=midnight).tradingsymbol == "GLOBE"
    before = midnight - timedelta(seconds=1)
    assert resolve("NSE", "M_M", now=before).tradingsymbol == "M&M"


def test_the_override_for_the_exchange_goes_before_the_one_for_any(market):
    override("M_M", "NSE", "INFY")
    override("M_M", "NSE", "GLOBE", source_exchange="NSE")
    assert resolve("NSE", "M_M", now=NOW).tradingsymbol == "GLOBE"


def test_overrides_that_contradict_each_other_decide_nothing(market):
    override("M_M", "NSE", "INFY")
    override("M_M", "NSE", "GLOBE")
    resolution = resolve("NSE", "M_M", now=NOW)
    assert resolution.tradingsymbol == "M_M"
    assert "contradict each other" in resolution.problem


def test_an_override_to_nothing_is_a_problem(market):
    override("M_M", "NSE", "GONE")
    assert "names NSE:GONE, which is not in the instrument list" in resolve("NSE", "M_M").problem


# -- without a list ----------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["INFY", "M_M", "NIFTYZ2026", "NIFTY1!"])
def test_without_a_list_paper_takes_the_symbol_as_it_is_and_live_does_not(db, symbol):
    paper = resolve("NSE", symbol, now=NOW)
    assert (paper.tradingsymbol, paper.problem, paper.listed) == (symbol, "", False)
    assert "No instrument list is loaded" in resolve("NSE", symbol, now=NOW, live=True).problem


def test_without_a_list_an_override_still_names_the_symbol(db):
    override("NIFTY1!", "NFO", "NIFTY26DECFUT")
    assert resolve("NSE", "NIFTY1!", now=NOW).key == "NFO:NIFTY26DECFUT"
    assert resolve("NSE", "NIFTY1!", now=NOW, live=True).problem


def test_an_instrument_is_looked_up_by_the_brokers_own_names(market):
    assert listed("NSE", "M&M", now=NOW).listed
    assert listed("NSE", "M_M", now=NOW) is None
    assert "is an index" in listed("NSE", "NIFTY 50", now=NOW).problem


# -- speed -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol", ["INFY", "NOSUCH", "NIFTYZ2026", "NIFTY261229C26000", "NIFTY1!", "NIFTY"]
)
def test_an_alert_costs_at_most_three_queries_and_scans_nothing(market, symbol):
    strategy = StrategyFactory(continuous_futures=True)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        resolve("NSE", symbol, strategy=strategy, now=NOW)
    assert 2 <= len(captured) <= 3
    if connection.vendor != "sqlite":
        return
    for query in captured.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = "\n".join(str(row[3]) for row in cursor.fetchall())
        assert "SCAN" not in plan.replace("SCAN CONSTANT ROW", ""), plan


def test_a_contract_is_found_through_its_key(market):
    """Not by reading every contract of the exchange."""
    if connection.vendor != "sqlite":
        return
    with CaptureQueriesContext(connection) as captured:
        resolve("NSE", "NIFTY1!", now=NOW)
    sql = captured.captured_queries[1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = str(cursor.fetchall())
    assert "instruments_search (exchange=? AND search_key>? AND search_key<?)" in plan
