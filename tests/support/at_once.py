"""Several acts at the same moment, each in a thread with a database connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run `acts` in threads that start together; what each returned. Raises what one raised."""
    results: list[Any] = [None] * len(acts)
    errors: list[Exception] = []
    start = threading.Barrier(len(acts))

    def run(index: int) -> None:
        try:
            start.wait(10)
            results[index] = acts[index]()
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if errors:
        raise errors[0]
    return results
