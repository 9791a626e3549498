"""When a notice may go, and how many become one message."""

from datetime import datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trading.domain.notices import (
    LABELS,
    LONGEST_BODY,
    LONGEST_LINE,
    WORDS,
    Line,
    NoticeKind,
    QuietHours,
    compose,
    due_at,
    one_line,
    pause_after,
)
from trading.domain.session import IST

WAITING, EXECUTED, STATE = NoticeKind.WAITING, NoticeKind.EXECUTED, NoticeKind.STATE
NIGHT = QuietHours(time(22, 30), time(7, 30))

hours = st.builds(QuietHours, st.times(), st.times())
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
    lambda naive: naive.replace(tzinfo=IST)
)
lines = st.builds(
    Line,
    st.sampled_from(NoticeKind),
    st.text(max_size=600).map(one_line),
    st.sampled_from([(), ("Execute: https://t.example.com/" + "x" * 60,)]),
)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=IST)


def test_the_night_ends_on_the_next_morning():
    assert NIGHT.end_after(at(2, 22, 30)) == at(3, 7, 30)
    assert NIGHT.end_after(at(3, 7, 29)) == at(3, 7, 30)
    assert NIGHT.end_after(at(3, 7, 30)) is None
    assert NIGHT.end_after(at(3, 22, 29)) is None


@given(hours, moments)
def test_quiet_hours_end_later_within_a_day_and_are_over_then(quiet, moment):
    end = quiet.end_after(moment)
    if end is not None:
        assert moment < end <= moment + timedelta(days=1)
        assert quiet.end_after(end) is None


def test_what_falls_into_quiet_hours_at_the_end_of_its_window_is_held():
    almost = at(2, 22, 29)
    due = due_at(almost, urgent=False, group_seconds=120, quiet=NIGHT)
    assert due == at(3, 7, 30)
    assert due_at(almost, urgent=False, group_seconds=30, quiet=NIGHT) == at(2, 22, 29) + timedelta(
        seconds=30
    )


@given(moments, st.booleans(), st.integers(0, 3600), st.none() | hours)
def test_a_notice_is_never_due_in_quiet_hours_nor_before_it_is_written(
    moment, urgent, group_seconds, quiet
):
    due = due_at(moment, urgent=urgent, group_seconds=group_seconds, quiet=quiet)
    assert due >= moment
    assert quiet is None or quiet.end_after(due) is None
    if urgent and quiet is None:
        assert due <= moment + timedelta(seconds=5)


@given(st.integers(1, 1000))
def test_a_channel_never_rests_shorter_after_one_more_failure(failures):
    assert pause_after(failures) <= pause_after(failures + 1) <= timedelta(hours=1)


def test_one_notice_is_its_own_message():
    message = compose([Line(WAITING, "#1 BUY 10 INFY", ("Execute: https://x",))])
    assert message.title == "An order waits"
    assert message.body == "#1 BUY 10 INFY\nExecute: https://x"


def test_several_kinds_stand_in_blocks_the_gravest_first():
    found = [Line(EXECUTED, "a"), Line(WAITING, "b"), Line(EXECUTED, "c"), Line(STATE, "d")]
    message = compose(found)
    assert message.title == "Trading state, an order waits, 2 orders are executed"
    assert message.body.splitlines() == [
        "Trading state:",
        "• d",
        "An order waits:",
        "• b",
        "2 orders are executed:",
        "• a",
        "• c",
    ]


def test_what_does_not_fit_is_counted():
    message = compose([Line(WAITING, f"#{number} " + "x" * 90) for number in range(50)])
    assert message.title == "50 orders wait"
    shown = message.body.count("• ")
    assert f"… and {50 - shown} more: see the desk." in message.body


@given(st.lists(lines, min_size=1, max_size=40))
def test_a_message_is_never_too_long_and_leaves_nothing_out_unsaid(found):
    message = compose(found)
    assert len(message.body) <= LONGEST_BODY
    assert message.title
    if len(found) > 1:
        _, _, rest = message.body.rpartition("… and ")
        left_out = int(rest.split()[0]) if message.body.endswith("more: see the desk.") else 0
        shown = sum(line.startswith("• ") for line in message.body.splitlines())
        assert shown + left_out == len(found)


@given(st.text())
def test_a_line_stays_a_line_of_printable_text(text):
    plain = one_line(text)
    assert len(plain) <= LONGEST_LINE
    assert len(plain.splitlines()) <= 1
    assert plain == "" or plain.isprintable()


def test_nobody_is_called_by_a_text_from_outside():
    assert one_line("for @everyone and @here, 10 @ 1500") == "for ＠everyone and ＠here, 10 @ 1500"


def test_every_kind_has_its_words():
    assert set(LABELS) == set(WORDS) == set(NoticeKind)
    for kind in NoticeKind:
        assert compose([Line(kind, "x")]).title
