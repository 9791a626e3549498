"""Orders whose sender is gone: what was being sent becomes UNKNOWN, never sent again."""

import logging
import os
import socket
from pathlib import Path

from sigmatrader import clock
from trading.domain.order import Status
from trading.models import OrderAttempt, WorkerHeartbeat
from trading.services.attempts import mark_unknown
from trading.services.errors import Conflict

logger = logging.getLogger(__name__)


def process_start(pid: int) -> str:
    """A mark that tells this process from a later one with the same pid; empty when it is gone."""
    try:
        # Field 22 of /proc/PID/stat: the start time. The name before it may hold blanks.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def this_place() -> str:
    """Where process numbers mean what they mean here: the host and its process namespace.

    Two containers may have one host name, and each its own processes.
    """
    try:
        namespace = os.readlink("/proc/self/ns/pid").partition("[")[2].rstrip("]")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}" if namespace else socket.gethostname()


def worker_is_dead(worker_id: str) -> bool:
    """Whether a worker of this host is certainly gone. Other hosts: never certain."""
    host, _, rest = worker_id.partition(":")
    pid, _, started = rest.partition(":")
    if host != this_place() or not pid.isdigit() or not started:
        return False
    if WorkerHeartbeat.objects.filter(worker_id=worker_id, stopped_at__isnull=False).exists():
        return True
    return process_start(int(pid)) != started


def this_worker_id(suffix: str = "") -> str:
    """place:pid:start of this process."""
    pid = os.getpid()
    return f"{this_place()}:{pid}:{process_start(pid)}{suffix}"


def worker_words(worker_id: str) -> str:
    """For people: “worker 14564 on vm”."""
    place, _, rest = worker_id.partition(":")
    return f"worker {rest.partition(':')[0]} on {place.partition('/')[0]}" if rest else worker_id


def recover_lost_leases() -> int:
    """SENDING whose lease ran out, or whose worker is dead, becomes UNKNOWN. Returns how many."""
    now = clock.now()
    lost = 0
    attempts = OrderAttempt.objects.filter(
        closed_at__isnull=True, order__status=Status.SENDING
    ).select_related("order")
    for attempt in attempts:
        if attempt.lease_until > now and not worker_is_dead(attempt.worker_id):
            continue
        try:
            mark_unknown(
                attempt.order,
                attempt,
                "The worker stopped while this order was being sent: the broker may have it.",
            )
            lost += 1
        except Conflict:
            logger.info("order %s was settled meanwhile", attempt.order_id)
    return lost
