"""The market calendar in the admin and on the dashboard."""

from datetime import date, datetime, time

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from sigmatrader import clock
from trading.models import MarketDay, MarketHours
from trading.services import calendar

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("market_calendar")]

URL = "admin:trading_marketday_import"
HEADER = "segment,date,kind,opens,closes,note\n"


@pytest.fixture
def boss(admin_client, django_capture_on_commit_callbacks):
    """An administrator whose requests commit, as they do outside of tests."""

    def post(url: str, data: dict[str, object]):
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(url, data)

    return post


def upload(text: str, **more: str) -> dict[str, object]:
    return {"file": SimpleUploadedFile("2027.csv", (HEADER + text).encode()), **more}


def test_a_file_of_days_is_taken_and_who_did_it_is_noted(boss, admin_user) -> None:
    calendar.current()
    answer = boss(
        reverse(URL), upload("NSE,2027-01-26,CLOSED,,,Republic Day\n", until="2027-12-31")
    )
    assert answer.status_code == 302
    assert calendar.current().covers("NSE", date(2027, 12, 31))
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr) == (admin_user, "import of 2027.csv")
    assert "1 days added" in entry.change_message


def test_a_file_with_a_wrong_line_says_which_and_stores_nothing(boss) -> None:
    answer = boss(reverse(URL), upload("NSE,2027-01-26,CLOSED,,,\n<script>,2027-01-27,CLOSED,,,\n"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Line 3: segment is" in page
    assert "<script>,2027" not in page and "&lt;script&gt;" in page
    assert not MarketDay.objects.filter(date__year=2027).exists()


def test_the_import_page_is_for_those_who_may_change_days(client, django_user_model) -> None:
    client.force_login(django_user_model.objects.create_user("reader", is_staff=True))
    assert client.get(reverse(URL)).status_code == 403
    assert client.post(reverse(URL), upload("NSE,2027-01-26,CLOSED,,,\n")).status_code == 403
    client.logout()
    assert client.get(reverse(URL)).status_code == 302


def test_how_far_days_are_known_is_moved_by_those_who_may_change_hours(
    client, django_user_model
) -> None:
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__endswith="_marketday"))
    client.force_login(clerk)
    before = list(MarketHours.objects.values_list("covered_until", flat=True))
    lines = "NSE,2027-01-26,CLOSED,,,Republic Day\n"
    page = client.post(reverse(URL), upload(lines, until="2027-12-31"))
    assert "trading.change_markethours" in page.content.decode()
    assert not MarketDay.objects.filter(date__year=2027).exists()
    assert client.post(reverse(URL), upload(lines)).status_code == 302
    assert list(MarketHours.objects.values_list("covered_until", flat=True)) == before
    clerk.user_permissions.add(Permission.objects.get(codename="change_markethours"))
    assert client.post(reverse(URL), upload(lines, until="2027-12-31")).status_code == 302


def test_days_are_listed_with_their_hours_and_a_way_to_import(admin_client) -> None:
    page = admin_client.get(reverse("admin:trading_marketday_changelist")).content.decode()
    assert reverse(URL) in page
    assert "hours not known" in page
    assert "17:00 to 23:55" in page
    assert admin_client.get(reverse(URL)).status_code == 200


def test_a_day_saved_or_deleted_in_the_admin_counts_at_once(boss) -> None:
    day = date(2026, 12, 24)
    assert calendar.current().window("NSE", day) is not None
    values = {"segment": "EQUITY", "date": "2026-12-24", "kind": "CLOSED", "note": "A strike"}
    assert boss(reverse("admin:trading_marketday_add"), values).status_code == 302
    assert calendar.current().window("NSE", day) is None
    row = MarketDay.objects.get(segment="EQUITY", date=day)
    gone = boss(reverse("admin:trading_marketday_delete", args=[row.pk]), {"post": "yes"})
    assert gone.status_code == 302
    assert calendar.current().window("NSE", day) is not None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "CLOSED", "opens": "09:15"}, "A CLOSED day has no times"),
        ({"kind": "SESSION", "opens": "09:15"}, "Give both times"),
        ({"kind": "SESSION", "opens": "15:30", "closes": "09:15"}, "must open before it closes"),
        ({"kind": "CLOSED", "date": "2026-12-25"}, "has that date already"),
    ],
)
def test_a_wrong_day_is_refused_with_the_fix(boss, values, words) -> None:
    given = {"segment": "EQUITY", "date": "2026-12-24", **values}
    answer = boss(reverse("admin:trading_marketday_add"), given)
    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_hours_are_edited_and_never_added_or_deleted(boss, admin_client) -> None:
    row = MarketHours.objects.get(segment="DERIVATIVES")
    page = reverse("admin:trading_markethours_change", args=[row.pk])
    assert admin_client.get(reverse("admin:trading_markethours_add")).status_code == 403
    assert (
        admin_client.get(reverse("admin:trading_markethours_delete", args=[row.pk])).status_code
        == 403
    )
    assert (
        "15:45 to 09:10"
        in admin_client.get(reverse("admin:trading_markethours_changelist")).content.decode()
    )
    values = {
        "opens": "09:15",
        "closes": "15:30",
        "mis_square_off_minutes": "10",
        "amo_opens": "15:45",
        "amo_closes": "09:10",
        "covered_until": "2026-12-31",
    }
    calendar.current()
    assert boss(page, values).status_code == 302
    assert calendar.current().hours_of("NFO").closes == time(15, 30)
    far = boss(page, {**values, "covered_until": "9999-12-31"})
    assert "Days can&#x27;t be known until 31 Dec 9999" in far.content.decode()
    answer = boss(page, {**values, "auction_opens": "15:20"})
    assert "all of the closing auction or nothing" in answer.content.decode()


def test_the_dashboard_asks_for_the_next_days_before_the_calendar_ends(desk) -> None:
    for now, told in ((datetime(2026, 11, 25, 11), False), (datetime(2026, 12, 5, 11), True)):
        moment = now.replace(tzinfo=clock.IST)
        clock.use(lambda moment=moment: moment)
        try:
            page = desk.client.get(reverse("dashboard")).content.decode()
        finally:
            clock.use(None)
        assert ("The market calendar of all segments ends on 31 Dec 2026" in page) == told
