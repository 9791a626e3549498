"""The daily list: in use only when it is whole, the old one kept otherwise."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from brokers.errors import OutcomeUnknown, SessionExpired
from brokers.port import InstrumentRow
from sigmatrader import clock
from trading.models import Instrument, InstrumentLoad
from trading.services import instrument_list
from trading.services.errors import Conflict
from trading.services.instrument_list import due_since, is_due, list_problem, load

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]

MONDAY = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)  # 09:00 IST
DAY = timedelta(days=1)
DEC = date(2026, 12, 29)
HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)


def row(tradingsymbol="INFY", exchange="NSE", **fields):
    values = {
        "name": tradingsymbol,
        "instrument_token": 408065,
        "instrument_type": "EQ",
        "segment": exchange,
        "expiry": None,
        "strike": None,
        "tick_size": Decimal("0.05"),
        "lot_size": 1,
    } | fields
    return InstrumentRow(exchange=exchange, tradingsymbol=tradingsymbol, **values)


def shares(count, start=0, **fields):
    return [row(f"SHARE{number}", **fields) for number in range(start, start + count)]


def loaded(rows, now=MONDAY, **options):
    return load(iter(rows), None, now, **options)


def symbols():
    return set(Instrument.objects.values_list("tradingsymbol", flat=True))


@pytest.fixture
def clock_at():
    """`clock_at(moment)` sets the time."""
    yield lambda moment: clock.use(lambda: moment)
    clock.use(None)


def test_every_row_is_kept_with_all_that_it_says():
    option = row(
        "NIFTY26DEC26000CE",
        "NFO",
        name="NIFTY",
        instrument_type="CE",
        segment="NFO-OPT",
        expiry=DEC,
        strike=Decimal(26000),
        lot_size=65,
    )
    got = loaded([row("M&M", tick_size=Decimal("0.1")), option])
    assert (got.rows, got.skipped, got.error, got.whole) == (2, 0, "", True)
    share, contract = Instrument.objects.order_by("exchange")[::-1]
    assert (share.tradingsymbol, share.search_key, share.tick_size) == ("M&M", "MM", Decimal("0.1"))
    assert (share.expiry, share.strike, share.listed_on) == (None, None, date(2026, 11, 23))
    assert (contract.name, contract.instrument_type, contract.segment) == ("NIFTY", "CE", "NFO-OPT")
    assert (contract.expiry, contract.strike, contract.lot_size) == (DEC, 26000, 65)


def test_the_next_list_changes_what_has_changed_and_removes_what_is_gone():
    loaded([*shares(4), row("NIFTY26DECFUT", "NFO", expiry=DEC, lot_size=75)])
    first = Instrument.objects.get(tradingsymbol="SHARE1").pk
    new = row("NIFTY26DECFUT", "NFO", expiry=DEC, lot_size=65)
    assert loaded([*shares(4, start=1), new], MONDAY + DAY).whole
    assert symbols() == {"SHARE1", "SHARE2", "SHARE3", "SHARE4", "NIFTY26DECFUT"}
    assert Instrument.objects.get(tradingsymbol="NIFTY26DECFUT").lot_size == 65
    assert Instrument.objects.get(tradingsymbol="SHARE1").pk == first


def test_contracts_that_expired_leave_and_those_of_today_stay():
    today = MONDAY.date()
    fut = {"exchange": "NFO", "lot_size": 65}
    loaded([row(), row("OLDFUT", expiry=today - DAY, **fut), row("LASTFUT", expiry=today, **fut)])
    assert symbols() == {"INFY", "LASTFUT"}


def test_an_index_without_lot_and_tick_is_kept_and_other_such_rows_are_counted():
    index = row("NIFTY 50", segment="INDICES", tick_size=Decimal(0), lot_size=0)
    bad = [row("X", lot_size=0), row("Y", tick_size=Decimal(0)), row(""), row("Z" * 129)]
    got = loaded([index, *bad, row()])
    assert (got.rows, got.skipped) == (2, 4)
    assert symbols() == {"NIFTY 50", "INFY"}


def test_a_symbol_that_stands_twice_counts_once_as_it_stands_last():
    got = loaded([row(lot_size=5), row(lot_size=7)])
    assert got.whole
    assert Instrument.objects.get().lot_size == 7


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "is empty"),
        (shares(4), "nothing of BSE"),
        ([row("OLD", "BSE")], "nothing of NSE"),
        ([*shares(4), row("OLD", "BSE")], "has 5 instruments, and the one in use 11"),
    ],
)
def test_a_list_that_can_not_be_whole_is_refused_and_the_old_one_kept(rows, words):
    loaded([*shares(10), row("OLD", "BSE")])
    got = loaded([*rows], MONDAY + DAY)
    assert words in got.error
    assert not got.whole
    assert Instrument.objects.count() == 11
    assert set(Instrument.objects.values_list("listed_on", flat=True)) == {date(2026, 11, 23)}


def test_half_of_the_old_list_is_enough_and_a_person_may_accept_less():
    loaded(shares(10))
    assert loaded(shares(5), MONDAY + DAY).whole
    assert loaded(shares(1), MONDAY + 2 * DAY, accept_smaller=True).whole
    assert Instrument.objects.count() == 1


def test_an_exchange_whose_contracts_have_all_expired_is_not_missed():
    future = row("USDINR26NOVFUT", "BCD", expiry=date(2026, 11, 24))
    loaded([*shares(3), future])
    assert loaded(shares(3), MONDAY + 2 * DAY).whole
    assert symbols() == {"SHARE0", "SHARE1", "SHARE2"}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (SessionExpired("Log in again."), "Log in again."),
        (OutcomeUnknown("The answer broke off."), "The answer broke off."),
        (RuntimeError("with details inside"), "RuntimeError"),
    ],
)
def test_a_list_that_breaks_off_changes_nothing_and_is_recorded(fault, text):
    loaded(shares(3))

    def broken() -> Iterator[InstrumentRow]:
        yield row("SHARE0", lot_size=99)
        raise fault

    with pytest.raises(type(fault)):
        load(broken(), None, MONDAY + DAY)
    last = InstrumentLoad.objects.first()
    assert (last.error, last.whole) == (text, False)
    assert set(Instrument.objects.values_list("lot_size", flat=True)) == {1}


def test_nothing_is_written_before_the_list_has_come_to_its_end():
    def watched() -> Iterator[InstrumentRow]:
        for number in range(1200):
            assert connection.savepoint_ids == []  # inside no transaction of the load's own
            yield row(f"SHARE{number}")
        assert not Instrument.objects.exists()

    assert load(watched(), None, MONDAY).rows == 1200
    assert Instrument.objects.count() == 1200


def test_while_it_is_written_the_list_is_not_todays_yet(monkeypatch):
    seen = []
    write = instrument_list._write

    def watched(spool, today):
        write(spool, today)
        seen.append((Instrument.objects.count(), list_problem(MONDAY), is_due(MONDAY)))

    monkeypatch.setattr(instrument_list, "_write", watched)
    loaded(shares(3))
    assert seen == [
        (
            3,
            "Today's instrument list is not loaded yet: log in to the broker, which loads it.",
            False,
        )
    ]
    assert list_problem(MONDAY) == ""


def test_each_transaction_writes_a_few_hundred_rows_at_most(monkeypatch):
    sizes = []
    create = type(Instrument.objects).bulk_create

    def counted(self, rows, **options):
        sizes.append(len(rows))
        return create(self, rows, **options)

    monkeypatch.setattr(type(Instrument.objects), "bulk_create", counted)
    loaded(shares(1201))
    assert sizes == [500, 500, 201]


def test_two_loads_at_once_are_one_too_many():
    InstrumentLoad.objects.create(started_at=MONDAY, listed_on=MONDAY.date())
    with pytest.raises(Conflict):
        loaded(shares(3), MONDAY + timedelta(minutes=4))
    assert loaded(shares(3), MONDAY + timedelta(minutes=5)).whole


# -- when it is due ----------------------------------------------------------------------------


def ist(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=clock.IST)


@pytest.mark.parametrize(
    ("now", "since"),
    [
        (ist(23, 8, 30), ist(23, 8, 30)),
        (ist(23, 23, 59), ist(23, 8, 30)),
        (ist(23, 8, 29), ist(20, 8, 30)),
        (ist(21, 12), ist(20, 8, 30)),
        (ist(24, 12), ist(24, 8, 30)),  # NSE is closed, commodities trade in the evening
    ],
)
def test_the_list_is_of_the_last_trading_day_from_half_past_eight_on(now, since):
    assert due_since(now) == since


def test_a_list_is_due_until_one_of_today_is_whole(clock_at):
    assert is_due(ist(23, 8, 30))
    assert "not loaded yet" in list_problem(ist(23, 8, 30))
    clock_at(ist(23, 8, 31))
    loaded(shares(2), ist(23, 8, 31))
    assert not is_due(ist(23, 12))
    assert list_problem(ist(23, 12)) == ""
    assert list_problem(ist(24, 8, 29)) == ""
    assert is_due(ist(24, 8, 30))
    assert list_problem(ist(24, 8, 30))


def test_a_list_from_before_half_past_eight_is_yesterdays(clock_at):
    clock_at(ist(23, 7))
    loaded(shares(2), ist(23, 7))
    assert not is_due(ist(23, 8, 29))
    assert is_due(ist(23, 8, 30))


def test_a_load_that_failed_is_tried_again_after_five_minutes(clock_at):
    clock_at(ist(23, 8, 31))
    loaded([], ist(23, 8, 31))
    assert "is empty" in list_problem(ist(23, 8, 32))
    assert not is_due(ist(23, 8, 35))
    assert is_due(ist(23, 8, 36))


def test_a_load_that_died_is_tried_again_after_five_minutes():
    InstrumentLoad.objects.create(started_at=ist(23, 8, 30), listed_on=date(2026, 11, 23))
    assert not is_due(ist(23, 8, 34))
    assert is_due(ist(23, 8, 35))
    assert list_problem(ist(23, 8, 35))


# -- from a file -------------------------------------------------------------------------------


def test_a_file_of_the_brokers_is_loaded(tmp_path, capsys, clock_at):
    clock_at(MONDAY)
    path = tmp_path / "instruments.csv"
    path.write_text(
        HEADER
        + '408065,1594,INFY,"INFOSYS, LIMITED",0,,0,0.1,1,EQ,NSE,NSE\n'
        + "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n"
        + "1,1,NIFTY26DEC26000CE,NIFTY,0,2026-12-29,26000,0.05,65,CE,NFO-OPT,NFO\n"
    )
    call_command("syncinstruments", file=str(path))
    assert capsys.readouterr().out == "3 instruments of 2026-11-23.\n"
    assert Instrument.objects.get(tradingsymbol="INFY").name == "INFOSYS, LIMITED"
    assert Instrument.objects.get(instrument_type="CE").strike == 26000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "instrument_token, tradingsymbol.* is missing"),
        ("", "is missing"),
        (HEADER + "x,1,INFY,INFY,0,,0,0.1,1,EQ,NSE,NSE\n", "Line 2 can't be read: .*'x'"),
        (HEADER + "1,1,INFY,INFY,0,,0,dear,1,EQ,NSE,NSE\n", "Line 2 .* tick_size is 'dear'"),
        (HEADER + "1,1,INFY,INFY,0,,0,nan,1,EQ,NSE,NSE\n", "Line 2 .* tick_size is 'nan'"),
        (HEADER + "1,1,INFY,INFY,0,tomorrow,0,0.1,1,EQ,NSE,NSE\n", "Line 2 .*tomorrow"),
        (HEADER + "1,1,INFY\n", "Line 2 can't be read"),
        (HEADER, "is empty"),
    ],
)
def test_a_file_that_is_no_list_is_refused_by_line_and_reason(tmp_path, text, words):
    path = tmp_path / "instruments.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=words):
        call_command("syncinstruments", file=str(path))
    assert not Instrument.objects.exists()
    assert InstrumentLoad.objects.get().error not in ("", "BadList")


def test_a_file_or_account_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(CommandError, match="can't be read"):
        call_command("syncinstruments", file=str(tmp_path / "none.csv"))
    with pytest.raises(CommandError, match="no account nobody"):
        call_command("syncinstruments", connection="nobody")
    with pytest.raises(CommandError, match="No live account"):
        call_command("syncinstruments")
