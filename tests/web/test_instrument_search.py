"""Symbols are suggested while one types, on pages, in the admin and through the API."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from sigmatrader import clock
from tests.web.conftest import HOSTILE, HX
from trading.domain.session import trading_day
from trading.domain.symbols import search_key
from trading.models import ContractRule, Instrument, InstrumentLoad, SymbolOverride
from trading.services.instrument_search import search

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.db_backends,
    pytest.mark.usefixtures("contract_rules"),
]

OPTION = re.compile(r'<option value="([^"]*)">([^<]*)</option>')


def add(exchange, tradingsymbol, name="", **fields):
    values = {"instrument_type": "EQ", "segment": exchange} | fields
    return Instrument.objects.create(
        exchange=exchange,
        tradingsymbol=tradingsymbol,
        name=name or tradingsymbol,
        search_key=search_key(tradingsymbol),
        listed_on=trading_day(clock.now()),
        **values,
    )


@pytest.fixture
def market(db):
    today = trading_day(clock.now())
    add("NSE", "INFY", "INFOSYS")
    add("BSE", "INFY", "INFOSYS")
    add("NSE", "INFIBEAM", "INFIBEAM AVENUES")
    add("NSE", "TATAINFO", "TATA INFOTECH")
    add("NSE", "M&M", "MAHINDRA & MAHINDRA")
    add("NSE", "NIFTYBEES", "NIPPON NIFTY FUND")
    add("NSE", "NIFTY 50", segment="INDICES")
    near, far = today + timedelta(days=5), today + timedelta(days=40)
    future = {"name": "NIFTY", "instrument_type": "FUT", "segment": "NFO-FUT", "lot_size": 65}
    add("NFO", "NIFTYFARFUT", **future, expiry=far)
    add("NFO", "NIFTYNEARFUT", **future, expiry=near)
    add("NFO", "NIFTYOLDFUT", **future, expiry=today - timedelta(days=1))
    option = {"name": "NIFTY", "instrument_type": "CE", "segment": "NFO-OPT", "lot_size": 65}
    add("NFO", "NIFTY26000CE", **option, expiry=near, strike=Decimal(26000))


def names(text):
    return [str(one) for one in search(text)]


def test_the_exact_symbol_comes_first_then_its_kin_then_names(market):
    assert names("infy") == ["BSE:INFY", "NSE:INFY"]
    assert names("INF") == ["BSE:INFY", "NSE:INFY", "NSE:INFIBEAM", "NSE:TATAINFO"]
    assert names("infosys") == ["BSE:INFY", "NSE:INFY"]
    assert names("M_M") == names("m&m") == ["NSE:M&M"]


def test_shares_come_before_indices_futures_and_options_and_nothing_expired(market):
    assert names("nifty") == [
        "NSE:NIFTYBEES",
        "NSE:NIFTY 50",
        "NFO:NIFTYNEARFUT",
        "NFO:NIFTYFARFUT",
        "NFO:NIFTY26000CE",
    ]


def test_an_exchange_before_the_colon_narrows_the_search(market):
    assert names("nse:infy") == ["NSE:INFY"]
    assert names("NFO: nifty 26000") == ["NFO:NIFTY26000CE"]
    assert names("NASDAQ:INFY") == []


@pytest.mark.parametrize("text", ["", " ", "i", "&&&", "%%", "x" * 500, "नि", "\x00\x00"])
def test_what_is_no_symbol_finds_nothing(market, text):
    assert search(text) == []


def test_what_no_database_takes_is_left_out_of_the_search(market):
    assert names("in\x00fy\n") == ["BSE:INFY", "NSE:INFY"]


def test_twelve_are_enough(market):
    for number in range(30):
        add("NSE", f"SAME{number}")
    assert len(search("same")) == 12


# -- the box -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["q", "symbol", "tradingsymbol"])
def test_the_suggestions_are_options_of_a_datalist(desk, market, name):
    response = desk.client.get(reverse("instrument_search"), {name: "nifty"}, headers=HX)
    assert response.status_code == 200
    options = OPTION.findall(response.content.decode())
    assert [value for value, _ in options][:3] == ["NIFTYBEES", "NIFTY 50", "NIFTYNEARFUT"]
    assert options[0][1] == "NSE · NIPPON NIFTY FUND"
    assert options[1][1] == "NSE · index, can't be traded"
    assert options[2][1].startswith("NFO · NIFTY FUT · ")
    assert options[4][1].startswith("NFO · NIFTY CE 26,000.00 · ")
    assert options[4][1].endswith(" · lot 65")
    assert "<html" not in response.content.decode()


def test_the_suggestions_escape_what_the_list_says(desk, market):
    add("NSE", "EVIL", HOSTILE)
    page = desk.client.get(reverse("instrument_search"), {"q": "evil"}).content.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_nothing_typed_suggests_nothing(desk, market):
    response = desk.client.get(reverse("instrument_search"))
    assert (response.status_code, response.content.strip()) == (200, b"")


def test_suggestions_are_for_people_who_are_logged_in(client, market):
    response = client.get(reverse("instrument_search"), {"q": "infy"})
    assert (response.status_code, response.url.split("?")[0]) == (302, reverse("login"))
    assert client.post(reverse("instrument_search")).status_code in (302, 403)


def test_the_filter_of_orders_has_the_box_and_works_as_plain_text_too(desk, market):
    page = desk.client.get(reverse("orders"), {"symbol": "INFY"}).content.decode()
    box = re.search(r'<input[^>]*name="symbol"[^>]*>', page)[0]
    assert 'type="text"' in box
    assert 'value="INFY"' in box
    assert f'hx-get="{reverse("instrument_search")}"' in box
    options = re.search(r' list="([^"]+)"', box)[1]
    assert f'<datalist id="{options}"></datalist>' in page
    assert f'hx-target="#{options}"' in box


# -- the API -----------------------------------------------------------------------------------


def test_the_api_lists_what_was_found(desk, market):
    found = desk.client.get("/api/instruments/", {"q": "nifty 50"}).json()
    assert [one["symbol"] for one in found] == ["NSE:NIFTY 50"]
    assert found[0]["tradable"] is False
    option = desk.client.get("/api/instruments", {"q": "NFO:NIFTY26000CE"}).json()[0]
    assert option | {"expiry": "", "listed_on": ""} == {
        "symbol": "NFO:NIFTY26000CE",
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26000CE",
        "name": "NIFTY",
        "instrument_type": "CE",
        "segment": "NFO-OPT",
        "expiry": "",
        "strike": "26000",
        "tick_size": "0.05",
        "lot_size": 65,
        "tradable": True,
        "listed_on": "",
    }


@pytest.mark.parametrize("text", ["", "i", "x" * 65])
def test_the_api_names_what_is_wrong_with_the_question(desk, market, text):
    response = desk.client.get("/api/instruments/", {"q": text})
    assert response.status_code == 400
    assert response.json()["errors"] == {"q": ["Write 2 to 64 letters of a symbol."]}


def test_the_api_wants_a_user(client, market):
    assert client.get("/api/instruments/", {"q": "infy"}).status_code == 401


# -- the admin ---------------------------------------------------------------------------------


OVERRIDE = {
    "source_exchange": "nse",
    "source_symbol": "m_m",
    "exchange": "nse",
    "tradingsymbol": "m&m",
    "valid_from": "",
    "valid_until": "",
    "note": "",
}


def test_an_override_is_made_in_the_admin_with_suggestions(desk, market):
    url = reverse("admin:trading_symboloverride_add")
    page = desk.client.get(url).content.decode()
    assert f'hx-get="{reverse("instrument_search")}"' in page
    assert "django_htmx/htmx-2.min.js" in page
    assert '"includeIndicatorStyles":false' in page
    assert desk.client.post(url, OVERRIDE).status_code == 302
    made = SymbolOverride.objects.get()
    assert (made.source_exchange, made.source_symbol) == ("NSE", "M_M")
    assert (made.exchange, made.tradingsymbol) == ("NSE", "M&M")
    assert (
        "NSE:M&amp;M"
        in desk.client.get(reverse("admin:trading_symboloverride_changelist")).content.decode()
    )


def test_an_override_to_what_is_not_listed_is_refused_with_the_next_best(desk, market):
    url = reverse("admin:trading_symboloverride_add")
    response = desk.client.post(url, OVERRIDE | {"tradingsymbol": "INFI"})
    assert response.status_code == 200
    text = response.content.decode()
    assert "NSE:INFI is not in the instrument list. Did you mean NSE:INFIBEAM?" in text
    assert not SymbolOverride.objects.exists()


def test_an_override_may_be_made_before_there_is_a_list(desk, db):
    url = reverse("admin:trading_symboloverride_add")
    assert desk.client.post(url, OVERRIDE).status_code == 302


def test_loads_are_records_and_contract_rules_are_edited(desk, market):
    load = InstrumentLoad.objects.create(listed_on=trading_day(clock.now()), rows=117015)
    listing = reverse("admin:trading_instrumentload_changelist")
    assert "1,17,015" in desk.client.get(listing).content.decode()
    assert desk.client.get(reverse("admin:trading_instrumentload_add")).status_code == 403
    change = reverse("admin:trading_instrumentload_change", args=[load.pk])
    assert desk.client.post(change, {"rows": 1}).status_code == 403
    rule = ContractRule.objects.get(exchange="NFO", name="NIFTY")
    change = reverse("admin:trading_contractrule_change", args=[rule.pk])
    fields = {"exchange": "NFO", "name": "NIFTY", "freeze_quantity": 2000, "source": "circular"}
    assert desk.client.post(change, fields | {"multiplier": ""}).status_code == 302
    rule.refresh_from_db()
    assert rule.freeze_quantity == 2000
