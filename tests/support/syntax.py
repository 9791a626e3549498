"""Reads the source as syntax trees, for tests of the conventions that matter."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("sigmatrader", "trading", "risk", "brokers")
_NOT_OURS = {
    ".git",
    ".venv",
    ".hypothesis",
    ".import_linter_cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "__pycache__",
    "node_modules",
    "staticfiles",
    "test-artifacts",
    "var",
}

# Methods that write rows; a keyword `status`, or a dict with it, is a write of the status.
_WRITERS = {
    "update", "create", "get_or_create", "update_or_create",
    "aupdate", "acreate", "aget_or_create", "aupdate_or_create",
}  # fmt: skip
_INSERTERS = {name for name in _WRITERS if name not in ("update", "aupdate")} | {
    "bulk_create",
    "abulk_create",
}
_LISTING = {"save", "asave", "bulk_update", "abulk_update"}
_ORDERS_IN_SQL = re.compile(r"\b(update|insert\s+into|replace\s+into)\s+\"?orders\b", re.IGNORECASE)


@cache
def files(*folders: str, suffix: str = ".py") -> tuple[Path, ...]:
    """Every file with that ending below the folders ("." for the whole repository), sorted."""
    found: list[Path] = []
    for folder in folders:
        start = REPOSITORY / folder
        if start.is_file():
            found.append(start)
            continue
        for path in start.rglob(f"*{suffix}"):
            if path.is_file() and not _NOT_OURS & set(path.relative_to(REPOSITORY).parts):
                found.append(path)
    return tuple(sorted(found))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"


def _root_name(node: ast.expr) -> str:
    """The name that a chain of attributes and calls starts from: Order for Order.objects.all()."""
    while True:
        if isinstance(node, ast.Attribute):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return node.id if isinstance(node, ast.Name) else ""


def _names(node: ast.AST | None) -> set[str]:
    """Every string constant below a node."""
    if node is None:
        return set()
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def _has_status_key(node: ast.expr) -> bool:
    if isinstance(node, ast.Dict):
        return any(isinstance(key, ast.Constant) and key.value == "status" for key in node.keys)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        return any(keyword.arg == "status" for keyword in node.keywords)
    return False


def _call_writes_status(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else ""
    called = name or (function.id if isinstance(function, ast.Name) else "")
    if called == "setattr":
        return len(call.args) > 1 and "status" in _names(call.args[1])
    if called == "Order":
        return any(
            word.arg == "status" or (word.arg is None and _has_status_key(word.value))
            for word in call.keywords
        )
    if name in _LISTING:
        listed = [*call.args, *(word.value for word in call.keywords)]
        return any("status" in _names(part) for part in listed) or (
            name in ("save", "asave")
            and _root_name(function).endswith("order")
            and not any(word.arg == "update_fields" for word in call.keywords)
        )
    about_orders = _root_name(function) == "Order" or (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "orders"
    )
    if name in _INSERTERS and about_orders:
        return True
    if name not in _WRITERS:
        return False
    return any(
        word.arg == "status" or _has_status_key(word.value) or (word.arg is None and about_orders)
        for word in call.keywords
    )


def status_writes(module: ast.Module, *, self_is_a_model: bool = False) -> Iterator[ast.AST]:
    """Every place that may write an order's status.

    That is: an assignment to `.status` (of `self` only inside models), setattr, a queryset's
    update or create that names it or takes unknown values for orders, an insert of an order by
    other means than the one service, saving an order's whole row, and SQL on the table.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if node.attr == "status" and (self_is_a_model or not own):
                yield node
        elif isinstance(node, ast.Call):
            if _call_writes_status(node):
                yield node
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _ORDERS_IN_SQL.search(node.value)
        ):
            yield node


def imports_of(module: ast.Module, package: str) -> Iterator[ast.AST]:
    """Every import of `package` or a part of it, at any depth, import_module included."""

    def inside(name: str | None) -> bool:
        return name is not None and (name == package or name.startswith(f"{package}."))

    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            if any(inside(alias.name) for alias in node.names):
                yield node
        elif isinstance(node, ast.ImportFrom):
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            if inside(node.module) or any(inside(name) for name in full):
                yield node
        elif isinstance(node, ast.Call) and node.args:
            function = node.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            first = node.args[0]
            named = str(first.value) if isinstance(first, ast.Constant) else ""
            if name in ("import_module", "__import__") and inside(named):
                yield node


def _catches_all(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(getattr(one, "id", "") in ("Exception", "BaseException") for one in kinds)


def swallowed_exceptions(module: ast.Module) -> Iterator[ast.AST]:
    """Handlers of every exception that do nothing, and suppress(Exception)."""
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type):
            if all(
                isinstance(part, ast.Pass | ast.Continue)
                or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
                for part in node.body
            ):
                yield node
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "suppress" and any(_catches_all(one) for one in node.args):
                yield node


def floats(module: ast.Module) -> Iterator[ast.AST]:
    """Every mention of the type `float`, and every floating-point literal."""
    for node in ast.walk(module):
        if (isinstance(node, ast.Name) and node.id == "float") or (
            isinstance(node, ast.Constant) and isinstance(node.value, float)
        ):
            yield node


def clock_readings(module: ast.Module) -> Iterator[ast.AST]:
    """Calls that ask the machine for the date or time of day instead of the one clock.

    A row's own bookkeeping (auto_now) is left to Django: nothing is decided by it.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, root = node.func.attr, _root_name(node.func)
            if (
                name in ("now", "utcnow", "today", "localdate", "localtime")
                and root in ("datetime", "date", "timezone", "dt")
            ) or (name in ("time", "time_ns", "gmtime", "localtime") and root == "time"):
                yield node
