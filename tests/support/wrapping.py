"""The product's own functions wrapped from outside, so that a process dies or waits at one."""

import os
import signal
from collections.abc import Callable
from typing import Any

Accepts = Callable[[Any], bool]
Place = tuple[Callable[..., None], Any, str, Accepts]  # how, the module, its function, when


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def always(_: Any) -> bool:
    return True


def before(module: Any, name: str, act: Callable[..., Any] = die, _: Accepts = always) -> None:
    """`act` before each call of `module.name`."""
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        act()
        return original(*args, **kwargs)

    setattr(module, name, wrapped)


def after(module: Any, name: str, act: Callable[..., Any] = die, when: Accepts = always) -> None:
    """`act` once `module.name` has returned something that `when` accepts."""
    original = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if when(result):
            act()
        return result

    setattr(module, name, wrapped)
