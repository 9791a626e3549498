from django.db import models
from django.db.models import Q

from sigmatrader import clock, crypto
from sigmatrader.choices import choices, one_of
from trading.domain.notices import WORDS, NoticeKind, QuietHours


def every_kind() -> list[str]:
    """What a new channel is told of."""
    return [kind.value for kind in NoticeKind]


class NoticeChannel(models.Model):
    """Where notices go: one address of a messenger, a mailbox or a server.

    The address is a secret: stored encrypted, never shown again. `busy_until`: a worker sends
    through the channel, until then no other does. `failures`: sends in a row that did not arrive.
    """

    name = models.CharField(max_length=64, unique=True)
    address_encrypted = models.TextField(editable=False)
    scheme = models.CharField(max_length=32, editable=False)
    enabled = models.BooleanField(default=False)
    enabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    kinds = models.JSONField(default=every_kind, blank=True)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    urgent_breaks_through = models.BooleanField(default=True)
    group_seconds = models.PositiveIntegerField(default=30)
    links_decide = models.BooleanField(default=False)
    link_minutes = models.PositiveIntegerField(default=15)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    retry_at = models.DateTimeField(null=True, blank=True, editable=False)
    busy_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        db_table = "notice_channels"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_until__isnull=True)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notice_channels_quiet_both",
            ),
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(enabled_at__isnull=False),
                name="notice_channels_enabled_since",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """The address in clear. Raises CryptoError without its key."""
        return crypto.decrypt(self.address_encrypted)

    @address.setter
    def address(self, value: str) -> None:
        self.address_encrypted = crypto.encrypt(value)

    @property
    def masked(self) -> str:
        """What pages may show of the address."""
        return f"{self.scheme}://…"

    @property
    def quiet_hours(self) -> QuietHours | None:
        if self.quiet_from is None or self.quiet_until is None:
            return None
        return QuietHours(self.quiet_from, self.quiet_until)

    def quiet_for(self, *, urgent: bool) -> QuietHours | None:
        """The quiet hours that hold for a notice."""
        return None if urgent and self.urgent_breaks_through else self.quiet_hours


class Notice(models.Model):
    """One thing that one channel is to be told: the outbox, and its record.

    `key` names what it is about, once for each channel. `at`: when it happened. A notice is open
    until `sent_at` is set or it is `dead`: given up after too many tries. `order_version`: of an
    order that waits, as it was when it began to.
    """

    channel = models.ForeignKey(NoticeChannel, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=16, choices=choices(NoticeKind))
    key = models.CharField(max_length=200)
    text = models.TextField()
    urgent = models.BooleanField(default=False)
    order = models.ForeignKey(
        "trading.Order", on_delete=models.CASCADE, null=True, blank=True, related_name="notices"
    )
    order_version = models.PositiveIntegerField(null=True, blank=True)
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)
    not_before = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    dead = models.BooleanField(default=False)

    class Meta:
        db_table = "notices"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["channel", "key"], name="notices_once"),
            one_of("kind", NoticeKind, "notices_kind_word"),
        ]
        indexes = [
            models.Index(
                fields=["channel", "not_before"],
                condition=Q(sent_at__isnull=True, dead=False),
                name="notices_open",
            ),
            models.Index(fields=["created_at"], name="notices_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"

    @property
    def word(self) -> str:
        """Its kind, for people."""
        return WORDS[NoticeKind(self.kind)]


class NoticeCursor(models.Model):
    """How far one source of notices has been read.

    `last_id`: the highest row seen. `pending`: of a table, ids below it that were not there yet,
    with when they were missed; of conditions, those that hold, with since when.
    """

    name = models.CharField(max_length=32, unique=True)
    last_id = models.BigIntegerField(default=0)
    pending = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "notice_cursors"

    def __str__(self) -> str:
        return f"{self.name} at {self.last_id}"


class NoticeLink(models.Model):
    """Leave to decide one waiting order, at one version, once, without a login.

    The link itself is signed and stands only in the message.
    """

    notice = models.OneToOneField(Notice, on_delete=models.CASCADE, related_name="link")
    order = models.ForeignKey("trading.Order", on_delete=models.CASCADE, related_name="+")
    order_version = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    used_for = models.CharField(max_length=16, blank=True)

    class Meta:
        db_table = "notice_links"

    def __str__(self) -> str:
        return f"link to order {self.order_id} until {self.expires_at}"
