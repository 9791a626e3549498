"""Ending a broker session that the broker no longer accepts."""

import logging

from brokers.models import BrokerConnection
from sigmatrader import clock

logger = logging.getLogger(__name__)


def end_session(connection: BrokerConnection, words: str) -> bool:
    """Mark the session of `connection`, as it was read, as over; False when it is another by now.

    A login that came in between has another token, and stays. `words`: the broker's.
    """
    now = clock.now()
    ended = BrokerConnection.objects.filter(
        pk=connection.pk,
        access_token_encrypted=connection.access_token_encrypted,
        token_expires_at__gt=now,
    ).update(token_expires_at=now, last_error=words[:2000], updated_at=now)
    if ended:
        logger.error("The session of %s is over: log in again. %s", connection.name, words)
    return bool(ended)
