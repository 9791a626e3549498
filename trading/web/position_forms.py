"""What a person may type about a position: which one, how much to close, where to protect it."""

from typing import Any

from django import forms

from brokers.models import BrokerConnection
from trading.domain.values import Product
from trading.services.queue import MAX_QUANTITY
from trading.web.forms import PriceField, QuantityField


class PlaceForm(forms.Form):
    """Which position: an account, an instrument and a product, all of them hidden fields."""

    connection = forms.ModelChoiceField(BrokerConnection.objects.all(), widget=forms.HiddenInput)
    exchange = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    symbol = forms.CharField(max_length=128, strip=False, widget=forms.HiddenInput)
    product = forms.ChoiceField(
        choices=[(word.value, word.value) for word in Product], widget=forms.HiddenInput
    )


class ExitForm(forms.Form):
    """How much to close, and at what price: one of the two at least.

    `seen`: the quantity that was open when the page was made.
    """

    seen = forms.IntegerField(widget=forms.HiddenInput)
    qty = QuantityField(
        label="Quantity to exit",
        min_value=1,
        max_value=MAX_QUANTITY,
        required=False,
        help_text="Empty: all of it. Example: 25.",
    )
    limit = PriceField(
        label="Limit price ₹",
        help_text="Empty: at market. Example: 1,512.50; what does not fill expires at the close.",
    )

    @classmethod
    def of(cls, data: Any = None, *, seen: int = 0) -> "ExitForm":
        return cls(data, initial={"seen": seen}, auto_id="id_exit_%s")

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or {}
        if not self.errors and asked["qty"] is None and asked["limit"] is None:
            self.add_error("qty", "Enter a quantity, a limit price, or both.")
        return asked


class ProtectForm(forms.Form):
    """A stop, a target, or both, each with the limit price of its order."""

    stop_trigger = PriceField(
        label="Stop: trigger ₹",
        help_text="Where a loss is cut. Example: 1,470 under shares bought at 1,500.",
    )
    stop_price = PriceField(
        label="Stop: limit price ₹",
        help_text="Beyond the trigger, so that it fills. Empty: same. Example: 1,465.",
    )
    target_trigger = PriceField(
        label="Target: trigger ₹", help_text="Where the profit is taken. Example: 1,560."
    )
    target_price = PriceField(
        label="Target: limit price ₹", help_text="Empty: the trigger. Example: 1,559.50."
    )
    qty = QuantityField(
        label="Quantity",
        min_value=1,
        max_value=MAX_QUANTITY,
        required=False,
        help_text="Empty: all of it. Example: 25.",
    )

    @classmethod
    def of(cls, data: Any = None) -> "ProtectForm":
        return cls(data, auto_id="id_protect_%s")

    @property
    def legs(self) -> dict[str, Any]:
        """The arguments of exits.protect that say where."""
        names = ("stop_trigger", "stop_price", "target_trigger", "target_price")
        return {name: self.cleaned_data[name] for name in names}
