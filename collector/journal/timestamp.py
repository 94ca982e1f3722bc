"""Time stamps (RFC 3161): the question put to an authority, and what its answer states.

Pure: bytes in, facts out. Who signed, and whether that is one to believe, `host/openssl.py` has judged; a
`Token` alone proves nothing. The parser is strict (DER as the standard asks, nothing left over) and bounded.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.core.timeline import Duration, Instant
from collector.errors import ConstatError
from collector.journal import der
from collector.journal.der import DerError, Reader

LIMIT_BYTES = 1 << 20
"""No answer of an authority is longer: a token has 1 to 7 kB."""

NONCE_BITS = 64
"""A nonce has so many, the topmost set."""

QUERY_TYPE = "application/timestamp-query"

_SHA256 = "2.16.840.1.101.3.4.2.1"
_SHA256_IDENTIFIER = bytes.fromhex("300d06096086480165030402010500")
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"

_GRANTED = (0, 1)
_STATUSES = (
    "granted", "granted with modifications", "rejection", "waiting", "revocation warning",
    "revocation notification",
)  # fmt: skip
_FAILURES = {
    0: "badAlg", 2: "badRequest", 5: "badDataFormat", 14: "timeNotAvailable", 15: "unacceptedPolicy",
    16: "unacceptedExtension", 17: "addInfoNotAvailable", 25: "systemFailure",
}  # fmt: skip
_TEXT_MAX = 200

_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,12}))?Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StampError(ConstatError):
    """An answer is no time stamp, or not the one that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a time-stamp token states."""

    policy: str
    """Object identifier of the rules by which it was made."""
    imprint: bytes
    """SHA-256 of the stamped bytes."""
    serial: int
    gen_time: Instant
    """When it was made, cut to µs."""
    accuracy: Duration | None
    """How far `gen_time` may be off; None where the authority does not say."""
    ordering: bool
    """Whether the authority's tokens are in the order of their times, whatever the accuracy."""
    nonce: int | None
    tsa: bytes | None
    """The name the authority gives itself (a GeneralName in DER): said, not proven."""


def request(digest: bytes, nonce: int) -> bytes:
    """The question (a `.tsq` file): stamp this SHA-256, and send the certificate along."""
    if len(digest) != 32 or nonce.bit_length() > NONCE_BITS or nonce < 0:
        raise ValueError(f"expected 32 bytes and a nonce of {NONCE_BITS} bits, got {len(digest)} and {nonce}")
    imprint = der.value(der.SEQUENCE, _SHA256_IDENTIFIER, der.value(der.OCTET_STRING, digest))
    certificate = der.value(der.BOOLEAN, b"\xff")
    return der.value(der.SEQUENCE, der.number(1), imprint, der.number(nonce), certificate)


def asked(query: bytes) -> tuple[bytes, int]:
    """Digest and nonce of a question that `request` made; StampError if it is none."""
    try:
        reader = _whole(query, "question")
        _version(reader, "question")
        digest = _imprint(reader)
        nonce = reader.integer("nonce")
    except DerError as error:
        raise StampError(str(error)) from None
    if nonce < 0 or request(digest, nonce) != query:
        raise StampError("question: expected one that Constat asks, got another")
    return digest, nonce


def parse(response: bytes) -> Token:
    """What a whole response (a `.tsr` file) states; StampError if it grants no stamp, or is no response."""
    if len(response) > LIMIT_BYTES:
        raise StampError(f"response: expected at most {LIMIT_BYTES} bytes, got {len(response)}")
    try:
        reader = _whole(response, "response")
        _granted(reader.inside(der.SEQUENCE, "status"))
        token = reader.inside(der.SEQUENCE, "token")
        reader.end()
        return _token(_info(token))
    except DerError as error:
        raise StampError(str(error)) from None


def checked(response: bytes, digest: bytes, nonce: int | None, policy: str = "") -> Token:
    """What a response states, if it answers this question; a nonce of None and an empty policy fit any."""
    token = parse(response)
    if token.imprint != digest:
        raise StampError(f"imprint: expected {digest.hex()}, got {token.imprint.hex()}")
    if nonce is not None and token.nonce != nonce:
        raise StampError(f"nonce: expected {nonce}, got {'none' if token.nonce is None else token.nonce}")
    if policy and token.policy != policy:
        raise StampError(f"policy: expected {policy}, got {token.policy}")
    return token


# ------------------------------------------------------------------------------------- from the outside in


def _whole(data: bytes, what: str) -> Reader:
    """All of `data`, which must be one SEQUENCE."""
    outer = Reader(data, what)
    reader = outer.inside(der.SEQUENCE, what)
    outer.end()
    return reader


def _version(reader: Reader, what: str) -> None:
    if (version := reader.integer("version")) != 1:
        raise DerError(f"{what}: expected version 1, got {version}")


def _granted(status: Reader) -> None:
    """PKIStatusInfo (RFC 3161, 2.4.2): refuses what grants no stamp, in the authority's words."""
    code = status.integer("status")
    texts = status.inside_if(der.SEQUENCE, "status text")
    said: list[str] = []
    while texts is not None and not texts.done:
        said.append(texts.take(der.UTF8_STRING, "status text").decode(errors="replace"))
    failure = status.take_if(der.BIT_STRING, "failure")
    status.end()
    if code not in _GRANTED:
        name = _STATUSES[code] if 0 <= code < len(_STATUSES) else "unknown"
        words = [*said, *_failures(failure or b"")]
        why = " ".join("; ".join(words).split())[:_TEXT_MAX]
        raise DerError(f"status: expected 0 (granted), got {code} ({name}){': ' if why else ''}{why}")


def _failures(bits: bytes) -> list[str]:
    """Names of the bits of a BIT STRING; its first byte counts the unused ones."""
    numbers = (8 * k + bit for k, byte in enumerate(bits[1:5]) for bit in range(8) if byte << bit & 0x80)
    return [_FAILURES.get(number, f"failure {number}") for number in numbers]


def _info(token: Reader) -> bytes:
    """The TSTInfo in a ContentInfo with SignedData (RFC 5652, 3 and 5.1)."""
    _is(token.oid("content type"), _SIGNED_DATA, "content type")
    wrapped = token.inside(der.context(0), "content")
    token.end()
    signed = wrapped.inside(der.SEQUENCE, "signed data")
    wrapped.end()
    signed.integer("version of the signed data")
    signed.take(der.SET, "digest algorithms")
    contents = signed.inside(der.SEQUENCE, "stamped contents")
    _is(contents.oid("type of the stamped contents"), _TST_INFO, "type of the stamped contents")
    octets = contents.inside(der.context(0), "stamped contents")
    contents.end()
    info = octets.take(der.OCTET_STRING, "time stamp information")
    octets.end()
    signed.take_if(der.context(0), "certificates")
    signed.take_if(der.context(1), "revocation lists")
    signed.take(der.SET, "signatures")
    signed.end()
    return info


def _token(info: bytes) -> Token:
    """TSTInfo (RFC 3161, 2.4.2)."""
    reader = _whole(info, "time stamp information")
    _version(reader, "time stamp information")
    policy = reader.oid("policy")
    imprint = _imprint(reader)
    serial = reader.integer("serial number")
    gen_time = _instant(reader.take(der.GENERALIZED_TIME, "genTime"))
    accuracy = reader.inside_if(der.SEQUENCE, "accuracy")
    ordering = reader.take_if(der.BOOLEAN, "ordering")
    nonce = reader.take_if(der.INTEGER, "nonce")
    named = reader.inside_if(der.context(0), "tsa")
    reader.take_if(der.context(1), "extensions")
    reader.end()
    return Token(
        policy=policy,
        imprint=imprint,
        serial=serial,
        gen_time=gen_time,
        accuracy=None if accuracy is None else _accuracy(accuracy),
        ordering=ordering is not None and der.boolean(ordering, "ordering"),
        nonce=None if nonce is None else der.integer(nonce, "nonce"),
        tsa=None if named is None else named.rest(),
    )


def _imprint(reader: Reader) -> bytes:
    """A MessageImprint, of SHA-256: parameters of the algorithm are null, or left out."""
    both = reader.inside(der.SEQUENCE, "imprint")
    algorithm = both.inside(der.SEQUENCE, "algorithm of the imprint")
    _is(algorithm.oid("algorithm of the imprint"), _SHA256, "algorithm of the imprint")
    if algorithm.rest() not in (b"", b"\x05\x00"):
        raise DerError("algorithm of the imprint: expected no parameters, got some")
    digest = both.take(der.OCTET_STRING, "digest")
    both.end()
    if len(digest) != 32:
        raise DerError(f"imprint: expected 32 bytes, got {len(digest)}")
    return digest


def _instant(text: bytes) -> Instant:
    """A GeneralizedTime in UTC with a fraction or without; digits below µs are cut."""
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        *numbers, fraction = match.groups(default=b"")
        year, month, day, hour, minute, second = map(int, numbers)
        when = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        shown = text[:40].decode("ascii", errors="replace")
        raise DerError(f'genTime: expected a time like "20261122231500.25Z", got {shown!r}') from None
    micros = int(fraction.ljust(6, b"0")[:6])
    return (when - _EPOCH) // timedelta(microseconds=1) + micros


def _accuracy(reader: Reader) -> Duration:
    """Accuracy: seconds, then [0] milliseconds and [1] microseconds, 1 to 999 each; what is left out is 0."""
    total = 0
    for tag, unit, most in (
        (der.INTEGER, 1_000_000, 1 << 31),
        (der.context(0, constructed=False), 1_000, 999),
        (der.context(1, constructed=False), 1, 999),
    ):
        if (contents := reader.take_if(tag, "accuracy")) is not None:
            count = der.integer(contents, "accuracy")
            if not 0 <= count <= most:
                raise DerError(f"accuracy: expected 0 to {most}, got {count}")
            total += count * unit
    reader.end()
    return total


def _is(found: str, wanted: str, what: str) -> None:
    if found != wanted:
        raise DerError(f"{what}: expected {wanted}, got {found}")
