"""How a webhook body is refused."""

from collections.abc import Mapping


class Rejection(Exception):
    """A body that gives no order.

    status: 400 not readable, 413 too large, 422 readable but not an order.
    code: one word for machines, e.g. "invalid_json".
    errors: what is wrong and how to mend it, by field ("body" for the whole).
    fields: what could still be read, each valid: strategy_name, symbol, exchange, action.
    """

    def __init__(
        self,
        status: int,
        code: str,
        errors: Mapping[str, list[str]],
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {errors}")
        self.status = status
        self.code = code
        self.errors = dict(errors)
        self.fields = dict(fields or {})


def unreadable(code: str, text: str) -> Rejection:
    """A 400 about the body as a whole."""
    return Rejection(400, code, {"body": [text]})
