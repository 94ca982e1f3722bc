"""Whatever instants a journal states, each command has an answer: none is beyond the calendar (FLAGS.md)."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.core.record import Declaration
from collector.core.timeline import Instant
from exporters.__main__ import _status as run
from tests.exporters.claimed import (
    AS_OF,
    BEGAN,
    CREDIT,
    INVOICES,
    NOTICE,
    RESERVED,
    SENT,
    TICKET,
    TOLD,
    declared,
    journal,
)
from tests.exporters.journals import CONTRACT_FILE

FAR: Instant = 1 << 62
"""Some 146 000 years after 1970: no year that a date can have; so is as long before it."""
WORK = declared(
    "work", "planned-maintenance", BEGAN, spans=((BEGAN, RESERVED),), scope=("balancer",),
    standing="accepted", sent=BEGAN, received=BEGAN,
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("far", [-FAR, FAR])
def test_no_instant_of_a_declaration_is_too_far(
    tmp_path: Path, far: Instant, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [replace(one, id=f"far-{k}") for k, one in enumerate(_said(far))]
    state = asyncio.run(journal(tmp_path, [*TOLD, *said]))
    for command in ("account", "claim", "deadlines", "explain"):
        status = run([command, "--journal", str(state), "--at", str(AS_OF), "--contract", str(CONTRACT_FILE)])

        out, err = capsys.readouterr()
        assert (status in (0, 1), bool(out), err) == (True, True, ""), command


def _said(far: Instant) -> list[Declaration]:
    span = ((min(far, BEGAN), max(far, BEGAN)),)
    return [
        replace(WORK, spans=span),
        replace(WORK, spans=((far, far + 1),)),
        replace(WORK, sent=far, received=far),
        replace(SENT, certain=span),
        replace(SENT, certain=((far, far + 1),)),
        replace(SENT, sent=far),
        replace(CREDIT, received=far),
        replace(CREDIT, expires=far),
        replace(CREDIT, sent=far),
        replace(INVOICES[0], issued=far, month="2026-08"),
        replace(NOTICE, possible=span),
        replace(NOTICE, sent=far, received=far),
        replace(TICKET, opened=far, complete=far),
        replace(TICKET, solved=far, first_answer=far),
    ]
