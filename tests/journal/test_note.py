"""Signed notes are C2SP's: its vector verifies, foreign lines do not matter, tampering always does."""

from base64 import b64encode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from collector.journal import note
from collector.journal.note import COSIGNATURE, LOG, Key, Note, Signature, Vkey

FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHj"
    "G1Yu72IneyaQM=\n"
).encode()
"""The vector that C2SP publishes in signed-note.md."""

TEXT = b"paris-1-k3v9q2\n72000\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def key(name: str = "paris-1-k3v9q2", seed: int = 1) -> Key:
    return Key(name, private(seed))


def witness(name: str = "w.example", seed: int = 9) -> Vkey:
    return Vkey(name, COSIGNATURE, key(name, seed).vkey.public)


def cosignature(text: bytes, time: int = 1_795_176_000, name: str = "w.example", seed: int = 9) -> Signature:
    """What a witness answers."""
    signature = private(seed).sign(note.cosigned(time, text))
    return Signature(name, witness(name, seed).id, time.to_bytes(8, "big") + signature)


def test_the_published_vector_verifies_and_is_written_again_as_it_was() -> None:
    found = note.parse(EXAMPLE)
    foo = Vkey.parse(FOO)

    assert found.signers([foo]) == (foo,)
    assert found.text == b"This is an example message.\n"
    assert found.encode() == EXAMPLE
    assert str(foo) == FOO


def test_what_a_key_signs_its_vkey_verifies_and_no_other_does() -> None:
    signed = Note(TEXT, (key().signature(TEXT),))

    assert note.parse(signed.encode()).signers([key().vkey, witness()]) == (key().vkey,)
    assert signed.signers([key(seed=2).vkey]) == ()


def test_a_key_of_the_same_name_and_id_whose_signature_does_not_hold_refuses_the_note() -> None:
    other = key(seed=2).signature(TEXT)
    forged = Note(TEXT, (Signature(key().vkey.name, key().vkey.id, other.value),))

    with pytest.raises(ValueError, match=r"signature of paris-1-k3v9q2 .* does not hold"):
        forged.signers([key().vkey])


def test_one_good_and_one_bad_line_of_a_known_key_refuse_the_note() -> None:
    good = key().signature(TEXT)
    for bad in (Signature(good.name, good.id, good.value[:-1]), Signature(good.name, good.id, bytes(64))):
        with pytest.raises(ValueError, match="does not hold"):
            Note(TEXT, (good, bad)).signers([key().vkey])


def test_lines_of_others_before_and_after_are_passed_over_as_many_as_c2sp_asks_for() -> None:
    others = tuple(key(f"other-{k}", seed=k + 10).signature(TEXT) for k in range(20))
    signed = Note(TEXT, (*others[:10], key().signature(TEXT), *others[10:], cosignature(TEXT)))

    found = note.parse(signed.encode())
    assert len(found.signatures) == 22
    assert found.signers([key().vkey]) == (key().vkey,)


def test_a_note_with_more_lines_than_anybody_needs_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 100 signature lines"):
        note.parse(Note(TEXT, (key().signature(TEXT),) * 101).encode())


def test_a_witness_signs_its_time_with_the_text() -> None:
    line = cosignature(TEXT)

    assert Note(TEXT, (line,)).signers([witness()]) == (witness(),)
    assert note.cosigned_at(line) == 1_795_176_000
    later = Signature(line.name, line.id, (1_795_176_001).to_bytes(8, "big") + line.value[8:])
    for text, signature in ((TEXT, later), (TEXT.replace(b"7", b"8", 1), line)):
        with pytest.raises(ValueError, match=r"w\.example .* does not hold"):
            Note(text, (signature,)).signers([witness()])


def test_a_log_that_signs_with_the_key_of_a_witness_is_another_key() -> None:
    """The type is part of the id, so that a signature means one thing only."""
    log = Vkey("w.example", LOG, witness().public)

    assert log.id != witness().id
    assert Note(TEXT, (cosignature(TEXT),)).signers([log]) == ()


def test_a_key_id_is_what_c2sp_says() -> None:
    public = key().vkey.public

    assert key().vkey.id == sha256(b"paris-1-k3v9q2\n\x01" + public).digest()[:4]


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "a+b", FOO + "+", FOO[:-4], FOO.replace("530d903a", "530d903b"), FOO.replace("foo", "fop"),
        FOO.replace("+Ae", "+Ce"), "a b" + FOO, FOO + "\n", FOO + " ",
        "e+00000000+" + b64encode(b"\x01" + bytes(31)).decode(),
    ],
)  # fmt: skip
def test_what_is_no_vkey_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|base64|Only|padding|characters"):
        Vkey.parse(text)


@given(st.text(st.characters(exclude_categories=["Z", "C"], exclude_characters="+"), min_size=1),
       st.binary(min_size=32, max_size=32), st.sampled_from([LOG, COSIGNATURE]))  # fmt: skip
def test_every_vkey_is_read_as_it_was_written(name: str, public: bytes, type_: int) -> None:
    made = Vkey(name, type_, public)

    assert Vkey.parse(str(made)) == made


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n\n", b"text\n", b"text", TEXT + b"\n\xe2\x80\x94 a", TEXT + b"\nno signature\n",
        TEXT + "\n— a AAAA\n".encode(), TEXT + "\n— a  AAAAAAAA\n".encode(),
        TEXT + "\n— a+b AAAAAAAA\n".encode(),
        TEXT + "\n— a AAAAAAB=\n".encode(), TEXT.replace(b"\n", b"\r\n") + b"\n", b"\xff\n\n", b"a\0\n\n",
        TEXT + b"\n" + EXAMPLE.partition(b"\n\n")[2][:-1],
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|base64|decode|padding|characters"):
        note.parse(data)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_of_a_signed_note_goes_unnoticed(place: int, change: int) -> None:
    data = bytearray(Note(TEXT, (key().signature(TEXT),)).encode())
    data[place % len(data)] ^= change

    try:
        signed_by = note.parse(bytes(data)).signers([key().vkey])
    except ValueError:
        return
    assert signed_by == ()


def test_neither_a_key_nor_its_vkey_show_what_is_secret() -> None:
    secret = bytes([1]) * 32

    for shown in (repr(key()), str(key()), str(key().vkey), repr(key().vkey)):
        assert b64encode(secret).decode()[:20] not in shown
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_a_vkey_is_the_pem_that_openssl_takes() -> None:
    public = load_pem_public_key(key().vkey.pem())

    assert public == private(1).public_key()


def test_a_key_is_handed_over_by_the_one_before_to_the_one_after_of_one_origin() -> None:
    old, new, another = key(seed=1), key(seed=2), key("lyon-1-aaaaaa", seed=2)
    word = old.handed_over(new.vkey)

    assert note.was_handed_over(old.vkey, new.vkey, word)
    assert not note.was_handed_over(new.vkey, old.vkey, word)
    assert not note.was_handed_over(old.vkey, key(seed=3).vkey, word)
    assert not note.was_handed_over(old.vkey, another.vkey, old.handed_over(another.vkey))
    assert not note.was_handed_over(old.vkey, new.vkey, "no base64")
    assert note.handing_over(old.vkey, new.vkey) == (
        f"constat-rotate/v1\nparis-1-k3v9q2\n{old.vkey}\n{new.vkey}\n".encode()
    )
