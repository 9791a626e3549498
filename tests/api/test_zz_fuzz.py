import json, itertools, pytest
from tests.api.conftest import *
from tests.factories import make_order, StrategyFactory
from tests.api.test_orders import make_ended
from trading.domain.order import Status

pytestmark = [pytest.mark.django_db, pytest.mark.db_backends]
POOL = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**40,
    1.5,
    1e308,
    "",
    " ",
    "x",
    "NaN",
    "Infinity",
    "1e5",
    "-0",
    "0.00001",
    "9" * 60,
    "१२",
    "１",
    "a\x00b",
    "a\ud800",
    "\u202e",
    [],
    [1],
    ["x"],
    [[]],
    {},
    {"a": 1},
    {"a": {"b": []}},
    "x" * 5000,
    "2026-01-01",
    "NSE:INFY",
    "'; DROP",
    "GLOBAL",
    "HALTED",
    "MARKET",
]
F = {
    "POST strategies/": "name description execution_mode execution_target connection enabled archived default_order_type default_product market_protection off_hours time_to_live_seconds dedupe_window_seconds sizing_mode sizing_value id created_at".split(),
    "PATCH strategies/{s}/": "name description execution_mode execution_target connection enabled archived default_order_type default_product market_protection off_hours time_to_live_seconds dedupe_window_seconds sizing_mode sizing_value".split(),
    "POST risk-settings/": "scope strategy_id max_order_value max_quantity_per_order max_daily_loss allow_short_selling max_open_positions clamp_mode symbol_whitelist symbol_blacklist".split(),
    "POST trading-state/": "state scope connection_id strategy_id reason cancel_working square_off".split(),
    "PATCH orders/{o}/": "qty price trigger_price order_type product validity gtt version".split(),
    "PATCH orders/{o}/status/": ["status"],
    "POST orders/{o}/execute/": ["wait", "version"],
    "POST orders/{u}/resolve/": ["outcome", "broker_order_id", "reason"],
    "POST orders/{w}/modify/": "qty price trigger_price order_type validity".split(),
}
BASE = {
    "POST strategies/": {"name": "n"},
    "POST risk-settings/": {"scope": "GLOBAL"},
    "POST trading-state/": {"state": "REDUCING"},
    "POST orders/{u}/resolve/": {"outcome": "NOT_PLACED", "reason": "long enough"},
}


def test_fuzz(api):
    codes = {}
    from trading.api import waiting

    waiting.WAIT_SECONDS = 0
    for call, fields in F.items():
        for f, v in itertools.product(fields, POOL):
            ids = dict(s=StrategyFactory().pk) if "{s}" in call else {}
            if "{o}" in call:
                ids["o"] = make_order().pk
            if "{u}" in call:
                ids["u"] = make_ended(Status.UNKNOWN).pk
            if "{w}" in call:
                ids["w"] = make_ended(Status.SENT, order_type="LIMIT", price=5).pk
            m, p = call.format(**ids).split()
            body = {**BASE.get(call, {}), f: v}
            if "execute" in call and v in (True,):
                continue
            if "execute" in call:
                body.setdefault("wait", False)
            r = api.call(m, p, body)
            codes.setdefault((call, r.status_code), 0)
            codes[(call, r.status_code)] += 1
            assert r.status_code < 500, (call, f, v, r.content)
            if r.status_code == 201 and "strategies" in p:
                from trading.models import Strategy

                Strategy.objects.filter(pk=r.json()["id"]).delete()
            if r.status_code == 201 and "risk" in p:
                from risk.models import RiskSettings

                RiskSettings.objects.all().delete()
    for q in (
        "status",
        "side",
        "mode",
        "strategy_id",
        "symbol",
        "simulated",
        "from",
        "to",
        "cursor",
        "limit",
        "scope",
        "outcome",
    ):
        for v in POOL:
            for p in ("orders/", "orders/queue/", "alerts/", "trades/", "risk-settings/"):
                if isinstance(v, str) and "\ud800" in v:
                    continue
                r = api.get(p, **{q: str(v)})
                assert r.status_code < 500, (p, q, v)
    print(codes)
