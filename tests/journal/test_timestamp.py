"""Time stamps: questions that others understand, answers of real authorities, and nothing else passes."""

import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
import rfc3161_client
from hypothesis import given
from hypothesis import strategies as st

from collector.journal import der, timestamp
from collector.journal.der import DerError
from collector.journal.timestamp import StampError, Token
from tests.servers.authority import NONCE, POLICY, Keys

DATA = b"paris-1-k3v9q2\n72000\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"
DIGEST = sha256(DATA).digest()
NULL = "0500"


@pytest.fixture(scope="module")
def response(keys: Keys) -> bytes:
    return keys.stamp(DATA)


# --------------------------------------------------------------------------------------------- questions


def test_a_question_is_what_openssl_asks_with_the_same_nonce(keys: Keys) -> None:
    """Byte by byte, but for the nonce, which `openssl ts -query` draws itself."""
    command = ["openssl", "ts", "-query", "-digest", DIGEST.hex(), "-sha256", "-cert", "-no_nonce"]
    theirs = subprocess.run(command, capture_output=True, check=True).stdout
    ours = timestamp.request(DIGEST, NONCE)
    nonce = der.number(NONCE)

    assert ours[2:].replace(nonce, b"") == theirs[2:]
    assert ours[1] - len(nonce) == theirs[1]


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**64 - 1))
def test_a_question_is_read_back(digest: bytes, nonce: int) -> None:
    assert timestamp.asked(timestamp.request(digest, nonce)) == (digest, nonce)


@pytest.mark.parametrize(("digest", "nonce"), [(bytes(31), 1), (bytes(32), 2**64), (bytes(32), -1)])
def test_a_question_that_cannot_be_asked_is_a_bug(digest: bytes, nonce: int) -> None:
    with pytest.raises(ValueError, match="expected 32 bytes and a nonce of 64 bits"):
        timestamp.request(digest, nonce)


def test_what_is_not_our_question_is_refused() -> None:
    query = timestamp.request(DIGEST, NONCE)
    for odd in (b"", query[:-1], query + b"\0", query.replace(b"\x01\x01\xff", b"\x01\x01\x00")):
        with pytest.raises(StampError, match="question"):
            timestamp.asked(odd)


# ----------------------------------------------------------------------------------------------- answers


def test_what_a_real_authority_states(response: bytes) -> None:
    token = timestamp.checked(response, DIGEST, NONCE, POLICY)
    age = datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=token.gen_time)

    assert (token.policy, token.imprint, token.serial, token.nonce) == (POLICY, DIGEST, 2, NONCE)
    assert (token.accuracy, token.ordering) == (1_500_100, True)
    assert token.tsa is not None
    assert b"tsu_of_keys" in token.tsa
    assert timedelta(0) <= age < timedelta(minutes=5)
    assert token.gen_time % 1_000_000


def test_another_reader_of_tokens_finds_the_same(response: bytes) -> None:
    """rfc3161-client cuts genTime to the second."""
    theirs = rfc3161_client.decode_timestamp_response(response).tst_info
    token = timestamp.parse(response)

    assert theirs.message_imprint.message == token.imprint
    assert (theirs.serial_number, theirs.nonce) == (token.serial, token.nonce)
    assert theirs.policy.dotted_string == token.policy
    assert int(theirs.gen_time.timestamp()) == token.gen_time // 1_000_000


def test_what_an_authority_that_is_not_openssl_states(keys: Keys) -> None:
    when = datetime(2026, 11, 22, 23, 15, 0, 250_000, tzinfo=UTC)
    token = timestamp.checked(keys.by_certomancer(timestamp.request(DIGEST, NONCE), when), DIGEST, NONCE)

    assert (token.gen_time, token.accuracy, token.ordering) == (1_795_389_300_250_000, None, False)


@pytest.mark.parametrize(
    ("digest", "nonce", "policy", "says"),
    [
        (bytes(32), NONCE, POLICY, f"imprint: expected {'00' * 32}, got {DIGEST.hex()}"),
        (DIGEST, 7, POLICY, f"nonce: expected 7, got {NONCE}"),
        (DIGEST, NONCE, "1.2.3", f"policy: expected 1.2.3, got {POLICY}"),
    ],
)
def test_an_answer_to_another_question_is_refused(
    response: bytes, digest: bytes, nonce: int, policy: str, says: str
) -> None:
    with pytest.raises(StampError) as caught:
        timestamp.checked(response, digest, nonce, policy)

    assert str(caught.value) == says


def test_who_asks_for_no_nonce_and_no_policy_takes_any(response: bytes) -> None:
    assert timestamp.checked(response, DIGEST, None).nonce == NONCE


def test_a_refusal_is_told_in_the_words_of_the_authority(keys: Keys) -> None:
    with pytest.raises(StampError) as caught:
        timestamp.parse(keys.rejection())

    assert str(caught.value) == (
        "status: expected 0 (granted), got 2 (rejection): Message digest algorithm is not supported.; badAlg"
    )


# -------------------------------------------------------------------------------- made by hand, to the letter


def info(**parts: str) -> str:
    """A TSTInfo in hex; each part may be replaced."""
    usual = {
        "version": "020101",
        "policy": "06042a030401",
        "imprint": f"3031300d0609608648016503040201{NULL}0420{DIGEST.hex()}",
        "serial": "020107",
        "time": _time(b"20261122231500.25Z"),
        "accuracy": "3003020101",
        "ordering": "",
        "nonce": "02020100",
        "tsa": "",
        "extensions": "",
    }
    assert set(parts) <= set(usual)
    return _value(0x30, *{**usual, **parts}.values())


LEVELS = ("octets", "stamped", "signed", "wrapped", "token", "response")


def answer(contents: str = "", status: str = "3003020100", more: str = "") -> bytes:
    """A whole response around a TSTInfo; with a null too many at the level `more`."""
    null = {level: NULL if level == more else "" for level in LEVELS}
    octets = _value(0xA0, _value(0x04, contents or info()), null["octets"])
    stamped = _value(0x30, "060b2a864886f70d0109100104", octets, null["stamped"])
    signed = _value(0x30, "020103", "3100", stamped, "3100", null["signed"])
    wrapped = _value(0xA0, signed, null["wrapped"])
    token = _value(0x30, "06092a864886f70d010702", wrapped, null["token"])
    return bytes.fromhex(_value(0x30, status, token, null["response"]))


def _value(tag: int, *contents: str) -> str:
    return der.value(tag, bytes.fromhex("".join(contents))).hex()


def _time(text: bytes) -> str:
    return _value(0x18, text.hex())


def test_the_least_that_a_token_can_say() -> None:
    plain = info(accuracy="", nonce="", imprint=f"302f300b06096086480165030402010420{DIGEST.hex()}")

    assert timestamp.parse(answer(plain)) == Token(
        policy="1.2.3.4.1",
        imprint=DIGEST,
        serial=7,
        gen_time=1_795_389_300_250_000,
        accuracy=None,
        ordering=False,
        nonce=None,
        tsa=None,
    )


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        (b"19700101000000Z", 0),
        (b"19700101000001.000001Z", 1_000_001),
        (b"19700101000001.0000019Z", 1_000_001),
        (b"19700101000001.5Z", 1_500_000),
        (b"20240229000000Z", 1_709_164_800_000_000),
    ],
)
def test_a_time_is_read_to_the_microsecond_and_cut_there(text: bytes, micros: int) -> None:
    assert timestamp.parse(answer(info(time=_time(text)))).gen_time == micros


@given(st.datetimes(min_value=datetime(1, 1, 1)), st.booleans())  # noqa: DTZ001
def test_every_time_is_read_exactly(when: datetime, fraction: bool) -> None:
    text = f"{when.year:04}{when:%m%d%H%M%S}" + (f".{when.microsecond:06}" if fraction else "") + "Z"
    exact = (when - datetime(1970, 1, 1)) // timedelta(microseconds=1)  # noqa: DTZ001

    found = timestamp.parse(answer(info(time=_time(text.encode())))).gen_time
    assert found == exact - (0 if fraction else when.microsecond)


@pytest.mark.parametrize(
    "text",
    [
        b"20261122231500", b"20261122231500+0100", b"20261122231500.Z", b"202611222315Z",
        b"20261322231500Z", b"20260229000000Z", b"20261122231560Z", b"20261122241500Z", b"2026112223150\xb2Z",
        b"20261122231500,5Z", b"20261122231500.1234567890123Z", b"20261122231500Z\n", b"", b"00001122231500Z",
        b"+0261122231500Z",
    ],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(StampError, match=r'genTime: expected a time like "20261122231500\.25Z", got '):
        timestamp.parse(answer(info(time=_time(text))))


@pytest.mark.parametrize(
    ("accuracy", "micros"),
    [
        ("3000", 0),
        ("3003020102", 2_000_000),
        ("3004800201f4", 500_000),
        ("3003810105", 5),
        ("300a0201018002 01f4810107".replace(" ", ""), 1_500_007),
    ],
)
def test_an_accuracy_is_added_up(accuracy: str, micros: int) -> None:
    assert timestamp.parse(answer(info(accuracy=accuracy))).accuracy == micros


WRONG = {
    "version": ("020102", "time stamp information: expected version 1, got 2"),
    "policy": ("06042a030481", "policy: expected an object identifier"),
    "serial": ("02020007", "serial number: expected a number in its shortest form"),
    "accuracy": ("3004800203e8", "accuracy: expected 0 to 999, got 1000"),
    "ordering": ("010101", "ordering: expected true or false, got '01'"),
    "nonce": ("0241" + "01" * 65, "nonce: expected 1 to 64 bytes of a number, got 65"),
    "extensions": ("a100 0500".replace(" ", ""), "time stamp information: expected its end"),
    "imprint": (
        f"3031300d060960864801650304020305000420{DIGEST.hex()}",
        "algorithm of the imprint: expected",
    ),
    "tsa": ("a0", "time stamp information: expected a length of tsa, got nothing"),
}


@pytest.mark.parametrize("part", WRONG)
def test_each_part_is_held_to_its_form(part: str) -> None:
    contents, says = WRONG[part]
    with pytest.raises(StampError) as caught:
        timestamp.parse(answer(info(**{part: contents})))

    assert str(caught.value).startswith(says)


def test_a_short_imprint_and_parameters_of_the_algorithm_are_refused() -> None:
    short = f"3030300d0609608648016503040201{NULL}041f{DIGEST[1:].hex()}"
    odd = f"3032300e06096086480165030402010201000420{DIGEST.hex()}"
    for imprint in (short, odd):
        with pytest.raises(StampError, match=r"expected (32 bytes|no parameters)"):
            timestamp.parse(answer(info(imprint=imprint)))


def test_a_stamp_with_modifications_is_one_and_what_grants_nothing_is_none() -> None:
    assert timestamp.parse(answer(status="3003020101")).serial == 7
    with pytest.raises(StampError, match=r"got 3 \(waiting\)$"):
        timestamp.parse(answer(status="3003020103"))
    with pytest.raises(StampError, match=r"got 9 \(unknown\): bad line; badRequest; failure 6$"):
        timestamp.parse(
            answer(status=_value(0x30, "020109", _value(0x30, _value(0x0C, b"bad\nline".hex())), "03020122"))
        )


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_may_follow_at_any_level(level: str) -> None:
    """What another reader might take for the stamped contents."""
    assert timestamp.parse(answer()).serial == 7
    with pytest.raises(StampError, match=r"expected its end at byte \d+, got 2 bytes more"):
        timestamp.parse(answer(more=level))


def test_nothing_may_follow_and_nothing_may_be_longer_than_a_megabyte() -> None:
    with pytest.raises(StampError, match=r"response: expected its end at byte \d+, got 1 bytes more"):
        timestamp.parse(answer() + b"\0")
    with pytest.raises(StampError, match="expected at most 1048576 bytes, got 1048577"):
        timestamp.parse(bytes(1048577))


@pytest.mark.parametrize("page", [b"", b"<html>", b"0", b"\x30\x80\x00\x00", b"\x30\x85\x01\x01\x01\x01\x01"])
def test_what_is_no_response_at_all_is_refused(page: bytes) -> None:
    with pytest.raises(StampError, match="response: expected"):
        timestamp.parse(page)


# ------------------------------------------------------------------------------------- for every input


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(StampError):
        timestamp.parse(data)


@given(st.data())
def test_a_changed_answer_is_refused_or_still_about_the_same_bytes(
    response: bytes, data: st.DataObject
) -> None:
    """Whatever is flipped, cut or put in: one kind of error, and never another imprint."""
    changed = bytearray(response)
    for _ in range(data.draw(st.integers(1, 4))):
        # Most of a response is signature and certificate: OpenSSL's affair. Half of the changes hit the rest.
        end = len(changed) if data.draw(st.booleans()) else min(len(changed), 260)
        at = data.draw(st.integers(0, end - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                changed[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del changed[at : at + data.draw(st.integers(1, 8))]
            case _:
                changed[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        if not changed:
            break
    try:
        token = timestamp.checked(bytes(changed), DIGEST, NONCE, POLICY)
    except StampError:
        return
    assert (token.imprint, token.nonce, token.policy) == (DIGEST, NONCE, POLICY)


# --------------------------------------------------------------------------------------------------- DER


@given(st.integers(-(2**500), 2**500))
def test_a_number_is_read_back_and_has_one_form(number: int) -> None:
    contents = number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, signed=True)

    assert der.integer(contents, "number") == number
    if number >= 0:
        assert der.number(number) == der.value(der.INTEGER, contents)
    with pytest.raises(DerError):
        der.integer((b"\xff" if number < 0 else b"\x00") + contents, "number")


@given(st.binary(max_size=70_000))
def test_a_value_is_read_back_whatever_its_length(contents: bytes) -> None:
    reader = der.Reader(der.value(der.OCTET_STRING, contents), "all")

    assert reader.take(der.OCTET_STRING, "octets") == contents
    reader.end()


@pytest.mark.parametrize(
    "octets",
    ["0481", "04 81 7f" + "00" * 127, "04 82 00 80" + "00" * 128, "0480 0000", "04 85 0000000001 00", "04"],
)
def test_a_length_has_one_form(octets: str) -> None:
    with pytest.raises(DerError, match="length"):
        der.Reader(bytes.fromhex(octets), "all").take(der.OCTET_STRING, "octets")


@pytest.mark.parametrize(
    ("contents", "dotted"),
    [("2a0304", "1.2.3.4"), ("883703", "2.999.3"), ("00", "0.0"), ("77", "2.39"), ("4f", "1.39")],
)
def test_an_object_identifier_in_dots(contents: str, dotted: str) -> None:
    """2.999.3 is the example of X.690, 8.19.5."""
    assert der.oid(bytes.fromhex(contents), "policy") == dotted


@pytest.mark.parametrize("contents", ["", "80", "2a80", "2a8001", "01" * 65])
def test_an_object_identifier_has_one_form(contents: str) -> None:
    with pytest.raises(DerError, match="policy: expected an object identifier"):
        der.oid(bytes.fromhex(contents), "policy")
