"""Signed notes, C2SP signed-note: text, an empty line, and a line by each who signed it; and vkeys.

    — <name> <base64(4 bytes of key id ‖ signature)>

A key id is the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key); a vkey is `<name>+<id in hex>+
<base64(type ‖ public key)>`. Two types, both Ed25519: a log signs the text (0x01), a witness a time and the
text (0x04, cosignature/v1). What a note states counts only for those whose keys one knows from elsewhere.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LOG, COSIGNATURE = 0x01, 0x04
"""Types of keys: of one who writes a log, and of a witness."""

LINES_MAX = 100
"""Signature lines of a note at most: C2SP asks for 16, and nobody has reason for many more."""

_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class Vkey:
    """A public key with the name it signs by; its string is what deposits, settings and lines hold."""

    name: str
    type: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Vkey":
        """The key that a vkey string is; ValueError says what is wrong with it."""
        name, plus, rest = text.partition("+")
        id_, plus_, encoded = rest.partition("+")
        if not (plus and plus_ and _NAME.fullmatch(name)):
            raise ValueError(f'expected a key like "name+1a2b3c4d+base64", got "{text[:200]}"')
        data = _decoded(encoded)
        found = cls(name, data[0] if data else 0, data[1:])
        if found.type not in (LOG, COSIGNATURE) or len(found.public) != 32:
            raise ValueError(f'expected an Ed25519 key of type 1 or 4, got "{text[:200]}"')
        if id_ != found.id.hex():
            raise ValueError(f'expected the key id {found.id.hex()} of this name and key, got "{id_[:20]}"')
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.type]) + self.public).decode()}"

    @property
    def id(self) -> bytes:
        """Four bytes that stand for it in signature lines."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:4]

    def pem(self) -> bytes:
        """It as a SubjectPublicKeyInfo, for `openssl pkeyutl`."""
        public = Ed25519PublicKey.from_public_bytes(self.public)
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether these 64 bytes are its signature of exactly these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def signed(self, line: "Signature", text: bytes) -> bool:
        """Whether a signature line bears its signature of a note's text; a witness's is over its time too."""
        if (line.name, line.id) != (self.name, self.id):
            return False
        if self.type == LOG:
            return self.verifies(line.value, text)
        time = cosigned_at(line)
        return time is not None and self.verifies(line.value[8:], cosigned(time, text))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line, whose ever it is."""

    name: str
    id: bytes
    value: bytes

    def line(self) -> bytes:
        """It as it stands in a note, with its newline."""
        return f"— {self.name} {b64encode(self.id + self.value).decode()}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """Text, up to and including its last newline, and who signed it."""

    text: bytes
    signatures: tuple[Signature, ...] = ()

    def encode(self) -> bytes:
        return self.text + b"\n" + b"".join(signature.line() for signature in self.signatures)

    def signers(self, known: Collection[Vkey]) -> tuple[Vkey, ...]:
        """Those of the `known` keys who signed; ValueError where one of theirs does not hold.

        Lines of other keys are passed over: anybody may add one.
        """
        by_id = {(key.name, key.id): key for key in known}
        found: list[Vkey] = []
        for signature in self.signatures:
            key = by_id.get((signature.name, signature.id))
            if key is None:
                continue
            if not key.signed(signature, self.text):
                raise ValueError(f"the signature of {key.name} ({key.id.hex()}) does not hold")
            if key not in found:
                found.append(key)
        return tuple(found)


class Key:
    """A private key and the name it signs by. It shows its vkey, and nothing else of itself, to anybody."""

    __slots__ = ("_private", "vkey")

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self._private = private
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.vkey = Vkey(name, LOG, public)

    def __repr__(self) -> str:
        return f"<key {self.vkey}>"

    def sign(self, message: bytes) -> bytes:
        """64 bytes: always the same for the same message."""
        return self._private.sign(message)

    def signature(self, text: bytes) -> Signature:
        """Its signature line for a note with that text."""
        return Signature(self.vkey.name, self.vkey.id, self.sign(text))

    def handed_over(self, new: Vkey) -> str:
        """What a `rotate` line has as `signature`: this key says that `new` signs from there on."""
        return b64encode(self.sign(handing_over(self.vkey, new))).decode()


def parse(data: bytes) -> Note:
    """The note that some bytes are, whoever signed it (before there were keys, nobody); else ValueError."""
    end = data.rfind(b"\n\n")
    text, below = data[: end + 1], data[end + 2 :]
    if end < 1 or _CONTROL.search(data):
        raise ValueError("expected text, an empty line and signature lines")
    text.decode()
    return Note(text, signatures(below))


def signatures(lines: bytes) -> tuple[Signature, ...]:
    """Signature lines, each ended by a newline; ValueError if one of them is none."""
    *found, rest = lines.decode().split("\n")
    if rest or len(found) > LINES_MAX:
        raise ValueError(f"expected at most {LINES_MAX} signature lines, each ended by a newline")
    return tuple(map(_signature, found))


def cosigned(time: int, text: bytes) -> bytes:
    """What a witness signs at `time` (seconds since 1970) of a note's text (C2SP tlog-cosignature)."""
    return b"cosignature/v1\ntime %d\n" % time + text


def cosigned_at(signature: Signature) -> int | None:
    """When a witness says it signed, in seconds since 1970; None where it is no cosignature's form."""
    return int.from_bytes(signature.value[:8], "big") if len(signature.value) == 72 else None


def handing_over(old: Vkey, new: Vkey) -> bytes:
    """What the old key signs for a `rotate` line."""
    return f"constat-rotate/v1\n{old.name}\n{old}\n{new}\n".encode()


def was_handed_over(old: Vkey, new: Vkey, signature: str) -> bool:
    """Whether a `rotate` line's `signature` is the old key's word for the new one, of the same name."""
    try:
        return new.name == old.name and old.verifies(_decoded(signature), handing_over(old, new))
    except ValueError:
        return False


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, space, encoded = rest.partition(" ")
    if dash != "—" or not space or not _NAME.fullmatch(name):
        raise ValueError(f'expected a signature line like "— name base64", got "{line[:100]}"')
    data = _decoded(encoded)
    if len(data) < 5:
        raise ValueError(f'expected a key id and a signature, got "{line[:100]}"')
    return Signature(name, data[:4], data[4:])


def _decoded(text: str) -> bytes:
    """Base64 in the one way it can be written."""
    data = b64decode(text, validate=True)
    if b64encode(data).decode() != text:
        raise ValueError(f'expected base64, got "{text[:100]}"')
    return data
