import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.order import (
    ADOPTION_STATES,
    ENDED,
    FINAL,
    TRANSITIONS,
    IllegalTransition,
    LoggedChange,
    Status,
    check_transition,
    path,
    replay,
)

statuses = st.sampled_from(list(Status))


def test_every_status_stands_in_the_table() -> None:
    assert set(TRANSITIONS) == {None, *Status}


def test_a_final_status_leads_nowhere() -> None:
    assert all(not TRANSITIONS[status] for status in FINAL)


def test_only_cancelled_comes_back_to_the_queue_of_ended_ones() -> None:
    assert [s for s in ENDED if Status.WAITING in TRANSITIONS[s]] == [Status.CANCELLED]


def test_nothing_that_may_be_at_the_broker_goes_back_to_be_sent_again() -> None:
    for status in (Status.UNKNOWN, Status.SENT, Status.PARTIALLY_EXECUTED, Status.CANCEL_PENDING):
        assert Status.QUEUED not in TRANSITIONS[status]
        assert Status.WAITING not in TRANSITIONS[status]
        assert Status.SENDING not in TRANSITIONS[status]


def test_an_order_from_outside_starts_where_the_book_shows_it() -> None:
    for status in ADOPTION_STATES:
        check_transition(None, status, adoption=True)
        with pytest.raises(IllegalTransition):
            check_transition(None, status)


@given(current=statuses, target=statuses)
def test_a_step_outside_the_table_raises(current: Status, target: Status) -> None:
    if target in TRANSITIONS[current]:
        check_transition(current, target)
    else:
        with pytest.raises(IllegalTransition, match=f"{current}.*{target}"):
            check_transition(current, target)


@given(current=statuses, target=statuses)
def test_a_path_takes_legal_steps_and_arrives(current: Status, target: Status) -> None:
    try:
        steps = path(current, target)
    except IllegalTransition:
        return
    assert steps[-1] == target
    here = current
    for step in steps:
        check_transition(here, step)
        here = step
    assert not {Status.WAITING, Status.QUEUED} & set(steps[:-1])


def test_a_report_may_skip_steps() -> None:
    assert path(Status.SENDING, Status.EXECUTED) == (Status.SENT, Status.EXECUTED)
    assert path(Status.FAILED, Status.EXECUTED) == (Status.SENT, Status.EXECUTED)
    with pytest.raises(IllegalTransition):
        path(Status.EXECUTED, Status.SENT)


@st.composite
def lives(draw: st.DrawFn) -> list[LoggedChange]:
    """A legal walk through the table, with changes on the way."""
    log: list[LoggedChange] = []
    status: Status | None = None
    for sequence in range(1, draw(st.integers(1, 12)) + 1):
        steps = sorted(TRANSITIONS[status])
        if not steps:
            break
        target = draw(st.sampled_from(steps))
        changes = draw(st.dictionaries(st.sampled_from(["qty", "price"]), st.integers(0, 9)))
        log.append(LoggedChange(sequence, status, target, changes))
        status = target
    return log


@given(lives())
def test_the_log_of_a_legal_life_replays_to_its_end(log: list[LoggedChange]) -> None:
    row = replay(log)
    assert row["status"] == log[-1].to_status
    assert row["version"] == len(log)
    for name in ("qty", "price"):
        written = [change.changes[name] for change in log if name in change.changes]
        assert row.get(name) == (written[-1] if written else None)


@given(lives(), st.data())
def test_a_log_with_a_hole_does_not_replay(log: list[LoggedChange], data: st.DataObject) -> None:
    if len(log) < 2:
        return
    missing = data.draw(st.integers(0, len(log) - 2))
    with pytest.raises(ValueError, match="missing"):
        replay([change for index, change in enumerate(log) if index != missing])


def test_a_log_with_a_step_outside_the_table_does_not_replay() -> None:
    log = [
        LoggedChange(1, None, Status.WAITING),
        LoggedChange(2, Status.WAITING, Status.EXECUTED),
    ]
    with pytest.raises(IllegalTransition):
        replay(log)
