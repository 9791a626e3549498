"""The market calendar: hours and special days to edit, a CSV file of days to import."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from sigmatrader import clock
from trading.domain.coverage import WARN_DAYS, too_far
from trading.domain.session import trading_day
from trading.models import MarketDay, MarketHours
from trading.services import calendar, calendar_import


class _CalendarAdmin(admin.ModelAdmin):
    """Whoever changes a row changes the calendar in use as soon as it is stored."""

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(calendar.forget)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(calendar.forget)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        transaction.on_commit(calendar.forget)


class HoursForm(forms.ModelForm):
    def clean_covered_until(self) -> date:
        until: date = self.cleaned_data["covered_until"]
        if problem := too_far(until, trading_day(clock.now())):
            raise forms.ValidationError(problem)
        return until


@admin.register(MarketHours)
class MarketHoursAdmin(_CalendarAdmin):
    """One row for each segment; none is added or deleted."""

    form = HoursForm
    list_display = ("segment", "session", "square_off", "after_market", "auction", "known_until")
    fieldsets = (
        (None, {"fields": ("segment", "covered_until", "source")}),
        (
            "A regular day (IST)",
            {"fields": ("pre_open", "opens", "closes", "winter_closes")},
        ),
        (
            "At the broker",
            {"fields": ("mis_square_off_minutes", "amo_opens", "amo_closes")},
        ),
        (
            "Closing auction of shares with futures",
            {
                "fields": (
                    "auction_since",
                    "continuous_until",
                    "auction_opens",
                    "auction_closes",
                    "auction_square_off_minutes",
                ),
                "description": "All of it, or nothing.",
            },
        ),
    )
    readonly_fields = ("segment",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="trades (IST)", ordering="opens")
    def session(self, row: MarketHours) -> str:
        winter = f", in winter {row.winter_closes:%H:%M}" if row.winter_closes else ""
        return f"{row.opens:%H:%M} to {row.closes:%H:%M}{winter}"

    @admin.display(description="MIS ends", ordering="mis_square_off_minutes")
    def square_off(self, row: MarketHours) -> str:
        minutes = row.mis_square_off_minutes
        return f"{minutes} min before the close" if minutes else "at the close"

    @admin.display(description="after-market orders")
    def after_market(self, row: MarketHours) -> str:
        opens = f"{row.amo_opens:%H:%M}" if row.amo_opens else "close"
        return f"{opens} to {row.amo_closes:%H:%M}"

    @admin.display(description="closing auction")
    def auction(self, row: MarketHours) -> str:
        if row.auction_opens is None or row.auction_closes is None:
            return "none"
        return f"{row.auction_opens:%H:%M} to {row.auction_closes:%H:%M}"

    @admin.display(description="days known until", ordering="covered_until")
    def known_until(self, row: MarketHours) -> str:
        today = trading_day(clock.now())
        if row.covered_until < today:
            return f"{row.covered_until:%d %b %Y}: over"
        soon = row.covered_until <= today + timedelta(days=WARN_DAYS)
        return f"{row.covered_until:%d %b %Y}{': soon over' if soon else ''}"


class ImportForm(forms.Form):
    """A CSV file of special days, and how far the days are then known."""

    file = forms.FileField(
        label="CSV file", help_text=f"UTF-8, with the columns {','.join(calendar_import.COLUMNS)}."
    )
    until = forms.DateField(
        label="Known until",
        required=False,
        help_text="YYYY-MM-DD: the file has every special day of its segments until then. Empty: "
        "leave it as it is.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, may_extend: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._may_extend = may_extend

    def clean_until(self) -> date | None:
        """How far the days are known is the market hours' own, and takes their right."""
        until: date | None = self.cleaned_data["until"]
        if until is not None and not self._may_extend:
            raise forms.ValidationError(
                "Your login may not change market hours: leave this empty, or ask an "
                "administrator for the right trading.change_markethours."
            )
        return until

    def store(self) -> calendar_import.Imported | None:
        """What the import did; None when it was refused, with the reasons at the file's field."""
        file: UploadedFile = self.cleaned_data["file"]
        until: date | None = self.cleaned_data["until"]
        try:
            data = file.read(calendar_import.MOST_BYTES + 1)
            return calendar_import.take(data, source=file.name or "", until=until)
        except calendar_import.BadFile as error:
            for problem in error.problems:
                self.add_error("file", problem)
            return None


@admin.register(MarketDay)
class MarketDayAdmin(_CalendarAdmin):
    """Holidays, special sessions, other hours."""

    list_display = ("date", "weekday", "segment", "kind", "shown_hours", "note", "source")
    list_filter = ("segment", "kind")
    search_fields = ("note", "source")
    date_hierarchy = "date"
    ordering = ("-date", "segment")
    fields = ("segment", "date", "kind", "opens", "closes", "note", "source")
    change_list_template = "admin/trading/marketday/change_list.html"

    @admin.display(description="weekday")
    def weekday(self, row: MarketDay) -> str:
        return f"{row.date:%A}"

    @admin.display(description="trades (IST)", ordering="opens")
    def shown_hours(self, row: MarketDay) -> str:
        return row.hours

    def get_urls(self) -> list[URLPattern]:
        page = require_http_methods(["GET", "HEAD", "POST"])(self.import_page)
        url = path("import/", self.admin_site.admin_view(page), name="trading_marketday_import")
        return [url, *super().get_urls()]

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for the file, take it, or say which lines are wrong."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = ImportForm(
            request.POST or None,
            request.FILES or None,
            may_extend=request.user.has_perm("trading.change_markethours"),
        )
        if request.method == "POST" and form.is_valid() and (done := form.store()):
            self._note(request, form.cleaned_data["file"].name, done)
            messages.success(request, str(done))
            return HttpResponseRedirect(reverse("admin:trading_marketday_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Import market days",
            "opts": self.model._meta,
            "form": form,
        }
        return TemplateResponse(request, "admin/trading/marketday/import.html", context)

    def _note(self, request: HttpRequest, name: str, done: calendar_import.Imported) -> None:
        """Who imported what, in the admin's history."""
        assert request.user.pk is not None  # the admin's pages ask for a login
        LogEntry.objects.create(
            user_id=request.user.pk,
            content_type=ContentType.objects.get_for_model(MarketDay),
            object_repr=f"import of {name}"[:200],
            action_flag=CHANGE,
            change_message=str(done),
        )
