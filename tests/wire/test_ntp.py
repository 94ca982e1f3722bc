"""NTP messages and stamps, there and back, across eras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.timeline import SECOND
from collector.wire import ntp

ERA_END = 2_085_978_496 * SECOND
"""2036-02-07T06:28:16Z: 32 bits of seconds since 1900 begin again."""

bits64 = st.integers(0, 2**64 - 1)


@given(
    st.builds(
        ntp.Message,
        leap=st.integers(0, 3),
        version=st.integers(0, 7),
        mode=st.integers(0, 7),
        stratum=st.integers(0, 255),
        poll=st.integers(-128, 127),
        precision=st.integers(-128, 127),
        root_delay=st.integers(0, 2**32 - 1),
        root_dispersion=st.integers(0, 2**32 - 1),
        reference_id=st.binary(min_size=4, max_size=4),
        reference=bits64,
        origin=bits64,
        receive=bits64,
        transmit=bits64,
    )
)
def test_a_message_comes_back_as_it_was(message: ntp.Message) -> None:
    assert ntp.decode(message.encode()) == message
    assert ntp.decode(message.encode() + b"extension") == message


def test_a_client_question_begins_as_the_protocol_says() -> None:
    data = ntp.Message(mode=ntp.CLIENT, transmit=0x0102030405060708).encode()

    assert data == b"\x23" + bytes(39) + bytes(range(1, 9))


def test_what_is_too_short_is_no_message() -> None:
    with pytest.raises(ValueError, match="48 bytes"):
        ntp.decode(bytes(47))


@given(st.integers(0, 2 * ERA_END), st.integers(-50 * 365 * 86_400 * SECOND, 50 * 365 * 86_400 * SECOND))
def test_a_stamp_means_its_instant_again_to_the_microsecond(instant: int, off: int) -> None:
    assert abs(ntp.instant(ntp.stamp(instant), near=instant + off) - instant) <= 1


@pytest.mark.parametrize(
    ("instant", "stamp"),
    [
        (0, 0x83AA7E80_00000000),
        (500_000, 0x83AA7E80_80000000),
        (ERA_END, 0),
        (ERA_END - SECOND, 0xFFFFFFFF_00000000),
    ],
)
def test_known_stamps(instant: int, stamp: int) -> None:
    assert ntp.stamp(instant) == stamp
    assert ntp.instant(stamp, near=instant) == instant


def test_a_kiss_code_is_read_only_where_there_is_no_time() -> None:
    assert ntp.Message(mode=4, stratum=0, reference_id=b"RATE").kiss == "RATE"
    assert ntp.Message(mode=4, stratum=0, reference_id=b"X\0\xff\n").kiss == "X"
    assert ntp.Message(mode=4, stratum=1, reference_id=b"GPS\0").kiss == ""
