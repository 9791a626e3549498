"""A process that dies at one chosen statement of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Killed(BaseException):
    """The process ended here: nothing catches this, and what was not committed is gone."""


@contextmanager
def dying_at(statement: int, error: Callable[[], BaseException] = Killed) -> Iterator[None]:
    """Raise instead of executing the `statement`-th statement, counted from 1."""
    count = 0

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += 1
        if count == statement:
            raise error()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


def dies(statement: int, act: Callable[[], Any]) -> bool:
    """Whether `act` was killed at `statement`; False once it has fewer statements than that."""
    try:
        with dying_at(statement):
            act()
    except Killed:
        return True
    return False
