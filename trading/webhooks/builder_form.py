"""What a person chooses on the message builder, and how it is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from trading.domain.values import Exchange, OrderType, Product, Validity
from trading.models import Strategy
from trading.webhooks import fields, placeholders
from trading.webhooks.builder_fields import PLAIN, ValueField, asked
from trading.webhooks.message import (
    CHART_SYMBOL,
    UNNAMED,
    Action,
    Choices,
    Kind,
    Sample,
    Sizing,
)
from trading.webhooks.reading import MAX_BYTES
from trading.widgets import SymbolInput

GTT = "GTT"
CHART, FIXED = "CHART", "FIXED"
_STOPS = (OrderType.SL, OrderType.SL_M)
_COMMENT_LENGTH = 200
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_ONLY_STRATEGIES = "Only a strategy script fills it in"
_KINDS = [
    (Kind.STRATEGY, "A strategy script"),
    (Kind.INDICATOR, "An indicator"),
    (Kind.DRAWING, "A drawing or a price"),
]
_USUAL = ("", "The strategy's default")


def _text(label: str, longest: int, help_text: str, **options: Any) -> forms.CharField:
    """A line of text that no browser completes or corrects; `options` as CharField takes them."""
    widget = forms.TextInput(attrs={**PLAIN, **options.pop("attrs", {})})
    return forms.CharField(
        label=label, max_length=longest, widget=widget, help_text=help_text, **options
    )


def _may_choose(label: str, *choices: tuple[str, str]) -> forms.ChoiceField:
    """A choice that may be left alone."""
    return forms.ChoiceField(label=label, required=False, choices=choices)


def _words(words: type[Any]) -> list[tuple[str, str]]:
    return [(word.value, word.value) for word in words]


class BuilderForm(forms.Form):
    """The choices, and the values to try them with."""

    kind = forms.ChoiceField(
        label="What fires the alert",
        choices=_KINDS,
        widget=forms.RadioSelect,
        help_text="On TradingView, what the alert's Condition names first.",
    )
    strategy = _text(
        "Strategy here",
        255,
        "Its settings decide account, mode and limits. Example: supertrend.",
        attrs={"list": "strategy-names"},
        error_messages={"required": "Enter the name of a strategy, such as supertrend."},
    )
    action = forms.ChoiceField(
        label="Action",
        choices=[
            (Action.SCRIPT, "As the script says: buy or sell"),
            (Action.BUY, "Buy"),
            (Action.SELL, "Sell"),
            (Action.ENTRY_LONG, "Enter long (buy)"),
            (Action.ENTRY_SHORT, "Enter short (sell)"),
            (Action.EXIT_LONG, "Close a long, reduce-only"),
            (Action.EXIT_SHORT, "Close a short, reduce-only"),
        ],
        help_text="A close only ever shrinks what is open; a plain Sell may open a short.",
    )
    sizing = forms.ChoiceField(
        label="Quantity",
        choices=[
            (Sizing.SCRIPT, "As the script says"),
            (Sizing.NUMBER, "This many units"),
            (Sizing.LEFT_OUT, "Left to the strategy's sizing"),
        ],
        help_text="Left out, a close takes all that is open.",
    )
    quantity = ValueField(
        whole=True,
        label="Units",
        help_text='Units, not lots: 75 for one lot of 75. Or {{plot("Size")}}.',
    )
    symbol_from = forms.ChoiceField(
        label="Symbol",
        choices=[(CHART, "The chart's, whatever it is"), (FIXED, "Always this one")],
        help_text="Always this one: when an index such as NIFTY fires and a future is traded.",
    )
    exchange = _may_choose("Exchange", *_words(Exchange))
    symbol = forms.CharField(
        label="Symbol there",
        required=False,
        max_length=40,
        widget=SymbolInput,
        help_text="Zerodha's name or TradingView's: INFY, NIFTY26DECFUT, NIFTYZ2026.",
    )
    product = _may_choose(
        "Product",
        _USUAL,
        (Product.MIS, "MIS, intraday"),
        (Product.CNC, "CNC, delivery"),
        (Product.NRML, "NRML, derivatives carried over"),
        (Product.MTF, "MTF, margin-funded delivery"),
    )
    order_type = _may_choose(
        "Order type",
        _USUAL,
        (OrderType.MARKET, "MARKET"),
        (OrderType.LIMIT, "LIMIT"),
        (OrderType.SL, "SL, a stop with a limit"),
        (OrderType.SL_M, "SL-M, a stop at market"),
        (GTT, "GTT, a limit order held at Zerodha"),
    )
    validity = _may_choose(
        "Validity", (Validity.DAY, "DAY"), (Validity.IOC, "IOC, at once or not at all")
    )
    price = ValueField(
        label="Price ₹",
        help_text="Empty: the last price. The limit of LIMIT, SL and GTT, else what was seen. "
        "Example: {{close}} or 1,499.50.",
    )
    trigger_price = ValueField(
        label="Trigger ₹",
        help_text='Where the order wakes up. Example: {{plot("Trigger")}} or 1,510.',
    )
    stop_price = ValueField(
        label="Stop ₹", help_text='Sizing RISK counts from it. Example: {{plot("Stop")}}.'
    )
    take_profit = ValueField(label="Target ₹", help_text='Example: {{plot("Target")}} or 1,560.')
    trail_distance = ValueField(
        label="Trail by ₹", help_text="How far behind the price. Example: 5."
    )
    alert_id = _text(
        "Id of the alert",
        120,
        "Usually empty. One id makes one order, ever. Example: gap {{ticker}} {{time}}.",
        required=False,
    )
    comment = _text(
        "Comment",
        _COMMENT_LENGTH,
        "Shown with the order. Empty: the script's own. Example: gap filled.",
        required=False,
    )
    with_secret = forms.BooleanField(label="Fill in the secret", required=False)
    sample_symbol = _text("Symbol", 81, "With its exchange.")
    sample_action = forms.ChoiceField(
        label="Script says", choices=[("buy", "buy"), ("sell", "sell")]
    )
    sample_quantity = ValueField(whole=True, label="Script's units")
    sample_price = ValueField(label="Price ₹", help_text="A number.")

    @classmethod
    def beginning(cls, query: Mapping[str, Any], names: list[str]) -> "BuilderForm":
        """What stands there at first; the address may choose `strategy` and `kind`."""
        usual = Sample()
        values: dict[str, Any] = {
            "kind": Kind.STRATEGY.value,
            "strategy": names[0] if names else UNNAMED,
            "symbol_from": CHART,
            "exchange": Exchange.NSE.value,
            "validity": Validity.DAY.value,
            "sample_symbol": usual.symbol,
            "sample_action": usual.action,
            "sample_quantity": usual.quantity,
            "sample_price": usual.price,
        }
        values |= {name: query[name] for name in ("strategy", "kind") if query.get(name)}
        of_strategy = values["kind"] == Kind.STRATEGY
        values["action"] = Action.SCRIPT.value if of_strategy else Action.BUY.value
        values["sizing"] = Sizing.SCRIPT.value if of_strategy else Sizing.NUMBER.value
        values["quantity"] = "" if of_strategy else usual.quantity
        return cls(values)

    def clean_strategy(self) -> str:
        return str(asked(fields.strategy_name, self.cleaned_data["strategy"]))

    def clean_comment(self) -> str:
        text = str(self.cleaned_data["comment"])
        if not text.isprintable():
            raise ValidationError("Use printable characters, on one line.")
        return text

    def clean_sample_symbol(self) -> str:
        exchange, name = asked(fields.symbol, self.cleaned_data["sample_symbol"])
        if exchange is None:
            raise ValidationError("Put the exchange before it: NSE:INFY.")
        return f"{exchange[0]}:{name}"

    def clean_sample_quantity(self) -> str:
        return self._plain("sample_quantity")

    def clean_sample_price(self) -> str:
        return self._plain("sample_price")

    def _plain(self, name: str) -> str:
        value = str(self.cleaned_data[name])
        if not value or "{" in value:
            raise ValidationError("Enter a number above 0.")
        return value

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name in self._unused(values):
            values[name] = ""
            self.errors.pop(name, None)
        kind = str(values.get("kind"))
        if kind != Kind.STRATEGY and values.get("action") == Action.SCRIPT:
            self.add_error("action", f"{_ONLY_STRATEGIES}: choose what to do.")
        if kind != Kind.STRATEGY and values.get("sizing") == Sizing.SCRIPT:
            self.add_error("sizing", f"{_ONLY_STRATEGIES}: choose where it comes from.")
        if values.get("sizing") == Sizing.NUMBER and not values.get("quantity"):
            self._needs("quantity", "Enter how many, such as 10.")
        if values.get("symbol_from") == FIXED:
            self._check_symbol(values)
        if values.get("order_type") in _STOPS and not values.get("trigger_price"):
            self._needs("trigger_price", 'A stop order needs one, such as {{plot("Trigger")}}.')
        for name in ("alert_id", "comment"):
            self._check_text(name, str(values.get(name) or ""))
        for name in self.fields:
            self._check_kind(name, str(values.get(name) or ""), kind)
        return values

    def _unused(self, values: dict[str, Any]) -> list[str]:
        """Fields that the chosen ways have no use for: the page doesn't show them."""
        order_type = values.get("order_type")
        unused: list[str] = []
        if values.get("sizing") != Sizing.NUMBER:
            unused.append("quantity")
        if values.get("symbol_from") != FIXED:
            unused += ["symbol", "exchange"]
        if order_type in (OrderType.MARKET, OrderType.SL_M):
            unused.append("price")
        if order_type not in (*_STOPS, GTT):
            unused.append("trigger_price")
        if order_type == GTT:
            unused.append("validity")
        if values.get("action") in (Action.EXIT_LONG, Action.EXIT_SHORT):
            unused += ["stop_price", "take_profit", "trail_distance"]
        return unused

    def _needs(self, name: str, text: str) -> None:
        if name not in self.errors:
            self.add_error(name, text)

    def _check_symbol(self, values: dict[str, Any]) -> None:
        if not values.get("symbol"):
            self._needs("symbol", "Enter a symbol, such as INFY.")
            return
        try:
            found = asked(fields.symbol, values["symbol"])
        except ValidationError as error:
            self.add_error("symbol", error)
            return
        if found[0] is not None:
            self.add_error("symbol", "Choose the exchange beside it, and write the symbol alone.")
        values["symbol"] = found[1]

    def _check_text(self, name: str, text: str) -> None:
        for match in placeholders.FOUND.finditer(text):
            if not placeholders.is_real(match["name"]):
                near = placeholders.nearest(match["name"])
                meant = f" Did you mean {{{{{near}}}}}?" if near else ""
                self._needs(name, f"{match.group()} is no placeholder of TradingView's.{meant}")
        if name != "alert_id" or not text or name in self.errors:
            return
        if "{{" not in text:
            self._needs(name, "It would be the same each time: add {{timenow}} or {{time}}.")
            return
        try:
            asked(fields.alert_id, placeholders.fill(text, _ANY_DAY))
        except ValidationError as error:
            self.add_error(name, error)

    def _check_kind(self, name: str, text: str, kind: str) -> None:
        """Placeholders that this kind of alert does not fill in."""
        if name in self.errors:
            return
        for match in placeholders.FOUND.finditer(text):
            found = match["name"]
            if found.startswith(placeholders.STRATEGY) and kind != Kind.STRATEGY:
                self.add_error(name, f"{_ONLY_STRATEGIES}: use another value than {match.group()}.")
                return
            if placeholders.is_plot(found) and kind == Kind.DRAWING:
                self.add_error(
                    name, f"A drawing has no plots: use another value than {match.group()}."
                )
                return

    @property
    def choices(self) -> Choices:
        """Of a valid form."""
        values = self.cleaned_data
        gtt = values["order_type"] == GTT
        order_type = OrderType.LIMIT.value if gtt else values["order_type"]
        fixed = values["symbol_from"] == FIXED
        return Choices(
            kind=Kind(values["kind"]),
            strategy=values["strategy"],
            action=Action(values["action"]),
            sizing=Sizing(values["sizing"]),
            quantity=values["quantity"],
            symbol=f"{values['exchange']}:{values['symbol']}" if fixed else CHART_SYMBOL,
            product=Product(values["product"]) if values["product"] else None,
            order_type=OrderType(order_type) if order_type else None,
            gtt=gtt,
            validity=Validity(values["validity"] or Validity.DAY),
            price=values["price"],
            trigger_price=values["trigger_price"],
            stop_price=values["stop_price"],
            take_profit=values["take_profit"],
            trail_distance=values["trail_distance"],
            alert_id=values["alert_id"],
            comment=values["comment"],
        )

    @property
    def sample(self) -> Sample:
        values = self.cleaned_data
        return Sample(
            symbol=values["sample_symbol"],
            action=values["sample_action"],
            quantity=values["sample_quantity"],
            price=values["sample_price"],
        )


class CheckForm(forms.Form):
    """A message that somebody has already, and what is known of its alert."""

    message = forms.CharField(
        label="Your message",
        max_length=MAX_BYTES,
        widget=forms.Textarea(attrs={"rows": 9, **PLAIN}),
        help_text="As it stands in TradingView's Message field, with its placeholders.",
        error_messages={"required": "Paste a message first."},
    )
    fired_by = _may_choose("What fires the alert", ("", "I don't know"), *_KINDS)
    script = forms.CharField(
        label="The Pine script, if you have it",
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, **PLAIN}),
        help_text="Looked at for the names of its plots and for signals that repaint.",
    )


def strategy_names() -> list[str]:
    """The strategies that a message may name, those that are on first."""
    rows = Strategy.objects.filter(archived=False).order_by("-enabled", "name")
    return list(rows.values_list("name", flat=True))
