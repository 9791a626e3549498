"""Notice channels and what they were told: to read. They are set on the notifications page."""

from django.contrib import admin

from sigmatrader.admin_base import RecordAdmin
from trading.models import Notice, NoticeChannel
from trading.templatetags.money import ist


@admin.register(NoticeChannel)
class NoticeChannelAdmin(RecordAdmin):
    """Without the address, which is shown nowhere."""

    list_display = ("name", "scheme", "enabled", "failures", "arrived")
    fields = (
        "name",
        "scheme",
        "enabled",
        "kinds",
        "quiet_from",
        "quiet_until",
        "urgent_breaks_through",
        "group_seconds",
        "links_decide",
        "link_minutes",
        "last_success_at",
        "last_error",
        "last_error_at",
    )

    @admin.display(description="arrived last (IST)", ordering="last_success_at")
    def arrived(self, channel: NoticeChannel) -> str:
        return ist(channel.last_success_at, "second") if channel.last_success_at else "–"


@admin.register(Notice)
class NoticeAdmin(RecordAdmin):
    list_display = ("text", "kind", "channel", "happened", "sent", "attempts", "dead")
    list_filter = ("channel", "kind", "dead")
    list_select_related = ("channel",)
    search_fields = ("text", "key")

    @admin.display(description="happened (IST)", ordering="at")
    def happened(self, notice: Notice) -> str:
        return ist(notice.at, "second")

    @admin.display(description="sent (IST)", ordering="sent_at")
    def sent(self, notice: Notice) -> str:
        return ist(notice.sent_at, "second") if notice.sent_at else "–"
