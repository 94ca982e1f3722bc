"""A checkpoint is exactly the four lines C2SP describes, and nothing else passes for one."""

import pytest

from collector.journal import checkpoint

ROOT = bytes(range(32))
NOTE = b"paris-1-k3v9q2\n72000\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n"


def test_a_checkpoint_is_origin_size_root_and_an_empty_line() -> None:
    made = checkpoint.Checkpoint(origin="paris-1-k3v9q2", size=72000, root=ROOT)

    assert made.note() == NOTE
    assert checkpoint.parse(NOTE) == made


def test_signature_lines_below_it_do_not_matter_to_its_statement() -> None:
    signed = NOTE + "— paris-1-k3v9q2 c2lnbmF0dXJl\n".encode()

    assert checkpoint.parse(signed) == checkpoint.parse(NOTE)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        NOTE[:-1],
        NOTE.replace(b"72000", b"072000"),
        NOTE.replace(b"72000", b"-1"),
        NOTE.replace(b"8=", b"9="),
    ],
)
def test_anything_else_is_refused(note: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|padding|characters"):
        checkpoint.parse(note)
