"""Strict DER (X.690): values taken from the front of some bytes, each of the tag that must come.

Only what time stamps are made of: tags of one byte, lengths in their one shortest form, nothing left over.
"""

SEQUENCE, SET = 0x30, 0x31
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTF8_STRING, GENERALIZED_TIME = 0x0C, 0x18

NUMBER_BYTES_MAX = 64
"""Serial numbers have 20, nonces 8: whatever is longer is not one."""


def context(number: int, *, constructed: bool = True) -> int:
    """The tag [number]."""
    return (0xA0 if constructed else 0x80) | number


class DerError(ValueError):
    """Bytes are not the DER that was expected: what, where from the beginning of its part, and what came."""


class Reader:
    """What is left of some bytes; `what` they are is named in errors."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what = data, what
        self._at = 0

    def take(self, tag: int, what: str) -> bytes:
        """The contents of the next value, which must be of this tag."""
        if not self.comes(tag):
            got = f"tag {self._data[self._at]:#04x}" if self._at < len(self._data) else "nothing"
            raise DerError(f"{self._what}: expected {what} (tag {tag:#04x}) at byte {self._at}, got {got}")
        return self._contents(what)

    def take_if(self, tag: int, what: str) -> bytes | None:
        """The contents of the next value if it is of this tag."""
        return self._contents(what) if self.comes(tag) else None

    def inside(self, tag: int, what: str) -> "Reader":
        """A reader of the contents of the next value, which must be of this tag."""
        return Reader(self.take(tag, what), what)

    def inside_if(self, tag: int, what: str) -> "Reader | None":
        return self.inside(tag, what) if self.comes(tag) else None

    def comes(self, tag: int) -> bool:
        return self._at < len(self._data) and self._data[self._at] == tag

    def end(self) -> None:
        """There must be nothing left."""
        if left := len(self._data) - self._at:
            raise DerError(f"{self._what}: expected its end at byte {self._at}, got {left} bytes more")

    def rest(self) -> bytes:
        """All that is left, unread."""
        start, self._at = self._at, len(self._data)
        return self._data[start:]

    @property
    def done(self) -> bool:
        return self._at == len(self._data)

    def integer(self, what: str, tag: int = INTEGER) -> int:
        return integer(self.take(tag, what), what)

    def oid(self, what: str) -> str:
        return oid(self.take(OID, what), what)

    def _contents(self, what: str) -> bytes:
        start, length = self._length(what)
        if length > len(self._data) - start:
            raise DerError(f"{self._what}: expected {length} bytes of {what}, got {len(self._data) - start}")
        self._at = start + length
        return self._data[start : self._at]

    def _length(self, what: str) -> tuple[int, int]:
        """Where the contents of the next value begin, and how long they are."""
        head = self._data[self._at + 1 : self._at + 2]
        if not head:
            raise DerError(f"{self._what}: expected a length of {what}, got nothing")
        if head[0] < 0x80:
            return self._at + 2, head[0]
        count = head[0] & 0x7F
        octets = self._data[self._at + 2 : self._at + 2 + count]
        length = int.from_bytes(octets)
        # Four bytes count to 4 GiB. 0x80 would be an indefinite length, which is BER.
        if not 1 <= count <= 4 or len(octets) < count or length < 0x80 or not octets[0]:
            raise DerError(f"{self._what}: expected the shortest definite length of {what} in DER")
        return self._at + 2 + count, length


def integer(contents: bytes, what: str) -> int:
    """The number that the contents of an INTEGER are."""
    if not 1 <= len(contents) <= NUMBER_BYTES_MAX:
        raise DerError(f"{what}: expected 1 to {NUMBER_BYTES_MAX} bytes of a number, got {len(contents)}")
    if len(contents) > 1 and contents[0] in (0x00, 0xFF) and (contents[0] ^ contents[1]) < 0x80:
        raise DerError(f"{what}: expected a number in its shortest form, got {contents[:2].hex()}…")
    return int.from_bytes(contents, signed=True)


def oid(contents: bytes, what: str) -> str:
    """The object identifier in dotted form."""
    if not 1 <= len(contents) <= NUMBER_BYTES_MAX or contents[-1] & 0x80:
        raise DerError(f"{what}: expected an object identifier, got {contents[:16].hex()!r}")
    arcs: list[int] = []
    arc, fresh = 0, True
    for octet in contents:
        if fresh and octet == 0x80:
            raise DerError(f"{what}: expected an object identifier in its shortest form")
        arc, fresh = arc << 7 | octet & 0x7F, not octet & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def boolean(contents: bytes, what: str) -> bool:
    if contents not in (b"\x00", b"\xff"):
        raise DerError(f"{what}: expected true or false, got {contents[:4].hex()!r}")
    return contents == b"\xff"


def value(tag: int, *contents: bytes) -> bytes:
    """The DER of one value."""
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def number(value_: int) -> bytes:
    """The DER of an INTEGER that is not negative."""
    return value(INTEGER, value_.to_bytes(value_.bit_length() // 8 + 1))
