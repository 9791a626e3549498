"""What a service may refuse, classed by what the caller should tell its user."""


class ServiceError(Exception):
    """Something was refused; the message is meant for people."""

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: dict[str, list[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.errors = errors or {}


class Conflict(ServiceError):
    """Somebody was faster, or the order is past the point where this can be done."""

    code = "conflict"


class NotAllowed(ServiceError):
    """Whoever asks may not do this; the message says what is missing and who can help."""

    code = "permission_denied"


class NotExecutable(ServiceError):
    """The order can't be executed as it stands; it stays where it is."""

    code = "not_executable"


class InvalidChange(ServiceError):
    """The values asked for are not an order; `errors` names each field and the fix."""

    code = "invalid"
