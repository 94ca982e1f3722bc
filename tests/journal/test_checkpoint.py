"""A checkpoint is exactly the lines C2SP describes and who signed them; nothing else passes for one."""

import pytest

from collector.journal import checkpoint
from tests.journal.test_note import cosignature, key

ROOT = bytes(range(32))
NOTE = b"paris-1-k3v9q2\n72000\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"
MADE = checkpoint.Checkpoint(origin="paris-1-k3v9q2", size=72000, root=ROOT)


def test_a_checkpoint_is_origin_size_root_an_empty_line_and_a_signature_line() -> None:
    signed = MADE.signed(key())

    assert signed == NOTE + key().signature(NOTE[:-1]).line()
    assert checkpoint.parse(signed) == MADE
    assert checkpoint.verified(signed, key().vkey) == MADE


def test_one_of_the_time_before_there_were_keys_is_read_and_is_signed_by_nobody() -> None:
    assert checkpoint.parse(NOTE) == MADE
    with pytest.raises(ValueError, match="expected a signature of paris-1-k3v9q2"):
        checkpoint.verified(NOTE, key().vkey)


def test_signature_lines_of_others_do_not_matter_to_its_statement() -> None:
    signed = MADE.signed(key("other", seed=4), key())

    assert checkpoint.verified(signed + cosignature(NOTE[:-1]).line(), key().vkey) == MADE


def test_one_of_another_origin_or_with_another_root_or_size_is_refused() -> None:
    signed = MADE.signed(key())

    with pytest.raises(ValueError, match="expected a checkpoint of lyon"):
        checkpoint.verified(signed, key("lyon").vkey)
    for old, new in ((b"72000", b"72001"), (b"AAEC", b"AAED")):
        with pytest.raises(ValueError, match="does not hold"):
            checkpoint.verified(signed.replace(old, new, 1), key().vkey)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        NOTE[:-1],
        NOTE.replace(b"72000", b"072000"),
        NOTE.replace(b"72000", b"-1"),
        NOTE.replace(b"8=", b"9="),
        NOTE.replace(b"72000\n", b""),
        NOTE + b"hidden\n\n",
        b"\n" + NOTE,
    ],
)
def test_anything_else_is_refused(note: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|padding|characters"):
        checkpoint.parse(note)
