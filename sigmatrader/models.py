"""The product's own table: the authenticator apps of its users."""

from django.db import models
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from sigmatrader import crypto

STEP_SECONDS = 30
DIGITS = 6
# Steps that the clock of a phone may be off, on either side.
_TOLERANCE = 1


class TotpDevice(TimestampMixin, ThrottlingMixin, Device):
    """A user's authenticator app: confirmed once a first code has shown that it has the key.

    A user has at most one that is confirmed and one that is being set up.
    """

    key_encrypted = models.TextField(
        help_text="The shared key in hexadecimal, encrypted; in clear only on the page of set-up."
    )
    last_step = models.BigIntegerField(
        default=-1, help_text="Time step of the last code that was accepted: each works once."
    )

    class Meta:
        db_table = "totp_devices"
        constraints = [
            models.UniqueConstraint(fields=["user", "confirmed"], name="one_totp_device_each")
        ]

    @property
    def key(self) -> bytes:
        """The shared key; raises CryptoError when ST_CRYPTO_KEYS doesn't open it."""
        return bytes.fromhex(crypto.decrypt(self.key_encrypted))

    def get_throttle_factor(self) -> int:
        """Seconds after the first wrong code; each further one doubles them."""
        return 1

    def verify_token(self, token: str) -> bool:
        """Whether `token` is the code of now; a wrong one is counted. Call it in a transaction."""
        if not self.verify_is_allowed()[0]:
            return False
        # The real time, as the phone has it, also where the application's clock is moved.
        totp = TOTP(self.key, STEP_SECONDS, digits=DIGITS)
        well_formed = len(token) == DIGITS and token.isascii() and token.isdecimal()
        if not well_formed or not totp.verify(int(token), _TOLERANCE, self.last_step + 1):
            self.throttle_increment()
            return False
        self.last_step = totp.t()
        self.throttle_reset(commit=False)
        self.set_last_used_timestamp(commit=False)
        self.save()
        return True
