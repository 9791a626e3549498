"""Where code writes risk settings, read from its syntax tree."""

import ast
from collections.abc import Iterator

_MODEL = "RiskSettings"
_ROWS_OF = {_MODEL, "risk_settings"}  # the class, and a strategy's rows
_VERBS = {
    "create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "update",
    "delete", "acreate", "aget_or_create", "aupdate_or_create", "abulk_create", "abulk_update",
    "aupdate", "adelete",
}  # fmt: skip
_OF_A_ROW = {"save", "asave", "delete", "adelete"}
_OF_THE_ADMIN = {"save_model", "delete_model", "delete_queryset"}


def limit_writes(module: ast.Module) -> Iterator[ast.AST]:
    """Rows made, and writes by manager; where the model is named, also of a row by itself."""
    named = any(_last_name(node) == _MODEL for node in ast.walk(module))
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        verb = _last_name(node.func)
        by_rows = verb in _VERBS and any(_last_name(n) in _ROWS_OF for n in ast.walk(node.func))
        of_a_row = named and verb in _OF_A_ROW and not _saves_a_state(node)
        by_default = named and verb in _OF_THE_ADMIN and _is_super(node.func)
        if verb == _MODEL or by_rows or of_a_row or by_default:
            yield node


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _saves_a_state(call: ast.Call) -> bool:
    """A trading state lives in the same modules; its save lists its fields."""
    listed = [word.value for word in call.keywords if word.arg == "update_fields"]
    return any(
        isinstance(part, ast.Constant) and part.value == "state"
        for value in listed
        for part in ast.walk(value)
    )


def _is_super(func: ast.AST) -> bool:
    return (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Call)
        and _last_name(func.value.func) == "super"
    )
