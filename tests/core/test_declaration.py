"""What each kind of declaration must say, may say, and may not, asked at the door and of a journal alike."""

from typing import Any, get_args

import msgspec
import pytest

from collector.core import declaration, record
from collector.core.record import DeclarationKind
from collector.core.timeline import HOUR, Instant
from collector.errors import DeclarationError

NOON: Instant = 1_795_176_000_000_000
"""2026-11-20T12:00:00Z."""

SPAN = [NOON, NOON + HOUR]

VALUES: dict[str, Any] = {
    "spans": [SPAN], "scope": ["s3"], "standing": "accepted", "number": "42", "severity": 1, "opened": NOON,
    "account": "123", "month": "2026-11", "amount_cents": 100, "issued": NOON, "zones": ["a"], "from": NOON,
    "services": ["s3"], "possible": [SPAN], "state": "sent", "document": "0" * 64, "root": "r", "size": 9,
    "statement": "st", "claim": "c", "expires": NOON, "text": "t", "resources": [], "to": NOON + 1,
    "certain": [SPAN], "ongoing": False, "message_id": "m@x", "complete": NOON, "first_answer": NOON,
    "waiting": [SPAN], "solved": NOON + 1, "sent": NOON, "received": NOON, "why": "w",
    "supersedes": "earlier", "commitment": "c",
}  # fmt: skip
"""A right value for each key."""

WORK = {"kind": "planned-maintenance", "by": "fh", "spans": [SPAN], "scope": ["*"], "standing": "proposed"}


def test_every_kind_of_declaration_has_its_needs() -> None:
    assert set(get_args(DeclarationKind)) == set(declaration.NEEDS)


@pytest.mark.parametrize("kind", declaration.NEEDS)
def test_each_kind_is_taken_with_what_it_needs_and_with_all_it_may_have_and_not_with_less(kind: str) -> None:
    keys = declaration.NEEDS[kind]
    least = {"id": "i", "kind": kind, "by": "fh", **{key: VALUES[key] for key in keys}}
    most = {
        **least,
        **{key: VALUES[key] for key in (*declaration.COMMON[3:], *declaration.MAY.get(kind, ()))},
    }

    found = declaration.checked(least)
    assert (found.kind, found.seq, found.at) == (kind, 0, 0)
    assert declaration.decoded(msgspec.json.encode(most)) == declaration.checked(most)
    for key in ("id", "by", *keys):
        with pytest.raises(DeclarationError, match=f"^{key}: "):
            declaration.checked({k: v for k, v in least.items() if k != key})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"kind": "holiday"}, "kind: expected one of suspension"),
        ({"kind": ["note"]}, "kind: expected one of"),
        ({"spams": [SPAN]}, "spams: expected only"),
        ({"amount_cents": 3}, "amount_cents: expected only"),
        ({"seq": 3}, "seq: expected only"),
        ({"at": NOON}, "at: expected only"),
        ({"spans": [[NOON + HOUR, NOON]]}, r"spans\[0\]: expected an end after the start"),
        ({"spans": [[NOON, NOON]]}, r"spans\[0\]: expected an end after the start"),
        ({"spans": [SPAN, [NOON + 1, NOON + 2 * HOUR]]}, r"spans\[1\]: expected spans in order"),
        ({"spans": []}, "spans: expected something"),
        ({"spans": [SPAN, [NOON + 2 * HOUR, 12]]}, r"spans\[1\]\[1\]: expected microseconds"),
        ({"spans": [[NOON]]}, "Expected `array` of length 2"),
        ({"spans": [[NOON // 10**6, NOON // 10**6 + 60]]}, r"spans\[0\]\[0\]: expected microseconds"),
        ({"spans": [[float(NOON), NOON + HOUR]]}, r"Expected `int`, got `float`.*spans"),
        ({"standing": "maybe"}, "Invalid enum value 'maybe'"),
        ({"scope": ["*", ""]}, "scope: expected names, got an empty one"),
        ({"scope": ["*", 3]}, r"Expected `str`, got `int`.*scope\[1\]"),
        ({"id": "../x"}, "id: expected up to 128 letters"),
        ({"id": ".hidden"}, "id: expected up to 128 letters"),
        ({"document": "letter.pdf"}, "document: expected a SHA-256"),
        ({"supersedes": "i"}, "supersedes: expected another"),
        ({"by": ""}, "by: expected something"),
        ({"sent": 12}, "sent: expected microseconds"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        declaration.checked({"id": "i", **WORK, **change})


def test_arrears_that_never_were_are_corrected_to_none() -> None:
    """A correction is of the same kind, so each kind must be able to take itself back."""
    given = {"id": "i", "kind": "arrears", "by": "fh", "account": "a", "supersedes": "h", "spans": []}

    assert declaration.checked(given).spans == ()
    with pytest.raises(DeclarationError, match="account: expected something"):
        declaration.checked({**given, "account": ""})


def test_a_notice_may_be_certain_of_nothing_yet_and_a_claim_may_not() -> None:
    """What a claim without downtime asks for would be of no month, and so under no cap."""
    notice, claim = (
        {"id": "i", "kind": kind, "by": "fh", **{key: VALUES[key] for key in declaration.NEEDS[kind]}}
        for kind in ("notice", "claim")
    )

    assert declaration.checked({**notice, "certain": []}).certain == ()
    with pytest.raises(DeclarationError, match=r"^certain: expected something, got nothing$"):
        declaration.checked({**claim, "certain": []})


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DeclarationError, match=r"by: .*; scope: .*; spams: "):
        declaration.checked(
            {"id": "i", "kind": "force-majeure", "spans": [SPAN], "standing": "x", "spams": 1}
        )


@pytest.mark.parametrize(
    ("kind", "change"),
    [("notice", {"state": "lost"}), ("invoice", {"month": "2026-13"}), ("invoice", {"amount_cents": -1}),
     ("ticket", {"solved": NOON - 1}), ("deployment", {"to": NOON - 1}),
     ("ticket", {"first_answer": NOON - 1}), ("ticket", {"severity": -1}), ("statement", {"size": -1})],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(kind: str, change: dict[str, Any]) -> None:
    right = {"id": "i", "kind": kind, "by": "fh", **{key: VALUES[key] for key in declaration.NEEDS[kind]}}
    with pytest.raises(DeclarationError, match=next(iter(change))):
        declaration.checked({**right, **change})


def test_what_stands_in_a_journal_is_told_in_the_same_words() -> None:
    reversed_ = msgspec.convert(
        {"t": "declaration", "seq": 1, "at": NOON, "id": "i", **WORK, "spans": [SPAN[::-1]]},
        record.Declaration,
    )
    empty = record.Declaration(seq=1, at=NOON, id="i", kind="arrears", by="fh")

    assert declaration.problems(reversed_) == (
        f"spans[0]: expected an end after the start, got {NOON + HOUR} to {NOON}",
    )
    assert list(declaration.problems(empty)) == [
        f"{key}: a declaration of kind arrears needs it, got nothing" for key in ("account", "spans")
    ]
    assert declaration.problems(declaration.checked({"id": "i", **WORK})) == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "^expected JSON, got: "),
        (b"[]", "^expected a JSON object$"),
        (b"{}", "^kind: expected one of suspension, planned-maintenance, .*, got None$"),
    ],
)
def test_what_is_no_declaration_at_all_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        declaration.decoded(data)


def test_a_file_of_the_inbox_is_the_declaration_that_it_states() -> None:
    given = {"id": "i", **WORK}

    assert declaration.decoded(msgspec.json.encode(given)) == declaration.checked(given)


def test_what_is_of_another_type_is_told_with_its_place_alone() -> None:
    with pytest.raises(DeclarationError, match=r"^Expected `int`, got `str` - at `spans\[0\]\[1\]`$"):
        declaration.checked({"id": "i", **WORK, "spans": [[NOON, "noon"]]})


def test_spans_may_touch() -> None:
    touching = [SPAN, [NOON + HOUR, NOON + 2 * HOUR]]

    assert len(declaration.checked({"id": "i", **WORK, "spans": touching}).spans or ()) == 2


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("notice", {"state": "lost"}, "state: expected one of intended, sent, refused, .*, got 'lost'"),
        ("arrears", {"spam": 1}, "spam: expected only account, by, .* in a declaration of kind arrears"),
        ("arrears", {"supersedes": "i"}, "supersedes: expected another declaration, got itself"),
        ("deployment", {"to": NOON - 1}, "to: expected no instant before from"),
        ("invoice", {"amount_cents": -1}, "amount_cents: expected no negative number, got -1"),
        ("invoice", {"month": "11/2026"}, "month: expected a month like \"2026-11\", got '11/2026'"),
    ],
)
def test_what_is_wrong_is_told_as_a_sentence(kind: str, change: dict[str, Any], told: str) -> None:
    right = {"id": "i", "kind": kind, "by": "fh", **{key: VALUES[key] for key in declaration.NEEDS[kind]}}
    with pytest.raises(DeclarationError, match=f"^{told}$"):
        declaration.checked({**right, **change})


def test_what_is_just_possible_is_taken() -> None:
    """From the first instant of 2000 to the last of 2199, and an invoice over nothing."""
    first, end = 946_684_800_000_000, 7_258_118_400_000_000
    invoice = {
        "id": "i",
        "kind": "invoice",
        "by": "fh",
        "account": "1",
        "month": "2026-11",
        "amount_cents": 0,
    }

    assert declaration.checked({**invoice, "issued": first, "sent": end - 1}).issued == first
    for too_far in (first - 1, end):
        with pytest.raises(
            DeclarationError, match="issued: expected microseconds since 1970 UTC, of the years"
        ):
            declaration.checked({**invoice, "issued": too_far})
