from typing import Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from sigmatrader.choices import one_of
from trading.domain.calendar import Auction, Day, DayKind, Hours, Segment, day_problem

# The fields of the closing auction: all of them, or none.
_AUCTION: Final = (
    "auction_since",
    "continuous_until",
    "auction_opens",
    "auction_closes",
    "auction_square_off_minutes",
)


def _label(segment: Segment) -> str:
    names = {
        Segment.EQUITY: "shares: NSE, BSE",
        Segment.DERIVATIVES: "futures and options: NFO, BFO",
        Segment.CURRENCY: "currency: CDS, BCD",
        Segment.COMMODITY: "commodities: MCX, NCO",
    }
    return f"{segment} ({names[segment]})"


_KINDS: Final = [kind.value for kind in DayKind]
SEGMENTS: Final = [(segment.value, _label(segment)) for segment in Segment]


class MarketHours(models.Model):
    """The regular day of a segment, IST, and until when its special days are known."""

    segment = models.CharField(max_length=16, unique=True, choices=SEGMENTS)
    opens = models.TimeField(help_text="When trading begins.")
    closes = models.TimeField(help_text="When trading ends.")
    winter_closes = models.TimeField(
        null=True,
        blank=True,
        help_text="The close while New York keeps winter time. Empty: the same all year.",
    )
    pre_open = models.TimeField(
        null=True,
        blank=True,
        help_text="From when orders are collected for the open. Empty: there is no pre-open.",
    )
    mis_square_off_minutes = models.PositiveSmallIntegerField(
        default=0,
        help_text="How many minutes before the close the broker ends MIS positions.",
    )
    amo_opens = models.TimeField(
        null=True,
        blank=True,
        help_text="From when the broker takes after-market orders. Empty: from the close.",
    )
    amo_closes = models.TimeField(help_text="Until when it does on the next morning.")
    auction_since = models.DateField(
        null=True, blank=True, help_text="The first day with a closing auction of shares with F&O."
    )
    continuous_until = models.TimeField(
        null=True, blank=True, help_text="When shares with F&O stop trading as usual."
    )
    auction_opens = models.TimeField(
        null=True, blank=True, help_text="From when the closing auction takes orders."
    )
    auction_closes = models.TimeField(
        null=True, blank=True, help_text="When the closing auction is over."
    )
    auction_square_off_minutes = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="How many minutes before that the broker ends MIS positions in these shares.",
    )
    covered_until = models.DateField(
        help_text="The last day whose holidays are all entered. Past it a person decides."
    )
    source = models.CharField(max_length=255, blank=True, help_text="Where this is from.")

    class Meta:
        db_table = "market_hours"
        ordering = ["id"]
        verbose_name_plural = "market hours"
        constraints = [
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes")),
                name="market_hours_open_first",
                violation_error_message="The session must open before it closes.",
            ),
            models.CheckConstraint(
                condition=Q(winter_closes__isnull=True) | Q(winter_closes__gt=F("opens")),
                name="market_hours_winter_close",
                violation_error_message="The winter close must be after the open.",
            ),
            models.CheckConstraint(
                condition=Q(pre_open__isnull=True) | Q(pre_open__lt=F("opens")),
                name="market_hours_pre_open_first",
                violation_error_message="The pre-open must begin before the open.",
            ),
            models.CheckConstraint(
                condition=Q(amo_closes__lte=F("opens"))
                & (Q(amo_opens__isnull=True) | Q(amo_opens__gte=F("closes"))),
                name="market_hours_amo_outside",
                violation_error_message="After-market orders are taken from the close on, or "
                "later, until the open, or earlier.",
            ),
            models.CheckConstraint(
                condition=Q(**{f"{name}__isnull": True for name in _AUCTION})
                | Q(
                    **{f"{name}__isnull": False for name in _AUCTION},
                    opens__lt=F("continuous_until"),
                    closes__gte=F("continuous_until"),
                    continuous_until__lte=F("auction_opens"),
                    auction_opens__lt=F("auction_closes"),
                ),
                name="market_hours_auction",
                violation_error_message="Fill in all of the closing auction or nothing, its times "
                "in order and its begin inside the session.",
            ),
            one_of("segment", Segment, "market_hours_segment_word"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.opens:%H:%M} to {self.closes:%H:%M}"

    def values(self) -> Hours:
        """The row as the calendar has it."""
        return Hours(
            opens=self.opens,
            closes=self.closes,
            winter_closes=self.winter_closes,
            pre_open=self.pre_open,
            square_off_minutes=self.mis_square_off_minutes,
            amo_opens=self.amo_opens,
            amo_closes=self.amo_closes,
            auction=self._auction(),
            covered_until=self.covered_until,
        )

    def _auction(self) -> Auction | None:
        if (
            self.auction_since is None
            or self.continuous_until is None
            or self.auction_opens is None
            or self.auction_closes is None
            or self.auction_square_off_minutes is None
        ):
            return None
        return Auction(
            since=self.auction_since,
            continuous_until=self.continuous_until,
            opens=self.auction_opens,
            closes=self.auction_closes,
            square_off_minutes=self.auction_square_off_minutes,
        )


class MarketDay(models.Model):
    """A date on which a segment is closed although its weekday isn't, or trades at other hours."""

    segment = models.CharField(max_length=16, choices=SEGMENTS)
    date = models.DateField()
    kind = models.CharField(
        max_length=16,
        choices=[
            (DayKind.CLOSED.value, "CLOSED: a holiday"),
            (DayKind.SESSION.value, "SESSION: trades, from and until the times given"),
        ],
    )
    opens = models.TimeField(
        null=True, blank=True, help_text="IST. Empty in a SESSION: not known yet, a person decides."
    )
    closes = models.TimeField(null=True, blank=True, help_text="IST.")
    note = models.CharField(max_length=255, blank=True, help_text="Which holiday or occasion.")
    source = models.CharField(max_length=255, blank=True, help_text="Where this is from.")

    class Meta:
        db_table = "market_days"
        ordering = ["date", "segment"]
        constraints = [
            models.UniqueConstraint(
                fields=["segment", "date"],
                name="market_days_once",
                violation_error_message="This segment has that date already: change its row.",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=_KINDS, opens__isnull=True, closes__isnull=True)
                | Q(
                    kind=DayKind.SESSION.value,
                    opens__isnull=False,
                    closes__isnull=False,
                    opens__lt=F("closes"),
                ),
                name="market_days_times",
            ),
            one_of("segment", Segment, "market_days_segment_word"),
        ]

    def __str__(self) -> str:
        return f"{self.segment} {self.date}: {self.hours}"

    @property
    def hours(self) -> str:
        """The day's hours in words."""
        if self.kind == DayKind.CLOSED:
            return "closed"
        if self.opens is None or self.closes is None:
            return "hours not known"
        return f"{self.opens:%H:%M} to {self.closes:%H:%M}"

    def clean(self) -> None:
        """Times that don't fit the kind are named with the fix."""
        if self.kind and (problem := day_problem(DayKind(self.kind), self.opens, self.closes)):
            raise ValidationError({"opens": problem})

    def values(self) -> Day:
        """The row as the calendar has it."""
        return Day(kind=DayKind(self.kind), opens=self.opens, closes=self.closes, note=self.note)
