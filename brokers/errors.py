"""What went wrong at a broker, classed by what the caller may do next. Pure.

An error's docstring is its default message. `message` keeps the broker's own words, `code` its
error type or number where it gave one.
"""


class BrokerError(Exception):
    """The broker reported an error."""

    def __init__(self, message: str = "", *, code: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.code = code
        super().__init__(self.message)


class Refused(BrokerError):
    """The broker refused the request; no order was placed or changed."""


class NotSupported(Refused):
    """This broker cannot do what was asked."""


class NotAvailable(NotSupported):
    """This broker is not available in this version."""


class NoPrice(Refused):
    """No price is known for the instrument."""


class MarketClosed(Refused):
    """The exchange takes no orders now; no order was placed."""


class AuthorisationNeeded(Refused):
    """The depository wants the owner's authorisation before these shares can be sold."""


class PermissionRefused(Refused):
    """The account may not trade through this connection; stop sending until that is put right."""


class NotSent(BrokerError):
    """The request certainly never reached the broker; it may be sent again."""


class RateLimited(NotSent):
    """The broker asks for fewer requests; wait, then send again."""


class SessionExpired(NotSent):
    """The broker session has expired; log in again before anything else is sent."""


class OutcomeUnknown(BrokerError):
    """The broker may or may not have acted; look in the order book before anything else."""
