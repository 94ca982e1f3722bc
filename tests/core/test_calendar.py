"""Civil time, clear days and deadlines, against counts made by hand and against the time zone library."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.contracts import calendar as calendar_of
from collector.contracts import load
from collector.core.calendar import CIVIL, Back, Calendar, Civil, Forward, Hours
from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Instant, Span, Unit, duration
from collector.settings import shipped

PARIS = ZoneInfo("Europe/Paris")
CALENDAR = calendar_of(load(shipped("contracts/outscale-cgv-2019-12.toml"))[0])
INSTANTS = st.integers(
    int(datetime(1991, 1, 1, tzinfo=UTC).timestamp()) * SECOND,
    int(datetime(2099, 12, 1, tzinfo=UTC).timestamp()) * SECOND,
)
CHANGES = [start for start, _ in CALENDAR.transitions[1:-1]]
NEAR_CHANGES = st.builds(
    lambda change, days, offset: change + days * DAY + offset,
    st.sampled_from(CHANGES[2:-2]),
    st.sampled_from([-5, -3, -2, -1, 0, 1]),
    st.integers(-3 * HOUR, 3 * HOUR),
)
ANY = INSTANTS | NEAR_CHANGES
DATES = st.dates(date(1991, 1, 1), date(2099, 12, 1))
FORWARD: tuple[Forward, ...] = ("strict", "working", "franc", "extended")
BACK: tuple[Back, ...] = ("strict", "prudent", "extended")
UNITS: tuple[Unit, ...] = ("days", "clear-days", "business-days", "months", "years")
HOURS: tuple[Hours, ...] = ("safe", "elapsed", "wall", "full-hour")


def paris(text: str) -> Instant:
    """The instant of a Paris wall clock, its first pass where there are two, or of a text with an offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=PARIS)
    return (at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


# ------------------------------------------------------------------------------------------------ deadlines

CLAIM_VECTORS = [
    # event         strict        working       franc         extended
    ("2026-04-27", "2026-05-02", "2026-05-04", "2026-05-03", "2026-05-04"),
    ("2026-05-08", "2026-05-13", "2026-05-13", "2026-05-14", "2026-05-15"),
    ("2026-12-19", "2026-12-24", "2026-12-24", "2026-12-25", "2026-12-28"),
    ("2026-03-31", "2026-04-05", "2026-04-07", "2026-04-06", "2026-04-07"),
    ("2026-07-08", "2026-07-13", "2026-07-13", "2026-07-14", "2026-07-15"),
]


@pytest.mark.parametrize("row", CLAIM_VECTORS, ids=lambda row: row[0])
def test_five_clear_days_after_an_event_end_as_each_reading_says(row: tuple[str, ...]) -> None:
    event, *due = map(day, row)

    assert due == [CALENDAR.last_day(event, 5, "clear-days", reading) for reading in FORWARD]


def test_one_clear_day_after_the_23rd_of_march_is_franc_on_the_25th() -> None:
    assert day("2026-03-25") == CALENDAR.last_day(day("2026-03-23"), 1, "clear-days", "franc")
    assert day("2026-03-31") == CALENDAR.last_day(day("2026-03-23"), 7, "clear-days", "franc")


def test_a_claim_for_a_month_is_due_when_the_fifth_day_after_it_ends() -> None:
    march = CALENDAR.month_of(paris("2026-03-15T12:00"))

    assert paris("2026-04-06T00:00") == CALENDAR.deadline(march.end - 1, 5, "clear-days", "strict")
    assert paris("2026-04-08T00:00") == CALENDAR.deadline(march.end - 1, 5, "clear-days", "extended")


def test_a_window_that_ends_at_half_past_ten_utc_in_summer_ends_on_the_next_day_in_paris() -> None:
    end = paris("2026-07-08T22:30+00:00")

    assert day("2026-07-09") == CALENDAR.date_of(end)
    assert paris("2026-07-15T00:00") == CALENDAR.deadline(end - 1, 5, "clear-days", "strict")


NOTICE_VECTORS = [
    # maintenance   strict        prudent       extended
    ("2026-10-12", "2026-10-09", "2026-10-09", "2026-10-07"),  # a Monday
    ("2026-10-14", "2026-10-11", "2026-10-09", "2026-10-11"),  # its strict limit is a Sunday, and stays one
    ("2026-05-26", "2026-05-23", "2026-05-22", "2026-05-20"),  # after Pentecost
    ("2026-01-02", "2025-12-30", "2025-12-30", "2025-12-29"),  # over New Year's Day
]


@pytest.mark.parametrize("row", NOTICE_VECTORS, ids=lambda row: row[0])
def test_two_clear_days_before_maintenance_are_counted_back_without_extension(row: tuple[str, ...]) -> None:
    start, *latest = map(day, row)

    assert latest == [CALENDAR.latest_notice(start, 2, reading) for reading in BACK]


RESERVATION_VECTORS = [
    # downtime            elapsed                      wall                         safe
    ("2026-10-24T12:00", "2026-10-26T11:00+01:00", "2026-10-26T12:00+01:00", "elapsed"),
    ("2026-03-28T12:00", "2026-03-30T13:00+02:00", "2026-03-30T12:00+02:00", "wall"),
    # 02:30 does not exist on the 29th: the wall clock's reading ends with the gap
    ("2026-03-27T02:30", "2026-03-29T03:30+02:00", "2026-03-29T03:00+02:00", "wall"),
    # 02:30 occurs twice on the 25th: the first pass
    ("2026-10-23T02:30", "2026-10-25T02:30+02:00", "2026-10-25T02:30+02:00", "wall"),
    ("2026-06-10T09:15", "2026-06-12T09:15+02:00", "2026-06-12T09:15+02:00", "wall"),
]


@pytest.mark.parametrize("row", RESERVATION_VECTORS, ids=lambda row: row[0])
def test_forty_eight_hours_end_with_the_earlier_of_elapsed_time_and_wall_clock(row: tuple[str, ...]) -> None:
    downtime = paris(row[0])
    deadlines = {reading: CALENDAR.reservation_deadline(downtime, 48, reading) for reading in HOURS}

    assert paris(row[1]) == deadlines["elapsed"]
    assert paris(row[2]) == deadlines["wall"]
    assert min(paris(row[1]), paris(row[2])) == deadlines["safe"]
    assert deadlines["safe"] == deadlines[row[3]]  # type: ignore[index]


def test_a_started_hour_is_not_counted_where_the_term_runs_from_the_next_full_hour() -> None:
    assert paris("2026-06-12T10:00") == CALENDAR.reservation_deadline(
        paris("2026-06-10T09:15"), 48, "full-hour"
    )
    assert paris("2026-06-12T09:00") == CALENDAR.reservation_deadline(
        paris("2026-06-10T09:00"), 48, "full-hour"
    )


@given(ANY, st.integers(1, 240), st.sampled_from(HOURS))
def test_the_safe_term_in_hours_is_never_later_than_another(at: Instant, hours: int, reading: Hours) -> None:
    assert CALENDAR.reservation_deadline(at, hours) <= CALENDAR.reservation_deadline(at, hours, reading)


@given(DATES, st.integers(0, 30), st.sampled_from(FORWARD))
def test_the_strict_term_in_days_is_never_later_than_another(
    event: date, days: int, reading: Forward
) -> None:
    for unit in UNITS:
        strict = CALENDAR.last_day(event, days, unit, "strict")
        assert strict <= CALENDAR.last_day(event, days, unit, reading)


@given(DATES, st.integers(1, 30), st.sampled_from(BACK))
def test_notice_that_any_reading_takes_is_taken_by_the_strict_one(
    start: date, days: int, reading: Back
) -> None:
    notice = CALENDAR.latest_notice(start, days, reading)

    assert notice <= CALENDAR.latest_notice(start, days, "strict")


@given(DATES, st.integers(1, 9))
def test_clear_days_before_a_day_are_full_days_between_two(start: date, days: int) -> None:
    notice = CALENDAR.latest_notice(start, days, "strict")

    assert days == sum(notice < notice + timedelta(k) < start for k in range(days + 5))


@given(NEAR_CHANGES, st.integers(0, 4 * HOUR))
def test_the_safe_deadline_never_runs_backwards(at: Instant, later: int) -> None:
    assert CALENDAR.reservation_deadline(at, 48) <= CALENDAR.reservation_deadline(at + later, 48)


@given(ANY)
def test_a_notice_saves_exactly_the_instants_whose_deadline_it_meets(arrived: Instant) -> None:
    first = CALENDAR.unwaived_since(arrived, 48)

    assert CALENDAR.reservation_deadline(first, 48) > arrived
    assert CALENDAR.reservation_deadline(first - 1, 48) <= arrived


# ------------------------------------------------------------------------------------ instants and civil time


@given(ANY)
def test_civil_time_is_what_the_time_zone_library_says(at: Instant) -> None:
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    local = local.astimezone(PARIS)
    since_midnight = local.replace(tzinfo=None) - datetime(local.year, local.month, local.day)  # noqa: DTZ001

    assert Civil(local.date(), since_midnight // timedelta(microseconds=1)) == CALENDAR.civil(at)
    assert datetime.fromisoformat(CALENDAR.iso(at)).astimezone(UTC) == local.astimezone(UTC)


@given(ANY)
def test_civil_time_leads_back_to_its_instant_or_to_the_first_pass_of_a_fold(at: Instant) -> None:
    back = CALENDAR.instant_of(*CALENDAR.civil(at))

    assert CALENDAR.civil(back) == CALENDAR.civil(at)
    assert back in (at, at - HOUR)


@given(DATES, st.integers(0, DAY - 1))
def test_a_local_time_is_shown_at_its_instant_unless_the_clock_skips_it(on: date, day_us: int) -> None:
    at = CALENDAR.instant_of(on, day_us)

    if CALENDAR.civil(at) != (on, day_us):
        assert at in CHANGES
        assert CALENDAR.civil(at - 1).day_us < day_us < CALENDAR.civil(at).day_us


def test_a_skipped_local_time_is_the_end_of_the_gap_and_a_doubled_one_its_first_pass() -> None:
    assert paris("2026-03-29T03:00+02:00") == CALENDAR.instant_of(day("2026-03-29"), 2 * HOUR + 30 * MINUTE)
    assert paris("2026-10-25T02:30+02:00") == CALENDAR.instant_of(day("2026-10-25"), 2 * HOUR + 30 * MINUTE)
    assert paris("2026-10-25T03:00+01:00") == CALENDAR.instant_of(day("2026-10-25"), 3 * HOUR)


def test_times_for_people_carry_their_offset_on_both_sides_of_a_change() -> None:
    assert CALENDAR.iso(paris("2026-03-29T01:00+00:00")) == "2026-03-29T03:00:00+02:00"
    assert CALENDAR.iso(paris("2026-03-29T01:00+00:00") - 1) == "2026-03-29T01:59:59.999999+01:00"


def test_offsets_west_of_utc_and_of_half_hours_are_told_right() -> None:
    zone = Calendar(
        zone="x",
        transitions=((0, -3 * HOUR - 30 * MINUTE),),
        holidays=frozenset(),
        tzdata_version="",
        holidays_version="",
    )

    assert zone.iso(12 * HOUR) == "1970-01-01T08:30:00-03:30"
    assert replace(zone, transitions=((0, 0),)).iso(12 * HOUR) == "1970-01-01T12:00:00+00:00"
    nepal = replace(zone, transitions=((0, 5 * HOUR + 45 * MINUTE),))
    assert nepal.reservation_deadline(12 * HOUR, 48, "full-hour") == 60 * HOUR + 15 * MINUTE
    assert zone.instant_of(date(1970, 1, 1), 8 * HOUR + 30 * MINUTE) == 12 * HOUR


def test_west_of_utc_the_clock_changes_after_it_has_shown_that_time_in_utc() -> None:
    """New York, from its first change in a table to its last; before the first its offset held too."""
    changes = [
        ("2025-11-02T06:00", -5),
        ("2026-03-08T07:00", -4),
        ("2026-11-01T06:00", -5),
        ("2027-03-14T07:00", -4),
    ]
    zone = replace(CALENDAR, transitions=tuple((paris(f"{at}+00:00"), hours * HOUR) for at, hours in changes))
    on = {"2025-11-01": -5, "2026-03-08": -4, "2026-11-01": -5, "2027-03-14": -4}

    shown = {text: zone.instant_of(day(text), 3 * HOUR + 30 * MINUTE) for text in on}

    assert shown == {text: paris(f"{text}T03:30{hours:+03}:00") for text, hours in on.items()}
    assert zone.offset(shown["2025-11-01"]) == -5 * HOUR


# ---------------------------------------------------------------------------------------------------- windows


def test_a_month_back_keeps_the_time_of_day_over_a_clock_change() -> None:
    end = paris("2026-04-15T12:00")

    assert Span(paris("2026-03-15T12:00"), end) == CALENDAR.trailing(end, 1)
    assert CALENDAR.trailing(end, 1).length == 31 * DAY - HOUR


@pytest.mark.parametrize(
    ("at", "months", "found"),
    [
        ("2026-03-31T08:00", -1, "2026-02-28T08:00"),
        ("2028-03-31T08:00", -1, "2028-02-29T08:00"),
        ("2028-02-29T08:00", -12, "2027-02-28T08:00"),
        ("2026-01-31T08:00", 1, "2026-02-28T08:00"),
        ("2026-12-31T23:59", 2, "2027-02-28T23:59"),
        ("2026-01-15T00:00", -1, "2025-12-15T00:00"),
    ],
)
def test_a_day_that_a_month_lacks_is_its_last(at: str, months: int, found: str) -> None:
    assert paris(found) == CALENDAR.shift(paris(at), months)


@given(ANY)
def test_calendar_windows_contain_their_instant_and_follow_each_other(at: Instant) -> None:
    for window_of in (CALENDAR.day_of, CALENDAR.month_of, CALENDAR.year_of):
        window = window_of(at)

        assert window.start <= at < window.end
        assert window_of(window.start) == window_of(window.end - 1) == window
        assert window_of(window.end).start == window.end


def test_the_week_of_a_clock_change_is_the_sum_of_its_days() -> None:
    days = [CALENDAR.midnight(day("2026-03-23") + timedelta(k)) for k in range(8)]

    assert [b - a for a, b in pairwise(days)] == [DAY] * 6 + [DAY - HOUR]
    assert sum(b - a for a, b in pairwise(days)) == days[-1] - days[0] == 7 * DAY - HOUR


@given(INSTANTS, st.integers(1, 40))
def test_shifting_by_months_there_and_back_loses_at_most_the_days_a_month_lacks(
    at: Instant, months: int
) -> None:
    there = CALENDAR.date_of(CALENDAR.shift(at, months))
    back = CALENDAR.date_of(CALENDAR.shift(CALENDAR.shift(at, months), -months))

    assert (back.year, back.month) == (CALENDAR.date_of(at).year, CALENDAR.date_of(at).month)
    assert back.day == min(CALENDAR.date_of(at).day, there.day)


# --------------------------------------------------------------------------------------------------- days off


def test_the_holidays_of_2026_are_those_of_metropolitan_france() -> None:
    """Counted by hand from the list in the French labour code, with Easter on 5 April."""
    named = "01-01 04-06 05-01 05-08 05-14 05-25 07-14 08-15 11-01 11-11 12-25"

    assert {day(f"2026-{name}") for name in named.split()} == {d for d in CALENDAR.holidays if d.year == 2026}


def test_business_hours_leave_out_nights_weekends_and_holidays() -> None:
    # Thursday 16:00 over Friday 1 May (a holiday) and a weekend to Monday 10:00: one hour, and one hour.
    span = Span(paris("2026-04-30T16:00"), paris("2026-05-04T10:00"))
    hours = CALENDAR.business_hours(
        (span,), opens_minute=540, closes_minute=1020, weekdays=frozenset({1, 2, 3, 4, 5})
    )

    assert hours == (
        Span(paris("2026-04-30T16:00"), paris("2026-04-30T17:00")),
        Span(paris("2026-05-04T09:00"), paris("2026-05-04T10:00")),
    )


def test_business_hours_round_the_clock_lose_the_hour_that_the_clock_skips() -> None:
    sunday = Span(paris("2026-03-29T00:00"), paris("2026-03-30T00:00"))

    hours = CALENDAR.business_hours((sunday,), opens_minute=0, closes_minute=1440, weekdays=frozenset({7}))

    assert hours == (sunday,)
    assert duration(hours) == 23 * HOUR


def test_terms_run_in_the_unit_that_the_contract_says() -> None:
    event = day("2026-04-03")  # the Friday before Easter Monday

    assert CALENDAR.last_day(event, 5, "days", "strict") == day("2026-04-08")
    assert CALENDAR.last_day(event, 1, "business-days", "strict") == day("2026-04-07")
    # Off: weekends, Easter Monday, 1 and 8 May, Ascension Day.
    assert CALENDAR.last_day(event, 30, "business-days", "strict") == day("2026-05-21")
    assert CALENDAR.last_day(day("2026-01-31"), 1, "months", "strict") == day("2026-02-28")
    assert CALENDAR.last_day(day("2024-02-29"), 1, "years", "strict") == day("2025-02-28")
    assert CALENDAR.deadline(paris("2026-03-28T12:00"), 48, "hours") == paris("2026-03-30T13:00")
    assert CALENDAR.deadline(paris("2026-04-03T12:00"), 1, "business-days") == paris("2026-04-08T00:00")


def test_months_are_named_as_invoices_name_them() -> None:
    end = paris("2026-03-01T00:00")

    assert CALENDAR.month_name(end - 1) == "2026-02"
    assert CALENDAR.month_name(end) == "2026-03"
    assert CALENDAR.months_before(end, 3) == ("2025-12", "2026-01", "2026-02")
    assert CALENDAR.months_before(end - 1, 2) == ("2025-12", "2026-01")
    assert CALENDAR.months_before(paris("2026-03-31T12:00"), 1) == ("2026-02",)


def test_days_months_and_years_of_the_calendar_contain_their_instant() -> None:
    at = paris("2026-03-29T12:00")

    assert CALENDAR.day_of(at) == (paris("2026-03-29T00:00"), paris("2026-03-30T00:00"))
    assert CALENDAR.day_of(at).length == 23 * HOUR
    assert CALENDAR.month_of(at) == (paris("2026-03-01T00:00"), paris("2026-04-01T00:00"))
    assert CALENDAR.year_of(at) == (paris("2026-01-01T00:00"), paris("2027-01-01T00:00"))


@pytest.mark.parametrize(
    ("arrived", "first"),
    [
        ("2026-06-12T10:00", "2026-06-10T10:00"),
        ("2026-10-26T11:00", "2026-10-24T12:00"),
        ("2026-03-30T12:00", "2026-03-28T12:00"),
        (
            "2026-03-29T03:00",
            "2026-03-27T03:00",
        ),  # as the clock skips an hour: what was due in it is due by then
    ],
)
def test_a_notice_saves_what_happened_less_than_48_hours_ago_on_either_clock(
    arrived: str, first: str
) -> None:
    """What was due just when it came is lost: the instant after it is the first that is saved."""
    assert CALENDAR.unwaived_since(paris(arrived), 48) == paris(first) + 1


def test_windows_that_end_on_a_last_day_in_which_the_clock_skips_an_hour_start_on_several() -> None:
    """Cairo, 2010: 30 April began at one in the morning. Windows from 30 and 31 March end on it."""
    skips = paris("2010-04-29T22:00+00:00")
    cairo = replace(CALENDAR, transitions=((0, 2 * HOUR), (skips, 3 * HOUR)))
    starts = Span(cairo.midnight(day("2010-03-29")), cairo.midnight(day("2010-04-02")))

    slides = cairo.slides(starts, 1)

    for start in range(starts.start, starts.end, 10 * MINUTE):
        (slide,) = (one for one in slides if one.starts.start <= start < one.starts.end)
        assert slide.window(start) == Span(start, cairo.shift(start, 1))


def test_what_no_date_can_tell_has_the_nearest_that_the_calendar_tells() -> None:
    first, last = CIVIL.start, CIVIL.end - 1
    for far, near in ((-(1 << 62), first), (first - 1, first), (last + 1, last), (1 << 62, last)):
        assert CALENDAR.civil(far) == CALENDAR.civil(near)
    assert CALENDAR.civil(first) != CALENDAR.civil(first + 1)
    assert CALENDAR.civil(last) != CALENDAR.civil(last - 1)
    assert [CALENDAR.month_name(at) for at in (first, last)] == ["1970-01", "2300-01"]


def test_business_hours_of_all_time_are_those_that_the_calendar_tells() -> None:
    hours: Any = {"opens_minute": 540, "closes_minute": 1080, "weekdays": frozenset({1, 2, 3, 4, 5})}
    sunday = CALENDAR.midnight(day("2026-11-29"))

    assert CALENDAR.business_hours((Span(CIVIL.end, 1 << 62),), **hours) == ()
    early = CALENDAR.business_hours((Span(-(1 << 62), 10 * DAY),), **hours)
    assert early == CALENDAR.business_hours((Span(0, 10 * DAY),), **hours)
    assert CALENDAR.business_hours((Span(sunday, sunday + DAY),), **hours) == ()
