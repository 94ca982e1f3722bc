"""`constat explain` on a real journal: what it says adds up, and stands where it says it does."""

import asyncio
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.record import Declaration, Gap, GapReason, Outcome, Plan, Reason, Sample
from collector.core.timeline import HOUR, MINUTE, SECOND
from exporters.__main__ import _status as run
from exporters.documents import show
from exporters.documents.words import fraction
from tests.exporters.journals import BEGAN, CONTRACT_FILE, day, numbered, sample, write

AT = str(BEGAN + HOUR)
TROUBLE = [("", Outcome.OK)] * 5 + [("api", Outcome.FAILED)] * 40 + [("", Outcome.OK)] * 5
FIRST_FAILED, LAST_FAILED = BEGAN + 50 * SECOND, BEGAN + 440 * SECOND
GRACE = 120 * SECOND
WINDOW = ["--from", str(BEGAN), "--to", str(BEGAN + 500 * SECOND)]


def declared(id: str, sent: int, **more: Any) -> Declaration:
    given: dict[str, Any] = {
        "seq": 0, "at": BEGAN + 501 * SECOND, "id": id, "kind": "planned-maintenance", "by": "ab",
        "sent": sent, "received": sent, "spans": ((BEGAN + 100 * SECOND, BEGAN + 160 * SECOND),),
        "scope": ("api",), "standing": "accepted",
    }  # fmt: skip
    return Declaration(**{**given, **more})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An outage of 390 s for sure; a minute of it announced maintenance, another not in time."""
    lines = day(TROUBLE)
    lines.append(declared("planned", BEGAN - 5 * 24 * HOUR))
    lines.append(declared("idle", BEGAN - 5 * 24 * HOUR, spans=((BEGAN, BEGAN + 30 * SECOND),)))
    lines.append(declared("late", BEGAN - HOUR, spans=((BEGAN + 200 * SECOND, BEGAN + 260 * SECOND),)))
    asyncio.run(write(tmp_path / "state", numbered(lines)))
    return tmp_path / "state"


def asked(state: Path, *more: str) -> list[str]:
    fixed = ["--journal", str(state), "--contract", str(CONTRACT_FILE), "--at", AT, *WINDOW]
    return ["explain", *more, *fixed, "--reading", "overrun=as-announced"]


@pytest.fixture
def page(state: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run(asked(state, "compute.command-api")) == 1
    return capsys.readouterr().out


def section(page: str, number: int) -> str:
    found = re.search(rf"^{number}  .*?(?=^\d  |^===)", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[0]


def amounts(text: str) -> list[tuple[str, int]]:
    """(sign, µs) of each line of a sum."""
    rows = re.findall(r"^   ([-+=]?) +\S.*?  ([\d ]+) µs$", text, re.MULTILINE)
    return [(sign, int(number.replace(" ", ""))) for sign, number in rows]


def test_states_add_up_to_the_window(page: str) -> None:
    *parts, total = amounts(section(page, 2))

    assert sum(amount for _, amount in parts) == total[1] == 500 * SECOND
    assert total[0] == "="


def test_the_ledger_runs_from_raw_downtime_to_what_may_be_claimed(page: str) -> None:
    """Each line is what is above it less what it takes."""
    rows = amounts(section(page, 3))

    assert rows[0] == ("", LAST_FAILED - FIRST_FAILED - 20_000)
    left = rows[0][1]
    for sign, amount in rows[1:]:
        if sign == "-":
            left -= amount
        else:
            assert amount == left
    assert left == 0
    assert [row for row in rows if row[0] == "-"][:2] == [("-", 60 * SECOND), ("-", GRACE)]


def test_a_round_trip_of_the_kernels_is_told_with_its_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        msgspec.structs.replace(one, facts={"rtt": 12_345}) if isinstance(one, Sample) else one
        for one in day(TROUBLE)
    ]
    asyncio.run(write(tmp_path / "state", lines))
    run(asked(tmp_path / "state", "compute.command-api"))

    told = " ".join(capsys.readouterr().out.replace(show.SPACE, " ").split())
    assert "after 0.02 s, rtt 0.012345 s; line" in told


def test_what_may_not_be_claimed_is_told_with_the_reason_that_holds(page: str) -> None:
    """Nobody wrote to the provider yet: a notice still can be sent, and nothing else is missing."""
    ledger = " ".join(section(page, 3).replace(show.SPACE, " ").split())

    assert "3 min 29.98 s: no notice has reserved it yet, which can still be done (clause 9.3)" in ledger
    assert "no notice reserved it" not in ledger
    assert "ticket" not in ledger


def test_what_takes_time_off_is_told_with_its_notice_and_what_does_not_with_the_reason(page: str) -> None:
    ledger = " ".join(section(page, 3).split())

    assert "planned: accepted, declared by ab" in ledger
    assert "2 clear days ahead means by 2026-11-15, so in time" in ledger
    assert "late: refused, declared by ab" in ledger
    assert "2 clear days needed it by 2026-11-15" in ledger
    assert ledger.count("idle: accepted") == 1
    assert ledger.index("takes nothing off:") < ledger.index("idle: accepted")
    assert (
        ledger.index("planned: accepted") < ledger.index("takes nothing off:") < ledger.index("late: refused")
    )


def test_maintenance_that_runs_over_is_told_with_how_far(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The safe reading takes off what the declaration does not name: the ledger must say so."""
    run([*asked(state, "compute.command-api"), "--reading", "overrun=until-it-ends"])
    ledger = " ".join(section(capsys.readouterr().out, 3).split())

    assert "5 min 40 s of raw downtime lies in it" in ledger
    assert "4 min 40 s of that is later than announced" in ledger


def test_what_is_disputed_may_take_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D1, by its reading."""
    storm = declared("storm", BEGAN, kind="force-majeure", standing="disputed")
    asyncio.run(write(tmp_path, numbered([*day(TROUBLE), storm])))
    run([*asked(tmp_path, "compute.command-api"), "--reading", "disputed=takes-nothing"])
    ledger = " ".join(section(capsys.readouterr().out, 3).split())

    assert "takes nothing off: force-majeure (clause 13.2) storm: disputed, declared by ab" in ledger
    assert "disputed, and by the reading in force (disputed) it takes nothing until it is proved" in ledger


def test_the_comparison_with_the_target_can_be_done_again(page: str) -> None:
    """Both products, for the best and for the worst."""
    text = section(page, 4)
    products = [
        tuple(int(part.replace(" ", "")) for part in found)
        for found in re.findall(r"^ +([\d ]+) × ([\d ]+) = +([\d ]+)$", text, re.MULTILINE)
    ]

    assert len(products) == 4
    assert all(one * two == three for one, two, three in products)
    (kept, d, _), (n, whole, _) = products[:2]
    assert Fraction(n, d) == Fraction(999, 1000)
    assert Fraction(kept, whole) == 1 - Fraction(
        LAST_FAILED - FIRST_FAILED - 20_000 - 60 * SECOND - GRACE, 500 * SECOND
    )
    assert "the first is smaller: below the target" in text


def test_every_line_named_stands_where_it_is_said_to(page: str, state: Path) -> None:
    """Origin and number, file and number in the file: what an outsider needs to find it."""
    named = re.findall(r"line\s(\S+):(\d+)\s=\s+(\S+?):(\d+)\b", page)

    assert len(named) == 2 * 4 + 3  # two probes with four bounds each, and three declarations
    for origin, seq, file, number in named:
        line = (state / "journal" / origin / file).read_bytes().splitlines()[int(number) - 1]
        assert json.loads(line)["seq"] == int(seq)


def test_the_samples_that_bound_an_outage_are_the_last_answer_the_failures_and_the_first_answer(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*asked(state, "compute.command-api"), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)

    (outage,) = told["outages"]
    assert [one["probe"] for one in told["witnesses"]] == ["api-1", "api-2"]
    for one in told["witnesses"]:
        assert one["outage"] == outage["id"]
        assert one["last_ok"]["sent"] == outage["possible"][0][0] == FIRST_FAILED - 10 * SECOND
        assert one["first_failed"]["done"] == outage["certain"][0][0] == FIRST_FAILED + 20_000
        assert one["last_failed"]["sent"] == outage["certain"][-1][1] == LAST_FAILED
        assert one["first_ok"]["done"] == outage["possible"][-1][1] == LAST_FAILED + 10 * SECOND + 20_000
        assert one["counts"] == [["failed", "timeout", 40], ["ok", "", 2]]


def test_all_samples_are_printed_where_they_are_asked_for(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run([*asked(state, "compute.command-api", "--samples"), "--json"])
    told = json.loads(capsys.readouterr().out)

    assert [len(one["samples"]) for one in told["witnesses"]] == [42, 42]


def test_the_tree_is_named_with_its_root_and_that_nobody_stamped_it(page: str) -> None:
    assert re.search(r"^     root +[0-9a-f]{64}$", page, re.MULTILINE)
    assert "not stamped" in page


def test_without_a_subject_what_is_not_met_comes_first_and_what_is_met_is_a_line(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(asked(state)) == 1
    page = capsys.readouterr().out

    titles = re.findall(r"^=+\n(.+)\n=+$", page, re.MULTILINE)
    assert [re.split(r"  +", title) for title in titles] == [
        ["compute.command-api of api", "MISSED"],
        ["object-storage.access-api of storage", "OPEN"],
        ["Met"],
        ["The journal that this rests on"],
    ]


@pytest.mark.parametrize("what", ["api", "compute.command-api", "compute.command-api/api"])
def test_a_figure_is_named_by_commitment_service_or_both(
    state: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*asked(state, what), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)

    assert [one["commitment"] for one in told["attainments"]] == ["compute.command-api"]


def test_an_outage_is_explained_by_its_id(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked(state, f"api@{FIRST_FAILED - 10 * SECOND}")) == 0
    page = " ".join(capsys.readouterr().out.split())

    assert "An outage of api" in page
    assert "6 min 29.98 s raw - 1 min planned-maintenance - 2 min grace = 3 min 29.98 s net" in page


def test_a_deduction_is_explained_by_its_id(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked(state, "planned")) == 0
    page = " ".join(capsys.readouterr().out.split())

    assert "planned-maintenance planned" in page
    assert "takes 1 min off compute.command-api of api" in page
    run(asked(state, "late"))
    assert "refused, so it takes nothing" in capsys.readouterr().out


def test_what_nobody_knows_is_refused_with_what_there_is(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(asked(state, "compute.comand-api")) == 2
    assert "did you mean compute.command-api" in capsys.readouterr().err


def test_what_is_piped_is_plain_and_no_wider_than_it_is_read(page: str) -> None:
    assert "\x1b" not in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("     files")) <= 100


def test_damage_is_named_and_is_a_finding(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file,) = (state / "journal").glob("*/*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"value":20000', b'"value":20001', 1))

    assert run(asked(state)) == 1
    assert f"damaged: {file}:" in capsys.readouterr().err


def test_a_latency_is_explained_by_its_counts(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(asked(state, "internal-network.object-storage-latency/storage")) == 0
    page = " ".join(capsys.readouterr().out.split())

    assert "at most 0.2 s at each measurement, SLA6" in page
    assert "within 50: even with the error of the measurement added" in page


# ----------------------------------------------------------------------------------------------------- claims


HOURS_DOWN = [("", Outcome.OK)] * 2 + [("api", Outcome.FAILED)] * 360 + [("", Outcome.OK)] * 2
LONG_AFTER = BEGAN + 6 * HOUR


@pytest.fixture
def owed(tmp_path: Path) -> Path:
    """An hour of downtime with a ticket, a notice in time, and invoices of 10 000 and 1 000 EUR."""
    lines = day(HOURS_DOWN)
    later: dict[str, Any] = {"seq": 0, "at": BEGAN + 2 * HOUR, "by": "ab"}
    spans = ((BEGAN, BEGAN + HOUR + 100 * SECOND),)
    lines += [
        Declaration(
            id="ticket", kind="ticket", number="T1", severity=1, opened=BEGAN + 20 * SECOND,
            complete=BEGAN + 20 * SECOND, solved=BEGAN + HOUR, first_answer=BEGAN + 80 * SECOND,
            scope=("api",), **later,
        ),
        Declaration(
            id="notice", kind="notice", number="N1", services=("api",), possible=spans, certain=spans,
            state="delivered", sent=BEGAN + 2 * HOUR, received=BEGAN + 2 * HOUR, **later,
        ),
        Declaration(
            id="november", kind="invoice", account="acme", month="2026-11", amount_cents=100_000,
            issued=BEGAN, **later,
        ),
        Declaration(
            id="october", kind="invoice", account="acme", month="2026-10", amount_cents=1_000_000,
            issued=BEGAN, **later,
        ),
    ]  # fmt: skip
    asyncio.run(write(tmp_path / "owed", numbered(lines)))
    return tmp_path / "owed"


def drawn(owed: Path, *more: str) -> list[str]:
    fixed = ["--journal", str(owed), "--contract", str(CONTRACT_FILE), "--at", str(LONG_AFTER)]
    return ["explain", *more, *fixed]


def test_a_claim_is_explained_from_its_window_to_its_credit(
    owed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The formula, the base and both caps, each with its clause, and what is missing still."""
    assert run(["account", *drawn(owed)[1:], "--json"]) in (0, 1)
    (claim,) = [one for one in json.loads(capsys.readouterr().out)["claims"] if one["state"] == "due"]
    assert run(drawn(owed, claim["id"])) == 0
    page = capsys.readouterr().out
    told = " ".join(page[page.index("\n7  What is asked for") :].split())

    assert "compute.command-api of api" in page
    assert "Only claimable downtime counts as lost." in page
    lost = f"({show.grouped(claim['agreed'])} - {show.grouped(claim['counted'])})"
    assert lost.replace(show.SPACE, " ") in page
    assert amounts(section(page, 3))[-1] == ("=", claim["counted"])
    short, base = Fraction(claim["target"]) - Fraction(claim["attained"]), Fraction(claim["base"]["cents"])
    cents = int(short * 10 * base)
    assert cents == claim["credit_cents"]  # no cap cuts it
    assert f"× 10 = {fraction(short * 10)} ".replace(show.SPACE, " ") in told
    assert f"credit {cents // 100}.{cents % 100:02} EUR without VAT, rounded down" in told
    assert f"their sum / {len(claim['base']['invoices'])}" in told
    assert "2026-10 (october) 10 000.00 EUR" in told
    assert "9 The caps Clause 8: all penalties together" in told
    assert "the references of reservations that tell the start and the end: notice" in told
    assert "an evidence bundle: missing" in told


def test_a_ticket_is_explained_by_its_number(owed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(drawn(owed, "T1")) == 0
    page = " ".join(capsys.readouterr().out.split())

    assert "support.response, SLA9 (GTI): MET" in page
    assert "took 1 min" in page


def test_readings_that_move_a_figure_are_told_with_what_they_make_of_it(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And only these: what moves nothing is no matter of the dispute."""
    run(asked(state, "compute.command-api"))
    told = " ".join(section(capsys.readouterr().out, 5).split())

    assert "overrun = as-announced" in told
    assert "were it until-it-ends: net 0 s" in told
    assert "notice-time" not in told


def test_why_nobody_could_look_is_told_from_the_lines_of_that_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Blind samples and gaps, counted; not the downtime of somebody else."""
    lines = day([("", Outcome.OK)] * 5 + [("api", Outcome.BLIND)] * 20 + [("", Outcome.OK)] * 5)
    end = lines[-1].at
    gap = Gap(
        seq=0, at=end + 60 * SECOND, probes=("api-1", "api-2"), from_=end, to=end + 60 * SECOND,
        reason=GapReason.SUSPENDED,
    )  # fmt: skip
    asyncio.run(write(tmp_path / "blind", numbered([*lines, gap])))

    window = ["--from", str(BEGAN), "--to", str(end + 30 * SECOND)]
    run([*drawn(tmp_path / "blind", "compute.command-api"), *window])
    told = " ".join(section(capsys.readouterr().out, 2).split())

    assert "UNKNOWN is 2 stretches" in told
    assert "(here: 40 blind (resolver))" in told
    assert "(here: 2 not asked (suspended))" in told


# --------------------------------------------------------------------------------------- support, and objects


def asked_of(**more: Any) -> Declaration:
    """A ticket of severity 1: answered after 10 minutes, solved after an hour."""
    given: dict[str, Any] = {
        "seq": 0, "at": BEGAN + 5 * HOUR, "kind": "ticket", "by": "ab", "severity": 1,
        "scope": ("api",), "opened": BEGAN, "complete": BEGAN, "first_answer": BEGAN + 10 * MINUTE,
        "solved": BEGAN + HOUR,
    }  # fmt: skip
    return Declaration(**{**given, **more})


@pytest.fixture
def supported(tmp_path: Path) -> Path:
    """A ticket that is met, and one whose correction says that it took three hours, one of them waiting."""
    lines = day([("", Outcome.OK)] * 5)
    slow = {"number": "T2", "first_answer": BEGAN + 16 * MINUTE, "complete": BEGAN + MINUTE}
    waiting = ((BEGAN + HOUR, BEGAN + HOUR + 30 * MINUTE), (BEGAN + 90 * MINUTE, BEGAN + 2 * HOUR))
    lines += [
        asked_of(id="quick", number="T1"),
        asked_of(id="slow", **slow),
        asked_of(id="slower", supersedes="slow", solved=BEGAN + 4 * HOUR, waiting=waiting, **slow),
    ]
    asyncio.run(write(tmp_path / "supported", numbered(lines)))
    return tmp_path / "supported"


def test_a_ticket_on_which_a_promise_was_missed_is_told_without_being_asked_for(
    supported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one on which all was met is a line for each promise."""
    assert run(drawn(supported)) == 1
    page = capsys.readouterr().out

    titles = re.findall(r"^=+\n(.+)\n=+$", page, re.MULTILINE)
    assert ["Ticket T2 (slower)", "MISSED"] in [re.split(r"  +", title) for title in titles]
    assert "Ticket T1" not in page
    assert "MET  support.response of ticket T1: 10 min, at most 15 min" in page
    assert run(drawn(supported, "--json")) == 1
    assert {one["id"] for one in json.loads(capsys.readouterr().out)["tickets"]} == {"quick", "slower"}


def test_a_support_promise_is_explained_by_its_name_on_every_ticket(
    supported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drawn(supported, "support.restoration")) == 1
    page = capsys.readouterr().out

    assert re.findall(r"^Ticket (\S+)", page, re.MULTILINE) == ["T2", "T1"]
    assert "support.response," not in page


def test_what_support_took_is_told_so_that_it_can_be_added_up(
    supported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From complete to solved less the waiting; from opened to the first answer."""
    assert run(drawn(supported, "T2")) == 1
    page = " ".join(capsys.readouterr().out.split())

    response, restoration = page.split("support.response, SLA9 (GTI): ")[1].split("support.restoration, ")
    assert response.startswith("OPEN limit 15 min counted from opened to the first answer, or so far")
    assert re.search(r"took 16 min \S+ \S+ to \S+, 16 min", response)
    assert "from complete to solved, or so far; less what waited for us" in restoration
    assert re.search(r"took 2 h 59 min .*?, 59 min .*?, 2 h waited 1 h", restoration)
    assert "completed-later: it was complete only after its opening" in response


def test_a_ticket_is_told_with_the_lines_of_what_declares_it_and_what_that_corrects(
    supported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(drawn(supported, "T2"))
    page = " ".join(capsys.readouterr().out.split())

    assert re.search(
        r"declared slower by ab \(line \S+:20 = \S+:21\) corrects slow by ab \(line \S+:19 =", page
    )


def test_what_nobody_knows_may_be_close_to_a_support_promise(
    supported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drawn(supported, "support.respons")) == 2
    assert "did you mean support.response" in capsys.readouterr().err


def test_the_flags_of_a_durability_are_told_with_what_they_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one object that was lost, and one that nobody saw written; a promise missed is exit status 1."""
    (start, plan, *clock), facts = day([]), {"object": "canary-1", "did": "read"}
    assert isinstance(plan, Plan)
    api, storage = plan.services
    kept = msgspec.structs.replace(storage, commitments=("object-storage.durability",))
    gone: dict[str, Any] = {"outcome": Outcome.FAILED, "reason": Reason.CONTENT}
    lines = [
        start,
        msgspec.structs.replace(plan, services=(api, kept)),
        *clock,
        sample("get", BEGAN, facts=facts),
        sample("get", BEGAN + 10 * SECOND, facts=facts, **gone),
        sample("get", BEGAN + 20 * SECOND, facts={**facts, "object": "canary-2"}, **gone),
    ]
    asyncio.run(write(tmp_path / "objects", numbered(lines)))

    assert run(drawn(tmp_path / "objects", "object-storage.durability")) == 1
    page = " ".join(capsys.readouterr().out.split())
    assert "lost: canary-1" in page
    assert "never-written: canary-2: it was missed, and nothing tells that it was ever there" in page
    assert "unwitnessed: a vantage point without control probes" in page
    assert "not-all-zones: no declaration shows" in page
