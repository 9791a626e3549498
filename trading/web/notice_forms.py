"""What a person may set of a notice channel."""

from typing import Any

from django import forms
from django.conf import settings

from trading.domain.notices import LABELS, NoticeKind
from trading.models import NoticeChannel
from trading.models.notice import every_kind
from trading.services.notices import road
from trading.services.notices.channels import SETTINGS

_KINDS = [(kind.value, LABELS[kind]) for kind in NoticeKind]


class HourField(forms.TimeField):
    """An hour of the day in India; empty is none."""

    default_error_messages = {"invalid": "Enter an hour such as 22:30, or leave it empty."}

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
        super().__init__(required=False, widget=widget, **kwargs)


class ChannelForm(forms.Form):
    """A notice channel. The address is written and never read back: empty keeps what is stored."""

    name = forms.CharField(
        max_length=64, help_text="How the desk and your logs call it, such as “my phone”."
    )
    address = forms.CharField(
        required=False,
        max_length=road.LONGEST_ADDRESS,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    enabled = forms.BooleanField(
        label="Switched on",
        required=False,
        help_text="Off: nothing leaves this machine through it, except a test that you send.",
    )
    kinds = forms.MultipleChoiceField(
        label="Tell me when",
        choices=_KINDS,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing to be told of."},
    )
    group_seconds = forms.IntegerField(
        label="Gather for (seconds)",
        min_value=0,
        max_value=3600,
        help_text="What happens within so many seconds becomes one message, as in “7 orders "
        "wait”. 0: at once. Urgent things wait 5 s at most.",
    )
    quiet_from = HourField(
        label="Quiet from (IST)",
        help_text="From then on nothing is sent, as in 22:30. Empty: no quiet hours.",
    )
    quiet_until = HourField(
        label="Quiet until (IST)",
        help_text="Then all that was held comes as one message, as in 07:30.",
    )
    urgent_breaks_through = forms.BooleanField(
        label="Urgent things break through",
        required=False,
        help_text="Unknown outcomes, HALTED and REDUCING, breakers, a day's loss at its limit and "
        "a worker in trouble come in quiet hours too.",
    )
    links_decide = forms.BooleanField(
        label="Links may decide",
        required=False,
        help_text="A notice of a waiting order has links to execute or cancel it without a login. "
        "Whoever can read the message can use them: leave it off for a group.",
    )
    link_minutes = forms.IntegerField(
        label="Links are good for (minutes)",
        min_value=1,
        max_value=60,
        help_text="And never longer than the order waits. A link works once.",
    )

    def __init__(self, data: Any = None, *, channel: NoticeChannel | None = None) -> None:
        self.channel = channel or NoticeChannel(enabled=True, kinds=every_kind())
        initial = {name: getattr(self.channel, name) for name in SETTINGS}
        super().__init__(data, initial=initial, auto_id="id_channel_%s")
        self.fields["address"].help_text = (
            f"{self.channel.masked} is stored and not shown. Empty: keep it."
            if channel
            else "As in tgram://BOT-TOKEN/CHAT-ID; the examples say where to get it. It is "
            "stored encrypted and not shown again."
        )
        if not settings.ST.PUBLIC_URL:
            self.fields["links_decide"].help_text += " Needs ST_PUBLIC_URL, which is not set."

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if NoticeChannel.objects.filter(name=name).exclude(pk=self.channel.pk).exists():
            raise forms.ValidationError("Another channel has this name.")
        return name

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if not address and self.channel.pk is None:
            raise forms.ValidationError("Enter the address that notices go to.")
        if address:
            try:
                road.scheme_of(address)
            except road.BadAddress as error:
                raise forms.ValidationError(str(error)) from None
        return address

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        begin, end = given.get("quiet_from"), given.get("quiet_until")
        if not self.has_error("quiet_from") and not self.has_error("quiet_until"):
            if (begin is None) != (end is None):
                missing = "quiet_from" if begin is None else "quiet_until"
                self.add_error(missing, "Enter both hours, or neither.")
            elif begin is not None and begin == end:
                self.add_error("quiet_until", "Enter another hour than the first.")
        if given.get("links_decide") and not settings.ST.PUBLIC_URL:
            self.add_error("links_decide", "Set ST_PUBLIC_URL first: links need an address.")
        return given

    def changed_channel(self) -> NoticeChannel:
        """The channel as it was typed, not stored; without the address."""
        for name in SETTINGS:
            setattr(self.channel, name, self.cleaned_data[name])
        return self.channel
