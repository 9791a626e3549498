import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from risk.models import no_trade_windows
from risk.windows import parse_windows, windows_text

HOURS = st.times().map(lambda one: f"{one:%H:%M}")
WINDOWS = st.lists(
    st.fixed_dictionaries(
        {"start": HOURS, "end": HOURS, "days": st.sets(st.integers(0, 6)).map(sorted)}
    ).filter(lambda one: one["start"] != one["end"]),
    max_size=4,
)


@given(WINDOWS)
def test_windows_come_back_from_their_text(windows):
    windows = no_trade_windows(windows)
    assert parse_windows(windows_text(windows)) == windows


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("12:00-13:30", []),
        ("daily 12:00 - 13:30", []),
        ("Mon-Fri 12:00-13:30", [0, 1, 2, 3, 4]),
        ("tue, Thursday 12:00–13:30", [1, 3]),
        ("Fri - Mon 12:00-13:30", [0, 4, 5, 6]),
        ("Mon Wed-Thu, sun 12:00-13:30", [0, 2, 3, 6]),
    ],
)
def test_days_are_read_as_people_write_them(text, days):
    assert parse_windows(f"\n{text}\r\n") == [{"start": "12:00", "end": "13:30", "days": days}]


@pytest.mark.parametrize(
    "text", ["noon", "Mon 12:00", "Monn 12:00-13:00", "12:00-25:00", "9:00-09:00", "Mo 9:00-10:00"]
)
def test_a_wrong_line_is_named_with_the_fix(text):
    with pytest.raises(ValidationError) as refused:
        parse_windows(f"12:00-13:30\n{text}")
    assert refused.value.messages[0].startswith(f"“{text}” is no window; write it like Mon-Fri")
