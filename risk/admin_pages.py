"""The admin's pages for limits as a file and for presets, each with its differences first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode

from risk import portable, presets, settings_service
from risk.admin_forms import GLOBAL_TARGET, ImportForm, PresetForm
from risk.models import RiskSettings
from risk.settings_values import Difference
from sigmatrader import clock
from sigmatrader.db import write_transaction

Changes = list[tuple[str, Iterable[Difference]]]  # by scope


def actor_of(request: HttpRequest) -> str:
    """Who acts, as the history records it."""
    return str(request.user.get_username())


def ist(moment: datetime) -> str:
    """A moment as the admin's texts show it."""
    return f"{moment.astimezone(clock.IST):%d %b %Y %H:%M}"


class LimitPages(admin.ModelAdmin):
    """What the admin of limits has beside its lists and forms."""

    change_list_template = "admin/risk/risksettings/change_list.html"
    actions: tuple[str, ...] = ("export_selected", "choose_preset")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        pages = [
            path("export/", view(self.export_page), name="risk_export"),
            path("import/", view(self.import_page), name="risk_import"),
            path("preset/", view(self.preset_page), name="risk_preset"),
        ]
        return [*pages, *super().get_urls()]

    @admin.action(description="Export the selected settings as a file", permissions=["view"])
    def export_selected(
        self, request: HttpRequest, queryset: QuerySet[RiskSettings]
    ) -> HttpResponse:
        return _file(queryset.select_related("strategy"))

    @admin.action(description="Apply a preset to the selected settings", permissions=["change"])
    def choose_preset(
        self, request: HttpRequest, queryset: QuerySet[RiskSettings]
    ) -> HttpResponseRedirect:
        targets = [str(row.strategy_id or GLOBAL_TARGET) for row in queryset]
        query = urlencode({"target": targets}, doseq=True)
        return redirect(f"{reverse('admin:risk_preset')}?{query}")

    def export_page(self, request: HttpRequest) -> HttpResponse:
        """The settings of all scopes as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return _file(None)

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """A file's differences; the same file is taken over when that is confirmed."""
        self._may_write(request)
        form = ImportForm(request.POST or None, request.FILES or None)
        changes: Changes | None = None
        if request.method == "POST" and form.is_valid():
            store = "store" in request.POST
            try:
                found = portable.import_settings(
                    form.cleaned_data["data"],
                    actor=actor_of(request),
                    reason=form.cleaned_data["reason"],
                    dry_run=not store,
                )
            except ValidationError as error:
                _add_errors(form, error)
            else:
                changes = [(one.label, one.differences) for one in found]
                if store:
                    return self._done(request, changes)
                form = ImportForm(initial=form.cleaned_data | {"file": None})
        return self._page(request, "import", "Import limits", {"form": form, "changes": changes})

    def preset_page(self, request: HttpRequest) -> HttpResponse:
        """A preset's differences; what was shown is applied when that is confirmed."""
        self._may_write(request)
        asked = request.GET.getlist("target") or [GLOBAL_TARGET]
        form = PresetForm(request.POST or None, initial={"target": asked, "preset": "careful"})
        changes: Changes | None = None
        if request.method == "POST" and form.is_valid():
            try:
                changes = _preset_changes(form)
                if "store" in request.POST and form.cleaned_data["shown"] == form.signature:
                    _apply_preset(form, actor_of(request))
                    return self._done(request, changes)
            except ValidationError as error:
                _add_errors(form, error)
            else:
                form = PresetForm(initial=form.cleaned_data | {"shown": form.signature})
        context = {"form": form, "changes": changes, "presets": presets.PRESETS.values()}
        return self._page(request, "preset", "Apply a preset", context)

    def _may_write(self, request: HttpRequest) -> None:
        if not (self.has_change_permission(request) and self.has_add_permission(request)):
            raise PermissionDenied

    def _done(self, request: HttpRequest, changes: Changes) -> HttpResponse:
        changed = ", ".join(label for label, _ in changes)
        text = f"Limits are stored: {changed}." if changed else "Nothing differed: all stays."
        messages.success(request, text)
        return redirect("admin:risk_risksettings_changelist")

    def _page(
        self, request: HttpRequest, name: str, title: str, more: dict[str, Any]
    ) -> HttpResponse:
        common = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        template = f"admin/risk/risksettings/{name}.html"
        return TemplateResponse(request, template, common | more)


def _file(rows: QuerySet[RiskSettings] | None) -> HttpResponse:
    day = f"{clock.now().astimezone(clock.IST):%Y-%m-%d}"
    name = f"risk-settings-{day}.json"
    text = portable.file_text(portable.export_settings(rows))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/json", headers=headers)


def _preset_changes(form: PresetForm) -> Changes:
    name, capital, market_data = form.choice
    found: Changes = []
    for scope, strategy_id in form.scopes:
        label = settings_service.row_of(scope, strategy_id).label
        differences = presets.preset_differences(
            name, capital, scope, strategy_id, market_data=market_data
        )
        found.append((label, differences))
    return found


def _apply_preset(form: PresetForm, actor: str) -> None:
    name, capital, market_data = form.choice
    with write_transaction():
        for scope, strategy_id in form.scopes:
            presets.apply_preset(
                name,
                capital,
                scope,
                strategy_id,
                market_data=market_data,
                actor=actor,
                reason=form.cleaned_data["reason"],
            )


def _add_errors(form: ImportForm | PresetForm, error: ValidationError) -> None:
    for name, texts in settings_service.errors_by_field(error).items():
        shown = texts if name in ("", *form.fields, "settings") else [f"{name}: {t}" for t in texts]
        form.add_error(name if name in form.fields else None, shown)
