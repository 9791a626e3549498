"""Conventions that matter are checked here: who writes a status, who may see the broker's client.

Each check is shown to find what it looks for before it is believed about the source.
"""

import ast

import pytest

from tests.support import syntax
from tests.support.limit_writes import limit_writes

LIFECYCLE = syntax.REPOSITORY / "trading/services/lifecycle.py"
LIMITS = syntax.REPOSITORY / "risk/settings_service.py"
CLOCK = syntax.REPOSITORY / "sigmatrader/clock.py"
KITE_CLIENT = syntax.REPOSITORY / "brokers/zerodha/client.py"
MONEY_CODE = (
    "trading/domain",
    "risk/engine",
    "brokers/paper",
    "brokers/port.py",
)


@pytest.mark.parametrize(
    "line",
    [
        "order.status = 'SENT'",
        "orders[0].status, other = 'SENT', 1",
        "order.status: str = 'SENT'",
        "del order.status",
        "setattr(order, 'status', 'SENT')",
        "Order.objects.filter(pk=1).update(status='SENT')",
        "queryset.update(**{'status': 'SENT'})",
        "Order.objects.filter(pk=1).update(**changes)",
        "Order(symbol='NSE:INFY', status='SENT')",
        "Order(**{'status': 'SENT'})",
        "Order.objects.create(symbol='NSE:INFY')",
        "strategy.orders.create(symbol='NSE:INFY')",
        "Order.objects.bulk_create(rows)",
        "manager.update_or_create(pk=1, defaults={'status': 'SENT'})",
        "manager.update_or_create(pk=1, defaults=dict(status='SENT'))",
        "Order.objects.bulk_update(rows, ['status'])",
        "order.save(update_fields=['status', 'version'])",
        "order.save()",
        "cursor.execute('UPDATE orders SET version = 2')",
    ],
)
def test_every_way_to_write_a_status_is_seen(line):
    assert list(syntax.status_writes(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "if order.status == 'SENT': pass",
        "Order.objects.filter(status='WAITING').update(not_before=None)",
        "Order.objects.exclude(status='WAITING').count()",
        "order.save(update_fields=['price'])",
        "Order(symbol='NSE:INFY')",
        "answer = {'status': 'accepted'}",
        "self.status = 422",
        "Strategy.objects.create(name='one')",
        "strategy.save()",
        "texts.update(orders='update of orders')",
    ],
)
def test_reading_a_status_is_not_taken_for_writing_it(line):
    assert not list(syntax.status_writes(ast.parse(line)))


def test_self_is_an_order_inside_the_models():
    line = ast.parse("self.status = 'SENT'")
    assert list(syntax.status_writes(line, self_is_a_model=True))


def test_only_lifecycle_writes_the_status_of_an_order():
    found = [
        syntax.place(path, node)
        for path in syntax.files("sigmatrader", "trading", "risk")
        if path != LIFECYCLE and "migrations" not in path.parts
        for node in syntax.status_writes(syntax.tree(path), self_is_a_model="models" in path.parts)
    ]
    assert found == []


def test_lifecycle_does_write_it():
    assert list(syntax.status_writes(syntax.tree(LIFECYCLE)))


def test_brokers_and_risk_never_see_the_orders_table():
    """Their own rows have statuses too; they can't reach ours."""
    found = [
        syntax.place(path, node)
        for path in syntax.files("brokers", "risk")
        for package in ("trading.models", "trading.services")
        for node in syntax.imports_of(syntax.tree(path), package)
    ]
    found += [
        syntax.place(path, node)
        for path in syntax.files("brokers")
        for node in ast.walk(syntax.tree(path))
        if isinstance(node, ast.Constant) and node.value == "trading.Order"
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import kiteconnect",
        "from kiteconnect import KiteConnect",
        "def f():\n    from kiteconnect.exceptions import TokenException",
        "importlib.import_module('kiteconnect')",
    ],
)
def test_every_import_of_the_client_library_is_seen(line):
    assert list(syntax.imports_of(ast.parse(line), "kiteconnect"))


def test_only_the_kite_client_imports_kiteconnect():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*syntax.PACKAGES)
        if path != KITE_CLIENT
        for node in syntax.imports_of(syntax.tree(path), "kiteconnect")
    ]
    assert found == []


@pytest.mark.parametrize(
    "handler",
    [
        "except Exception:\n    pass",
        "except:\n    pass",
        "except (ValueError, Exception) as error:\n    ...",
        "except BaseException:\n    'never mind'",
    ],
)
def test_a_swallowed_exception_is_seen(handler):
    assert list(syntax.swallowed_exceptions(ast.parse(f"try:\n    work()\n{handler}")))
    assert list(syntax.swallowed_exceptions(ast.parse("with suppress(Exception):\n    work()")))


def test_a_handled_exception_is_not_taken_for_a_swallowed_one():
    source = "try:\n    work()\nexcept Exception:\n    log()\nexcept KeyError:\n    pass"
    assert not list(syntax.swallowed_exceptions(ast.parse(source)))


def test_no_exception_is_swallowed():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*syntax.PACKAGES, "scripts", "tests")
        for node in syntax.swallowed_exceptions(syntax.tree(path))
    ]
    assert found == []


@pytest.mark.parametrize("line", ["x = float('1')", "def f(price: float): ...", "fee = 0.03"])
def test_a_float_is_seen(line):
    assert list(syntax.floats(ast.parse(line)))


def test_money_is_never_a_float():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*MONEY_CODE)
        for node in syntax.floats(syntax.tree(path))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "timezone.now()",
        "date.today()",
        "time.time()",
    ],
)
def test_a_reading_of_another_clock_is_seen(line):
    assert list(syntax.clock_readings(ast.parse(line)))


def test_all_code_asks_one_clock():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*syntax.PACKAGES)
        # The simulator stands for another machine, with a clock of its own.
        if path != CLOCK and not {"migrations", "simulator"} & set(path.parts)
        for node in syntax.clock_readings(syntax.tree(path))
    ]
    assert found == []


def test_no_test_is_skipped_or_expected_to_fail():
    forbidden = {"skip", "skipif", "xfail", "importorskip", "skipTest"}
    found = [
        syntax.place(path, node)
        for path in syntax.files("tests")
        for node in ast.walk(syntax.tree(path))
        if isinstance(node, ast.Attribute) and node.attr in forbidden
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "RiskSettings(scope='GLOBAL')",
        "models.RiskSettings(scope='GLOBAL')",
        "RiskSettings.objects.create(scope='GLOBAL')",
        "RiskSettings.objects.filter(pk=1).update(version=2)",
        "RiskSettings.objects.all().delete()",
        "RiskSettings.objects.bulk_create(rows)",
        "strategy.risk_settings.create(scope='STRATEGY')",
        "strategy.risk_settings.all().delete()",
        "row: RiskSettings = found\nrow.save()",
        "row: RiskSettings = found\nrow.delete()",
        "class A:\n    model = RiskSettings\n    def f(self):\n        super().save_model(1)",
    ],
)
def test_every_way_to_write_limits_is_seen(line):
    assert list(limit_writes(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "RiskSettings.objects.filter(scope='GLOBAL').count()",
        "Strategy.objects.create(name='one')",
        "def f(row: RiskSettings): self.delete_model(request, row)",
        "row.save()",
        "row: RiskSettings = found\nstate.save(update_fields=['state', 'reason'])",
    ],
)
def test_other_writes_are_not_taken_for_writes_of_limits(line):
    assert not list(limit_writes(ast.parse(line)))


def test_only_the_service_writes_limits():
    found = [
        syntax.place(path, node)
        for path in syntax.files(*syntax.PACKAGES)
        if path != LIMITS and not {"migrations", "models"} & set(path.parts)
        for node in limit_writes(syntax.tree(path))
    ]
    assert found == []


def test_the_service_does_write_them():
    assert list(limit_writes(syntax.tree(LIMITS)))
