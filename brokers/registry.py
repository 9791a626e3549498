"""The one place that chooses which broker stands behind a connection."""

from typing import Final

from brokers.errors import NotAvailable
from brokers.models import BrokerConnection, BrokerName
from brokers.paper.adapter import CAPABILITIES as PAPER
from brokers.paper.adapter import PaperBroker
from brokers.port import Broker, Capabilities

_ZERODHA: Final = Capabilities(
    triggers=False, reports_at_once=False, simulated=False, modifies=True
)


def broker_for(connection: BrokerConnection) -> Broker:
    """The broker of `connection`; raises NotAvailable when this version has none for it."""
    if connection.broker_name == BrokerName.PAPER:
        return PaperBroker(connection)
    raise NotAvailable(f"{_label(connection)} is not available in this version.")


def capabilities_of(connection: BrokerConnection) -> Capabilities:
    """What orders of `connection` can ask for; without any I/O."""
    if connection.broker_name == BrokerName.PAPER:
        return PAPER
    if connection.broker_name == BrokerName.ZERODHA:
        return _ZERODHA
    raise NotAvailable(f"{_label(connection)} is not available in this version.")


def _label(connection: BrokerConnection) -> str:
    return str(BrokerName(connection.broker_name).label)
