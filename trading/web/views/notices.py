"""Notification channels: the list, one to edit, a test, and what was sent lately."""

import threading
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from trading.domain.notices import LABELS, NoticeKind
from trading.models import Notice, NoticeChannel
from trading.services.notices import channels, courier, road
from trading.web.notice_forms import ChannelForm
from trading.web.views.shared import actor

_LIST = "notices"
_PERMISSION = "trading.change_noticechannel"
_SHOWN = 50
_testing = threading.BoundedSemaphore(2)  # most of the server's threads must stay free


@dataclass(frozen=True, slots=True)
class Card:
    """A channel as the list shows it. `word`: ON, OFF or FAILING. `dead`: notices given up."""

    channel: NoticeChannel
    dead: int
    open: int

    @property
    def word(self) -> str:
        if not self.channel.enabled:
            return "OFF"
        return "FAILING" if self.channel.failures else "ON"

    @property
    def service(self) -> str:
        return road.service_name(self.channel.scheme)

    @property
    def kinds(self) -> list[str]:
        """What it is told of, in words; empty when it is told of everything."""
        chosen = [LABELS[kind] for kind in NoticeKind if kind in self.channel.kinds]
        return [] if len(chosen) == len(LABELS) else chosen

    @property
    def error(self) -> str:
        """The last failure, unless something has arrived since."""
        failed, arrived = self.channel.last_error_at, self.channel.last_success_at
        newer = failed is not None and (arrived is None or failed > arrived)
        return self.channel.last_error if newer else ""


def _cards() -> list[Card]:
    unsent = Notice.objects.filter(sent_at__isnull=True)
    return [
        Card(
            channel,
            dead=unsent.filter(channel=channel, dead=True).count(),
            open=unsent.filter(channel=channel, dead=False).count(),
        )
        for channel in NoticeChannel.objects.all()
    ]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Every channel with its state, and the last notices of all of them."""
    recent = Notice.objects.select_related("channel").order_by("-pk")[:_SHOWN]
    context = {
        "cards": _cards(),
        "notices": recent,
        "may_change": request.user.has_perm(_PERMISSION),
    }
    return render(request, "trading/notices.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permission_required(_PERMISSION, raise_exception=True)
@sensitive_post_parameters("address")
@sensitive_variables("address", "form")
def edit(request: HttpRequest, channel_id: int | None = None) -> HttpResponse:
    """Add a channel, or change one. Its stored address is not shown."""
    channel = _channel(channel_id) if channel_id is not None else None
    if request.method != "POST":
        return _form(request, ChannelForm(channel=channel))
    form = ChannelForm(request.POST, channel=channel)
    if not form.is_valid():
        return _form(request, form)
    address = form.cleaned_data["address"]
    saved = channels.save(form.changed_channel(), actor=actor(request), address=address)
    state = "It is on." if saved.enabled else "It is off: nothing is sent through it."
    messages.success(request, f"The channel {saved.name} is saved. {state}")
    return redirect(_LIST)


def _form(request: HttpRequest, form: ChannelForm) -> HttpResponse:
    context = {"form": form, "channel": form.channel if form.channel.pk else None}
    return render(
        request, "trading/notice_channel.html", context, status=422 if form.errors else 200
    )


def _channel(channel_id: int) -> NoticeChannel:
    try:
        return NoticeChannel.objects.get(pk=channel_id)
    except (NoticeChannel.DoesNotExist, OverflowError):
        raise Http404("There is no such channel.") from None


@require_POST
@permission_required(_PERMISSION, raise_exception=True)
def remove(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Remove the channel with its notices."""
    channel = _channel(channel_id)
    channels.delete(channel, actor=actor(request))
    messages.success(request, f"The channel {channel.name} is removed.")
    return redirect(_LIST)


@require_POST
@permission_required(_PERMISSION, raise_exception=True)
def test(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Send a message now, in this request, and say whether it was taken."""
    channel = _channel(channel_id)
    if not _testing.acquire(blocking=False):
        messages.error(request, "Two tests are on their way already: wait for them.")
        return redirect(_LIST)
    try:
        problem = courier.send_test(channel)
    finally:
        _testing.release()
    if problem:
        messages.error(request, f"The test to {channel.name} did not arrive. {problem}")
    else:
        messages.success(request, f"{channel.name} took the test: look there.")
    return redirect(_LIST)


@require_POST
@permission_required(_PERMISSION, raise_exception=True)
def again(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Try once more to send what was given up."""
    channel = _channel(channel_id)
    count = channels.send_again(channel)
    word = "1 notice" if count == 1 else f"{count} notices"
    messages.success(request, f"{word} of {channel.name} will be tried again.")
    return redirect(_LIST)
