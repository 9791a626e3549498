from django.conf import settings
from django.db import models


class IdempotentRequest(models.Model):
    """The first answer to a REST POST that carried an Idempotency-Key; kept for 24 hours."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=200)
    path = models.CharField(max_length=255)
    body_digest = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Empty while the first request is still running."
    )
    response = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "idempotent_requests"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key", "path"], name="idempotent_requests_unique"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotent_requests_created")]

    def __str__(self) -> str:
        return f"{self.path} {self.key}"
