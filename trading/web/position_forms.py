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
    """How much to close. `seen`: the quantity that was open when the page was made."""

    seen = forms.IntegerField(widget=forms.HiddenInput)
    qty = QuantityField(label="Quantity to exit", min_value=1, max_value=MAX_QUANTITY)

    @classmethod
    def of(cls, data: Any = None, *, seen: int = 0) -> "ExitForm":
        return cls(data, initial={"seen": seen}, auto_id="id_exit_%s")


class ProtectForm(forms.Form):
    """A stop, a target, or both, each with the limit price of its order."""

    stop_trigger = PriceField(label="Stop: trigger ₹")
    stop_price = PriceField(label="Stop: limit price ₹")
    target_trigger = PriceField(label="Target: trigger ₹")
    target_price = PriceField(label="Target: limit price ₹")
    qty = QuantityField(label="Quantity", min_value=1, max_value=MAX_QUANTITY, required=False)

    @classmethod
    def of(cls, data: Any = None) -> "ProtectForm":
        form = cls(data, auto_id="id_protect_%s")
        form.fields["qty"].help_text = "Empty: all of it."
        form.fields["stop_price"].help_text = "Beyond the trigger, so that it fills. Empty: same."
        form.fields["target_price"].help_text = "Empty: the trigger."
        return form

    @property
    def legs(self) -> dict[str, Any]:
        """The arguments of exits.protect that say where."""
        names = ("stop_trigger", "stop_price", "target_trigger", "target_price")
        return {name: self.cleaned_data[name] for name in names}
