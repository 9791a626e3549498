"""What is recorded once and never changed: who changed which limits, when, why."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self

from django.db import models

from sigmatrader.choices import choices
from trading.domain.values import RiskScope


class AppendOnlyRows(models.QuerySet[Any]):
    """Rows are added, and never changed or removed through the models."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise TypeError("This history is append-only.")

    def delete(self) -> NoReturn:
        raise TypeError("This history is append-only.")


class AppendOnly(models.Model):
    """A row of a history."""

    objects: ClassVar[models.Manager[Self]] = AppendOnlyRows.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the row; a row that is stored already is never changed."""
        if not self._state.adding:
            raise TypeError("This history is append-only.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("This history is append-only.")


class RiskSettingsChange(AppendOnly):
    """One change of limits: `old` and `new` hold the fields that differ, as JSON.

    `label` keeps the scope's name when its strategy is deleted. `until`: when a temporary change
    ends by itself.
    """

    settings = models.ForeignKey(
        "risk.RiskSettings",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="changes",
    )
    scope = models.CharField(max_length=16, choices=choices(RiskScope))
    label = models.CharField(max_length=300)
    version = models.PositiveIntegerField(help_text="Of the settings, after the change.")
    old = models.JSONField(default=dict)
    new = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    actor = models.CharField(max_length=150)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    class Meta(AppendOnly.Meta):
        db_table = "risk_settings_changes"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["-at", "-id"], name="risk_settings_changes_latest")]

    def __str__(self) -> str:
        return f"{self.label} version {self.version}"
