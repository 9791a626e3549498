from django.db import models


class WorkerHeartbeat(models.Model):
    """A worker process that runs, or ran."""

    worker_id = models.CharField(max_length=120, unique=True, help_text="host:pid:start")
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "worker_heartbeats"
        ordering = ["-beat_at"]

    def __str__(self) -> str:
        return self.worker_id


class RateWindow(models.Model):
    """Requests made to a broker account in one second, minute or day: our limiter's memory."""

    connection = models.ForeignKey("brokers.BrokerConnection", on_delete=models.CASCADE)
    period = models.CharField(
        max_length=8, choices=[("second", "second"), ("minute", "minute"), ("day", "day")]
    )
    window_start = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "rate_windows"
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "period", "window_start"], name="rate_windows_unique"
            )
        ]
        indexes = [models.Index(fields=["window_start"], name="rate_windows_start")]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.period} {self.window_start}: {self.count}"
