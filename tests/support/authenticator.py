"""An authenticator app, as on somebody's phone."""

import time
from base64 import b32decode
from dataclasses import dataclass, field

from django_otp.oath import TOTP

from sigmatrader import second_factor


@dataclass(frozen=True, slots=True)
class Authenticator:
    """`key`: as the page shows it, in base 32."""

    key: str = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """The code of now, or of `steps` half minutes from now."""
        totp = TOTP(b32decode(self.key.replace(" ", "")))
        totp.time = time.time() + 30 * steps
        return f"{totp.token():06}"

    def wrong_code(self) -> str:
        """Six digits that are not right now, nor a minute around it."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(text for text in map("{:06}".format, range(20)) if text not in near)


def enrol(user: object) -> Authenticator:
    """Give `user` a second factor; the code of the step before is used up by it."""
    second_factor.begin(user)
    enrolment = second_factor.enrolment(user)
    assert enrolment is not None
    app = Authenticator(enrolment.key)
    assert second_factor.confirm(user, app.code(-1)) == ""
    return app
