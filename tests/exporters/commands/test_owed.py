"""`constat account` on tickets and objects: tables only where there are any, and a miss is exit status 1."""

import asyncio
import json
from datetime import UTC
from pathlib import Path

import pytest
from rich.console import Console

from collector.core.account import Account
from collector.core.record import Declaration, Outcome, Reason
from collector.core.timeline import HOUR, MINUTE
from exporters.__main__ import _status as run
from exporters.commands import tables
from exporters.commands.tables import Listing
from tests.exporters.journals import BEGAN, day, numbered, write
from tests.strategies import Journal, account, instant, probe, service

AT = str(BEGAN + HOUR)


def journal(path: Path, *tickets: Declaration) -> str:
    asyncio.run(write(path, numbered([*day([("", Outcome.OK)] * 5), *tickets])))
    return str(path)


def ticket(answered: int) -> Declaration:
    return Declaration(
        seq=0, at=BEGAN + 30 * MINUTE, id="t", kind="ticket", by="ab", number="4711", severity=1,
        scope=("api",), opened=BEGAN, complete=BEGAN, first_answer=BEGAN + answered, solved=BEGAN + answered,
    )  # fmt: skip


def test_a_late_answer_is_shown_and_is_exit_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = journal(tmp_path / "late", ticket(16 * MINUTE))
    in_time = journal(tmp_path / "in-time", ticket(15 * MINUTE))

    assert run(["account", "--journal", late, "--at", AT]) == 1
    assert "4711" in capsys.readouterr().out
    assert run(["account", "--journal", in_time, "--at", AT]) == 0
    capsys.readouterr()
    assert run(["account", "--journal", late, "--at", AT, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["tickets"][0]["commitments"][0]["finding"] == "MISSED"


def test_without_tickets_and_objects_there_are_no_tables_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["account", "--journal", journal(tmp_path), "--at", AT]) == 0

    shown = capsys.readouterr().out
    assert "ticket" not in shown
    assert "written" not in shown


def cells(found: Listing) -> list[list[str]]:
    """What a table says, line by line, columns apart by two spaces or more."""
    console = Console(width=400, no_color=True)
    with console.capture() as capture:
        console.print(found)
    return [
        [cell.strip() for cell in line.split("  ") if cell.strip()] for line in capture.get().splitlines()
    ]


def drawn() -> Account:
    made = Journal().start().clock().plan([service("s", "object-storage.durability")], [probe()])
    made.declare("z", "deployment", account="a", zones=("r-a", "r-b"))
    for at, did, outcome in (
        (0, "written", Outcome.OK),
        (10, "read", Outcome.OK),
        (20, "read", Outcome.FAILED),
    ):
        why = Reason.CONTENT if outcome is Outcome.FAILED else None
        made.sample(at, outcome, reason=why, facts={"object": "canary-1", "did": did})
    made.sample(30, facts={"object": "canary-2", "did": "written"})
    made.declare(
        "t", "ticket", at=40, number="7", severity=3, scope=("s", "r"), opened=instant(0),
        complete=instant(5), waiting=((instant(0), instant(10)),),
    )  # fmt: skip
    return account(made, until=100)


def test_a_lost_object_is_told_with_the_lines_that_say_so() -> None:
    head, row = cells(tables.durabilities(drawn(), UTC))

    assert head == [
        "service", "commitment", "window", "written", "kept", "read back", "target", "finding", "flags",
        "lost", "last intact", "first missed",
    ]  # fmt: skip
    assert row == [
        "s", "object-storage.durability", "given", "2", "1", "0", "99.9999999999 %", "MISSED", "unwitnessed",
        "canary-1", "2026-09-21 14:13:30+00:00 (v-1:5)", "2026-09-21 14:13:40+00:00 (v-1:6)",
    ]  # fmt: skip


def test_a_ticket_is_told_with_what_was_owed_on_it() -> None:
    head, response, restoration = cells(tables.tickets(drawn(), UTC))

    assert head == [
        "ticket", "severity", "scope", "opened", "commitment", "taken", "waited", "limit", "finding", "flags",
    ]  # fmt: skip
    assert response == [
        "7", "3", "s, r", "2026-09-21 14:13:20+00:00", "support.response", "1 min 40 s", "1 h", "OPEN",
        "completed-later",
    ]  # fmt: skip
    assert restoration == [
        "support.restoration", "1 min 30 s of business hours", "5 s of business hours",
        "48 h of business hours", "OPEN",
    ]  # fmt: skip
