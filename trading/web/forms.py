"""What a person may type into the pages, and how it is read."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from brokers.models import BrokerConnection, ConnectionKind
from trading.domain.order import Status
from trading.domain.values import (
    Mode,
    OrderType,
    Product,
    Side,
    StateScope,
    TradingStateName,
    Validity,
)
from trading.models import Alert, Order, Strategy
from trading.services.queue import EDITABLE, MAX_PRICE, MAX_QUANTITY, MODIFIABLE
from trading.web.login_forms import CodeField
from trading.widgets import SymbolInput

OPEN = "OPEN"
REFUSED = "REFUSED"
MONEY_CHOICES = [
    ("", "Every account"),
    *((kind.value.lower(), kind.label) for kind in ConnectionKind),
]


def _words(words: type[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


def _any(words: type[StrEnum], label: str) -> list[tuple[str, str]]:
    return [("", label), *((word.value, word.value.replace("_", " ")) for word in words)]


def _typed(value: Any) -> Any:
    """Thousands separators and the rupee sign are welcome in numbers."""
    return value.replace(",", "").replace("₹", "").strip() if isinstance(value, str) else value


class QuantityField(forms.IntegerField):
    default_error_messages = {
        "required": "Enter a whole number of at least 1.",
        "invalid": "Enter a whole number, such as 100.",
        "min_value": "Enter a whole number of at least %(limit_value)s.",
        "max_value": "Enter a whole number of at most %(limit_value)s.",
    }
    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})

    def to_python(self, value: Any) -> int | None:
        return super().to_python(_typed(value))


class PriceField(forms.DecimalField):
    default_error_messages = {
        "invalid": "Enter a price such as 1,499.50, or leave it empty.",
        "min_value": "Enter a price above 0, or leave it empty.",
        "max_decimal_places": "Enter at most %(max)s decimals.",
    }
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            min_value=Decimal("0.0001"),
            max_value=MAX_PRICE,
            max_digits=14,
            decimal_places=4,
            required=False,
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        return super().to_python(_typed(value))

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return f"{value.normalize():f}"
        return value


class AmountField(forms.DecimalField):
    """Rupees or a percentage; empty is none."""

    default_error_messages = {
        "invalid": "Enter a number such as 1,499.50, or leave it empty.",
        "max_decimal_places": "Enter at most %(max)s decimals.",
    }
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})

    def to_python(self, value: Any) -> Any:
        return super().to_python(_typed(value))

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class EditForm(forms.Form):
    """Everything of a WAITING order that may be changed, and the version that was looked at."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    qty = QuantityField(label="Quantity", min_value=1, max_value=MAX_QUANTITY)
    order_type = forms.ChoiceField(label="Type", choices=_words(OrderType))
    price = PriceField(label="Price ₹")
    trigger_price = PriceField(label="Trigger ₹")
    product = forms.ChoiceField(label="Product", choices=_words(Product))
    validity = forms.ChoiceField(label="Validity", choices=_words(Validity))
    gtt = forms.BooleanField(
        label="GTT", required=False, help_text="Hold the order at the broker until the trigger."
    )

    @classmethod
    def of(cls, order: Order) -> "EditForm":
        values = {name: getattr(order, name) for name in EDITABLE}
        if order.needs_quantity:
            values["qty"] = None
        return cls(initial={**values, "version": order.version}, auto_id=f"id_{order.pk}_%s")

    @classmethod
    def from_post(cls, data: Any, order: Order) -> "EditForm":
        return cls(data, auto_id=f"id_{order.pk}_%s")

    @property
    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in EDITABLE}

    def add_service_errors(self, errors: dict[str, list[str]]) -> None:
        add_service_errors(self, errors)


def add_service_errors(form: forms.Form, errors: dict[str, list[str]]) -> None:
    """Show what a service refused beside the field that it names."""
    for name, texts in errors.items():
        for text in texts:
            form.add_error(name if name in form.fields else None, text)


class ModifyForm(forms.Form):
    """New values for an order that works at the broker."""

    qty = QuantityField(label="Total quantity", min_value=1, max_value=MAX_QUANTITY)
    order_type = forms.ChoiceField(label="Type", choices=_words(OrderType))
    price = PriceField(label="Price ₹")
    trigger_price = PriceField(label="Trigger ₹")
    validity = forms.ChoiceField(label="Validity", choices=_words(Validity))

    @classmethod
    def of(cls, order: Order, data: Any = None) -> "ModifyForm":
        initial = {name: getattr(order, name) for name in MODIFIABLE}
        return cls(data, initial=initial, auto_id="id_modify_%s")

    def changes_of(self, order: Order) -> dict[str, Any]:
        """Only what differs from the order as it works now."""
        asked = {name: self.cleaned_data[name] for name in MODIFIABLE}
        return {name: value for name, value in asked.items() if value != getattr(order, name)}


class ResolveForm(forms.Form):
    """A person's word on an order whose outcome is unknown."""

    outcome = forms.ChoiceField(
        label="What does the broker show?",
        choices=[
            ("NOT_PLACED", "It isn't in the broker's order book: not placed"),
            ("PLACED", "It is there: placed"),
        ],
        widget=forms.RadioSelect,
    )
    candidate = forms.ChoiceField(
        label="Which of the broker's orders is it?",
        required=False,
        help_text="Orders of that day, instrument and side that no other order here is.",
    )
    broker_order_id = forms.CharField(
        label="Or its id at the broker, when it is not in the list", required=False, max_length=64
    )
    reason = forms.CharField(label="How do you know?", max_length=500)

    def __init__(self, data: Any = None, *, candidates: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(data)
        found = list(candidates)
        if not found:
            del self.fields["candidate"]
            self.fields["broker_order_id"].label = "Broker order id (when placed)"
            return
        self.fields["candidate"].choices = [  # type: ignore[attr-defined]
            ("", "None of these"),
            *found,
        ]

    def clean(self) -> dict[str, Any]:
        """With the chosen id in `broker_order_id`."""
        values = super().clean() or {}
        chosen, typed = values.pop("candidate", ""), values.get("broker_order_id", "").strip()
        if chosen and typed and chosen != typed:
            self.add_error("broker_order_id", f"You chose {chosen} above: leave this empty.")
        elif chosen and values.get("outcome") == "NOT_PLACED":
            self.add_error("candidate", "You say it was not placed: choose “None of these”.")
        values["broker_order_id"] = chosen or typed
        return values


class StateForm(forms.Form):
    """A change of the trading state of everything, one account or one strategy."""

    target = forms.ChoiceField(label="For")
    state = forms.ChoiceField(label="State", choices=_words(TradingStateName))
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=500,
        help_text="Must be typed to go back to ACTIVE. Kept in the history.",
    )
    cancel_working = forms.BooleanField(
        label="Cancel the orders that work at the broker too", required=False
    )
    square_off = forms.BooleanField(
        label="Square off: cancel what works and close every position, holdings excepted",
        required=False,
        help_text="Runs in REDUCING until all is flat; HALTED follows, if you chose it.",
    )
    code = CodeField(help_text="To go back to ACTIVE.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].choices = [  # type: ignore[attr-defined]
            (StateScope.EVERYTHING.value, "Everything"),
            *(
                (f"{StateScope.ACCOUNT}:{one.pk}", f"Account {one.name}")
                for one in BrokerConnection.objects.order_by("name")
            ),
            *(
                (f"{StateScope.STRATEGY}:{one.pk}", f"Strategy {one.name}")
                for one in Strategy.objects.filter(archived=False)
            ),
        ]

    @property
    def target_name(self) -> str:
        """What was chosen, as the form names it."""
        return str(dict(self.fields["target"].choices)[self.cleaned_data["target"]])  # type: ignore[attr-defined]

    @property
    def scope(self) -> dict[str, Any]:
        """The arguments of halting.set_state that say for what."""
        word, _, number = self.cleaned_data["target"].partition(":")
        scope = StateScope(word)
        chosen = int(number) if number else None
        return {
            "scope": scope,
            "connection_id": chosen if scope is StateScope.ACCOUNT else None,
            "strategy_id": chosen if scope is StateScope.STRATEGY else None,
        }


class FilterForm(forms.Form):
    """Filters come from the address: what makes no sense is shown there and not applied."""

    no_strategy = "Every strategy"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.required = False
        if "strategy" in self.fields:
            self.fields["strategy"].choices = [  # type: ignore[attr-defined]
                ("", self.no_strategy),
                *((str(one.pk), one.name) for one in Strategy.objects.all()),
            ]

    def value(self, name: str) -> Any:
        """The cleaned value; None when it is empty or made no sense."""
        return self.cleaned_data.get(name) or None if self.is_bound else None

    @property
    def kind(self) -> str:
        """PAPER, LIVE or SIMULATOR; empty for every account."""
        return (self.value("money") or "").upper()

    @property
    def strategy_id(self) -> int | None:
        chosen = self.value("strategy")
        return int(chosen) if chosen else None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("from_day"), values.get("to_day")
        if first and last and first > last:
            self.add_error("to_day", "The last day is before the first.")
        return values


def day_field(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "Write the day as 2026-11-23."},
        validators=[MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2099, 12, 31))],
    )


class OrderFilter(FilterForm):
    status = forms.ChoiceField(
        choices=[
            ("", "Every status"),
            (OPEN, "Not ended"),
            (REFUSED, "Failed or refused"),
            *_any(Status, "")[1:],
        ]
    )
    strategy = forms.ChoiceField()
    symbol = forms.CharField(max_length=128, widget=SymbolInput)
    side = forms.ChoiceField(choices=_any(Side, "Buy and sell"))
    mode = forms.ChoiceField(choices=_any(Mode, "Manual and auto"))
    money = forms.ChoiceField(label="Account", choices=MONEY_CHOICES)
    origin = forms.ChoiceField(
        label="Placed",
        choices=[("", "By anybody"), ("ours", "By SigmaTrader"), ("external", "Outside")],
    )
    from_day = day_field("From")
    to_day = day_field("To")
    q = forms.CharField(label="Search", max_length=128)

    @property
    def more_in_use(self) -> bool:
        """Whether a filter is set, or wrong, that a small screen folds away."""
        folded = ("symbol", "side", "mode", "money", "origin", "from_day", "to_day")
        return any(self.value(name) or name in self.errors for name in folded)

    @property
    def external(self) -> bool | None:
        """Whether orders placed outside are wanted, or only those; None for all."""
        return {"external": True, "ours": False}.get(self.value("origin") or "")


class AlertFilter(FilterForm):
    q = forms.CharField(label="Search", max_length=128)
    outcome = forms.ChoiceField(
        choices=[("", "Every outcome"), *((word, word) for word in Alert.Outcome.values)]
    )
    strategy = forms.ChoiceField()
    from_day = day_field("From")
    to_day = day_field("To")


class TradeFilter(FilterForm):
    strategy = forms.ChoiceField()
    money = forms.ChoiceField(label="Account", choices=MONEY_CHOICES)
    from_day = day_field("From")
    to_day = day_field("To")


class SecretForm(FilterForm):
    """Whose secret is to be shown."""

    no_strategy = "The common one"

    strategy = forms.ChoiceField(
        label="Which secret",
        help_text="A strategy without a secret of its own takes the common one.",
    )


class RotateForm(forms.Form):
    """Whose secret is made anew, and how long the old one lives beside it."""

    GRACE = [(0, "no time: it is void at once"), (1, "1 hour"), (24, "24 hours"), (168, "7 days")]

    whose = forms.ChoiceField(
        label="Which secret is made anew",
        required=False,
        help_text="A strategy's own secret opens nothing else: one that leaks costs one strategy.",
    )
    grace = forms.TypedChoiceField(
        label="The old secret stays valid for",
        choices=GRACE,
        coerce=int,
        initial=24,
        help_text="Time to change your alerts one by one. Example: 24 hours.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["whose"].choices = [  # type: ignore[attr-defined]
            ("", "The common one"),
            *((str(one.pk), one.name) for one in Strategy.objects.filter(archived=False)),
        ]

    @property
    def strategy(self) -> Strategy | None:
        chosen = self.cleaned_data["whose"]
        return Strategy.objects.get(pk=int(chosen)) if chosen else None

    @property
    def grace_text(self) -> str:
        return dict(self.GRACE)[self.cleaned_data["grace"]]
