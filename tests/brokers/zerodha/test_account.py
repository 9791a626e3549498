"""Positions, holdings, funds, costs, prices and instruments."""

from decimal import Decimal

import pytest

from brokers.errors import NotSupported, OutcomeUnknown, Refused
from brokers.port import ExecutedOrder
from tests.brokers.zerodha.samples import ORDER_ID, TOKEN, a_gtt, an_order, position_row
from tests.brokers.zerodha.stub import Answer, failure, success
from trading.domain.values import InstrumentKey, OrderType, Product, Side, Variety

INFY = InstrumentKey("NSE", "INFY")
HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange"
)


def positions(stub, *rows):
    stub.say("GET", "/portfolio/positions", success({"net": list(rows), "day": []}))


def test_a_positions_profit_is_split_into_what_is_realised_and_what_is_open(broker, stub):
    positions(stub, position_row())
    [position] = broker.positions()
    assert (position.product, position.quantity) == (Product.MIS, 6)
    assert position.unrealised == Decimal(60)
    assert position.realised == Decimal(40)
    assert position.day_pnl == Decimal(100)


def test_a_flat_position_is_all_realised_whatever_kite_calls_it(broker, stub):
    positions(
        stub,
        position_row(
            quantity=0,
            average_price=0,
            sell_value=15200.0,
            realised=0,
            unrealised=200.0,
            m2m=200.0,
        ),
    )
    [position] = broker.positions()
    assert (position.realised, position.unrealised) == (Decimal(200), Decimal(0))


def test_a_contracts_multiplier_counts_and_yesterdays_gain_is_not_todays(broker, stub):
    positions(
        stub,
        position_row(
            exchange="MCX",
            tradingsymbol="GOLDGUINEA26DECFUT",
            product="NRML",
            quantity=-1,
            multiplier=8,
            average_price=9336.0,
            last_price=9235.875,
            buy_value=0,
            sell_value=74688.0,
            m2m=276.0,
        ),
    )
    [position] = broker.positions()
    assert (position.realised, position.unrealised) == (Decimal(0), Decimal(801))
    assert (position.day_pnl, position.multiplier) == (Decimal(276), Decimal(8))


def test_the_noise_of_rounded_averages_is_not_profit(broker, stub):
    positions(
        stub,
        position_row(quantity=3, average_price=1500.3333333333333, buy_value=4501, sell_value=0),
    )
    assert broker.positions()[0].realised == 0


def test_a_position_without_a_last_price_is_open_at_no_profit(broker, stub):
    positions(stub, position_row(last_price=0))
    [position] = broker.positions()
    assert (position.last_price, position.unrealised) == (None, Decimal(0))
    assert position.realised == Decimal(40)


def test_a_strange_position_is_named_and_left_out(broker, stub):
    positions(stub, position_row(), position_row(tradingsymbol="TCS", product="CO"))
    assert [one.tradingsymbol for one in broker.positions()] == ["INFY"]
    assert "NSE:TCS" in broker.unreadable[0]


@pytest.mark.parametrize(
    "odd",
    [
        {"quantity": "6"},
        {"quantity": 10**13},
        {"quantity": 10**30},
        {"average_price": 1e14, "quantity": 10**9},
        {"multiplier": 0},
        {"m2m": 1e20},
        {"tradingsymbol": "A\nB"},
        {"tradingsymbol": "A" * 129},
    ],
)
def test_a_malformed_position_is_named_and_hides_no_other(broker, stub, odd):
    positions(stub, position_row(**({"tradingsymbol": "TCS"} | odd)), position_row())
    assert [one.tradingsymbol for one in broker.positions()] == ["INFY"]
    [line] = broker.unreadable
    assert "NSE:" in line


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"net": None},
        {"net": {}},
        {"net": [1]},
        {"net": [position_row(quantity="6")]},
        {"net": [position_row(quantity=None)]},
        {"net": [position_row(multiplier=0)]},
        {"net": [position_row(buy_value=None)]},
    ],
)
def test_positions_that_cannot_be_read_are_an_error(broker, stub, data):
    stub.say("GET", "/portfolio/positions", success(data))
    with pytest.raises(OutcomeUnknown):
        broker.positions()


def test_holdings_tell_settled_new_and_sold_shares_apart(broker, stub):
    row = {
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "quantity": 5,
        "t1_quantity": 2,
        "used_quantity": 1,
        "average_price": 1400.55,
        "last_price": 1500,
        "pnl": 696.15,
    }
    stub.say("GET", "/portfolio/holdings", success([row]))
    [holding] = broker.holdings()
    assert (holding.quantity, holding.t1_quantity, holding.used_quantity) == (5, 2, 1)
    assert (holding.average_price, holding.pnl) == (Decimal("1400.55"), Decimal("696.15"))
    stub.say("GET", "/portfolio/holdings", success([row | {"quantity": None}]))
    with pytest.raises(OutcomeUnknown):
        broker.holdings()
    stub.say("GET", "/portfolio/holdings", success([row | {"pnl": 1e18}, row]))
    assert broker.holdings() == [holding]
    assert "NSE:INFY" in broker.unreadable[0]


def wallet(net, debits, enabled=True):
    return {"enabled": enabled, "net": net, "utilised": {"debits": debits}, "available": {}}


def test_funds_are_what_can_be_spent_not_the_cash_of_the_morning(broker, stub):
    data = {"equity": wallet(74251.8, 25748.2), "commodity": wallet(0, 0, enabled=False)}
    stub.say("GET", "/user/margins", success(data))
    margins = broker.margins()
    assert (margins.available, margins.used) == (Decimal("74251.8"), Decimal("25748.2"))
    assert margins.net == Decimal(100000)
    assert set(margins.raw) == {"equity", "commodity"}


def test_an_account_for_commodities_alone_has_their_wallet(broker, stub):
    data = {"equity": wallet(0, 0, enabled=False), "commodity": wallet(500, 0)}
    stub.say("GET", "/user/margins", success(data))
    assert broker.margins().available == 500
    stub.say("GET", "/user/margins", success({"equity": wallet(1, 1, enabled=False)}))
    with pytest.raises(OutcomeUnknown):
        broker.margins()


def test_an_orders_cost_is_its_margin_and_its_charges(broker, stub):
    answer = [{"total": 2981.0, "charges": {"total": 12.35}, "leverage": 5}]
    stub.say("POST", "/margins/orders", success(answer))
    cost = broker.order_cost(a_gtt())
    assert (cost.required, cost.charges) == (Decimal(2981), Decimal("12.35"))
    [request] = stub.seen
    assert request.json == [
        {
            "exchange": "NSE",
            "tradingsymbol": "INFY",
            "transaction_type": "BUY",
            "variety": "regular",
            "product": "CNC",
            "order_type": "LIMIT",
            "quantity": 10,
            "price": 1451.0,
            "trigger_price": 0,
        }
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(400, "InputException", "No such symbol."), Refused),
        (failure(403, "PermissionException"), NotSupported),
        (success([]), OutcomeUnknown),
        (success([{"total": None}]), OutcomeUnknown),
    ],
)
def test_a_cost_that_cannot_be_told_is_an_error(broker, stub, answer, expected):
    stub.say("POST", "/margins/orders", answer)
    with pytest.raises(expected):
        broker.order_cost(an_order())


def executed(quantity=10, **changes):
    fields = {
        "order_id": ORDER_ID,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "side": Side.SELL,
        "product": Product.CNC,
        "order_type": OrderType.LIMIT,
        "variety": Variety.GTT,
        "quantity": quantity,
        "average_price": Decimal("1451.0625"),
    }
    return ExecutedOrder(**fields | changes)


def note_row(quantity=10, total=21.4567, **changes):
    """As Kite's virtual contract note has them: without an id."""
    row = {
        "transaction_type": "SELL",
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "variety": "regular",
        "product": "CNC",
        "order_type": "LIMIT",
        "quantity": quantity,
        "price": 1451.0625,
        "charges": {"transaction_tax": 14.51, "transaction_tax_type": "stt", "total": total},
    }
    return row | changes


def test_the_charges_of_executed_orders_are_those_of_the_contract_note(broker, stub):
    answer = [note_row(), note_row(20, 42)]
    stub.say("POST", "/charges/orders", success(answer))
    assert broker.charges([executed(), executed(20)]) == [Decimal("21.4567"), Decimal(42)]
    [request] = stub.seen
    assert request.json[0] == {
        "order_id": ORDER_ID,
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "SELL",
        "variety": "regular",
        "product": "CNC",
        "order_type": "LIMIT",
        "quantity": 10,
        "average_price": 1451.0625,
    }


def test_no_orders_need_no_contract_note(broker, stub):
    assert broker.charges([]) == []
    assert stub.seen == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (failure(400, "InputException", "Invalid tradingsymbol."), Refused),
        (failure(403, "PermissionException"), NotSupported),
        (failure(503, "NetworkException"), OutcomeUnknown),
        (success([]), OutcomeUnknown),
        (success([note_row(), note_row()]), OutcomeUnknown),
        (success([note_row(9)]), OutcomeUnknown),
        (success([note_row(transaction_type="BUY")]), OutcomeUnknown),
        (success([note_row(tradingsymbol="TCS")]), OutcomeUnknown),
        (success([note_row(total=None)]), OutcomeUnknown),
        (success([note_row(total=-1)]), OutcomeUnknown),
        (success([note_row(charges=None)]), OutcomeUnknown),
    ],
)
def test_charges_that_are_not_those_of_the_orders_are_an_error(broker, stub, answer, expected):
    stub.say("POST", "/charges/orders", answer)
    with pytest.raises(expected):
        broker.charges([executed()])


def test_last_prices_are_asked_together_and_the_unknown_is_absent(broker, stub):
    stub.say("GET", "/quote/ltp", success({"NSE:INFY": {"last_price": 1074.35}}))
    nifty = InstrumentKey("NSE", "NIFTY 50")
    prices = broker.last_prices([INFY, nifty])
    assert set(prices) == {INFY}
    assert prices[INFY][0] == Decimal("1074.35")
    [request] = stub.seen
    assert request.query["i"] == ["NSE:INFY", "NSE:NIFTY 50"]
    assert broker.last_prices([]) == {}


@pytest.mark.parametrize("odd", [5, {"last_price": "1"}, {"last_price": 1e20}, None])
def test_an_odd_quote_hides_no_other(broker, stub, odd):
    tcs = InstrumentKey("NSE", "TCS")
    stub.say("GET", "/quote/ltp", success({"NSE:TCS": odd, "NSE:INFY": {"last_price": 1}}))
    assert set(broker.last_prices([INFY, tcs])) == {INFY}


def test_many_last_prices_take_several_calls(broker, stub):
    stub.say("GET", "/quote/ltp", success({}))
    broker.last_prices([InstrumentKey("NSE", f"S{number}") for number in range(1001)])
    assert [len(one.query["i"]) for one in stub.seen] == [500, 500, 1]


def test_an_app_without_market_data_has_no_prices(broker, stub):
    stub.say("GET", "/quote/ltp", failure(403, "PermissionException", "No market data."))
    with pytest.raises(NotSupported, match="No market data"):
        broker.last_prices([INFY])


def test_the_session_is_asked_of_kite(broker, stub):
    stub.say("GET", "/user/profile", success({"user_id": "AB1234", "user_name": "A Trader"}))
    state = broker.session()
    assert (state.connected, state.user_id, state.user_name) == (True, "AB1234", "A Trader")
    stub.say("GET", "/user/profile", failure(403, "TokenException", "Incorrect token."))
    state = broker.session()
    assert (state.connected, state.error) == (False, "Incorrect token.")
    stub.say("GET", "/user/profile", failure(503, "NetworkException"))
    with pytest.raises(OutcomeUnknown):
        broker.session()


def test_the_instrument_list_is_streamed_with_exact_numbers(broker, stub):
    lines = [
        HEADER,
        "408065,1594,INFY,INFOSYS,0,,0,0.05,1,EQ,NSE,NSE",
        "13355010,52168,NIFTY26NOV24000CE,NIFTY,0,2026-11-24,24000,0.05,65,CE,NFO-OPT,NFO",
        "",
    ]
    stub.say("GET", "/instruments", Answer("\n".join(lines), content_type="text/csv"))
    infy, option = broker.instruments()
    assert (infy.tradingsymbol, infy.tick_size, infy.strike) == ("INFY", Decimal("0.05"), None)
    assert (option.strike, option.lot_size) == (Decimal(24000), 65)
    assert str(option.expiry) == "2026-11-24"
    assert stub.seen[0].headers["authorization"].endswith(TOKEN)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(f"{HEADER}\n{'x' * 5000}\n", content_type="text/csv", act="cut"),
        Answer("a,b\n1,2\n", content_type="text/csv"),
        Answer(f"{HEADER}\n", content_type="text/csv"),
        Answer("", content_type="text/csv"),
        Answer(b"\xff\xfe\n", content_type="text/csv"),
        Answer(f"{HEADER}\n" + "x" * 100_000, content_type="text/csv"),
        Answer("<html>", content_type="text/html"),
        success([]),
        failure(503, "NetworkException"),
    ],
)
def test_an_instrument_list_that_is_not_whole_ends_with_an_error(broker, stub, answer):
    stub.say("GET", "/instruments", answer)
    with pytest.raises(OutcomeUnknown):
        list(broker.instruments())
