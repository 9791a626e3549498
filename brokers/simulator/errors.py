"""Refusals of the simulated broker, in the shape and with the codes of Kite Connect."""

from typing import Any


class KiteError(Exception):
    """A refusal, answered with `status`: `{"status": "error", "message", "error_type", "data"}`."""

    def __init__(self, message: str, error_type: str, status: int, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type
        self.status = status
        self.data = data


def input_error(message: str) -> KiteError:
    """A missing or malformed field: 400 InputException."""
    return KiteError(message, "InputException", 400)


def order_error(message: str) -> KiteError:
    """An order that cannot be placed, modified or cancelled: 400 OrderException."""
    return KiteError(message, "OrderException", 400)


def margin_error(message: str) -> KiteError:
    """Not enough funds: 400 MarginException."""
    return KiteError(message, "MarginException", 400)


def holding_error(message: str) -> KiteError:
    """Shares not (authorised) in the demat account: 428 HoldingException."""
    return KiteError(message, "HoldingException", 428)


def token_error(message: str = "Incorrect `api_key` or `access_token`.") -> KiteError:
    """A dead or unknown token: 403 TokenException."""
    return KiteError(message, "TokenException", 403)


def permission_error(message: str) -> KiteError:
    """A call that this app or address may not make: 403 PermissionException."""
    return KiteError(message, "PermissionException", 403)


def network_error(message: str) -> KiteError:
    """The broker cannot reach its order system: 503 NetworkException."""
    return KiteError(message, "NetworkException", 503)


def general_error(message: str) -> KiteError:
    """Anything unclassified: 500 GeneralException."""
    return KiteError(message, "GeneralException", 500)


def too_many(message: str = "Too many requests") -> KiteError:
    """A rate limit: 429 NetworkException."""
    return KiteError(message, "NetworkException", 429)
