"""Claims, deadlines and what readings are worth, as an SRE and whoever writes the claim see them."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from collector.core.account import draw, settle
from collector.core.record import Declaration
from collector.core.timeline import HOUR, MINUTE, Instant
from exporters import query
from exporters.__main__ import _status as run
from exporters.commands import amounts
from tests.exporters.claimed import (
    AS_OF,
    BEGAN,
    CREDIT,
    FORGOTTEN,
    INVOICES,
    NOTICE,
    RESERVED,
    SENT,
    TICKET,
    TOLD,
    declared,
    invoice,
    journal,
    paris,
)
from tests.exporters.journals import CALENDAR, CONTRACT, CONTRACT_FILE

CLAIM = f"load-balancer.availability/balancer/sliding@{RESERVED + MINUTE}"
RICH = invoice("2026-11", 1_000_000, INVOICES[-1].at)
"""An invoice under which no cap is reached."""

Asked = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(journal(tmp_path_factory.mktemp("claimed") / "state"))


def written(tmp_path: Path, told: Sequence[Declaration] = TOLD, names: Sequence[str] = ("balancer",)) -> Path:
    return asyncio.run(journal(tmp_path / "state", told, names))


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Asked:
    """Run a command; its exit status and what it printed, each run of blanks as one."""

    def asked(command: str, state: Path, *more: str, at: Instant = AS_OF) -> tuple[int, str]:
        arguments = [command, "--journal", str(state), "--at", str(at)]
        if "--contract" not in more:
            arguments += ["--contract", str(CONTRACT_FILE)]
        status = run([*arguments, *more])
        return status, " ".join(capsys.readouterr().out.split())

    return asked


def in_json(ask: Asked, command: str, state: Path, *more: str, at: Instant = AS_OF) -> Any:
    return json.loads(ask(command, state, *more, "--json", at=at)[1])


# ------------------------------------------------------------------------------------------- constat account


def test_an_account_shows_what_may_be_claimed_with_both_lines_of_the_cap(state: Path, ask: Asked) -> None:
    """(99.8 % - 21451/21600) x 10 x 10 000 EUR, and 30 % of an invoice of 1 000 EUR."""
    _, screen = ask("account", state)

    assert (
        "Claims: balancer load-balancer.availability due "
        "sliding window from 2026-10-31 00:00:00+01:00 to 2026-11-30 00:00:00+01:00 "
        "counted 4 h 58 min, attained 99.31018… %, target 99.8 % "
        "489.81 EUR by formula (Annex B), 300.00 EUR after clause 8, credit 300.00 EUR "
        "claim by the end of 2026-12-04 (2026-12-05 00:00:00+01:00), "
        "at the latest the end of 2026-12-07 (2026-12-08 00:00:00+01:00) "
        "missing: a second vantage point, an evidence bundle "
        "Account acme, 1 claim due: 489.81 EUR by formula (Annex B), 300.00 EUR after clause 8, "
        "credit 300.00 EUR" in screen
    )


def test_a_credit_is_no_guess_before_the_months_are_invoiced(tmp_path: Path, ask: Asked) -> None:
    some = written(tmp_path, [d for d in TOLD if d.id != "invoice-2026-11"])
    _, screen = ask("account", some)

    assert "489.81 EUR by formula (Annex B), credit unknown until invoiced: 2026-11 " in screen
    assert "after clause 8" not in screen
    assert screen.count("credit unknown until invoiced: 2026-11") == 2


def test_a_claim_without_a_base_is_told_as_a_share_of_it(tmp_path: Path, ask: Asked) -> None:
    some = written(tmp_path, [NOTICE, TICKET])
    _, screen = ask("account", some)

    assert "4.89814… % of the base, credit unknown until invoiced: 2026-10" in screen


def test_what_blocks_a_claim_is_named_and_nothing_is_due(tmp_path: Path, ask: Asked) -> None:
    late = declared("arrears-1", "arrears", BEGAN, account="acme", spans=((BEGAN, BEGAN + HOUR),))
    some = written(tmp_path, [*TOLD, late])
    _, screen = ask("account", some)

    assert "load-balancer.availability blocked: arrears" in screen
    assert "claim due" not in screen
    _, page = ask("claim", some, CLAIM)
    assert "This cannot be claimed. arrears: the account was in arrears" in page
    assert "no arrears: missing" in page


def test_what_nobody_claimed_in_time_is_counted_and_listed_elsewhere(state: Path, ask: Asked) -> None:
    late = paris("12-05 09:00")
    _, screen = ask("account", state, at=late)

    assert "not claimed in time; `constat claim` lists all." in screen
    assert "Claims:" not in screen
    _, listed = ask("claim", state, at=late)
    assert "balancer load-balancer.availability late load-balancer.availability/balancer/sliding@" in listed
    _, page = ask("claim", state, CLAIM, at=late)
    assert "Nobody claimed this in time" in page


def test_an_account_without_claims_says_nothing_of_them(tmp_path: Path, ask: Asked) -> None:
    _, screen = ask("account", written(tmp_path, []))

    assert "laim" not in screen
    assert "readings" not in screen


@pytest.mark.parametrize("width", [80, 120])
def test_a_claim_loses_no_word_on_a_narrow_screen(state: Path, width: int) -> None:
    found = query.replayed([state], CONTRACT, AS_OF)
    account = draw(found.evidence(), CONTRACT, CALENDAR, as_of=AS_OF)
    settled = settle(account)
    narrow, wide = (
        Console(width=columns, force_terminal=True, no_color=True, highlight=False)
        for columns in (width, 1000)
    )
    texts = []
    for console in (narrow, wide):
        with console.capture() as capture:
            for part in amounts.claimed(account, settled, UTC):
                console.print(part)
        texts.append(re.sub(r"\x1b\[\d*m", "", capture.get()))

    assert max(map(len, texts[0].splitlines())) <= width
    assert texts[0].split() == texts[1].split()


# ------------------------------------------------------------------------------- what the readings are worth


def test_each_reading_that_moves_something_is_told_with_its_clause_and_its_price(
    tmp_path: Path, ask: Asked
) -> None:
    """The ticket came a minute after the first failure: 59.98 s more without it, of 30 days."""
    some = written(tmp_path, [RICH if d.id == RICH.id else d for d in TOLD])
    _, screen = ask("account", some)

    worth = screen[screen.index("What the readings are worth, each moved alone: ") :]
    assert worth.startswith("What the readings are worth, each moved alone: all safe: 489.81 EUR")
    assert (
        "ticket = support-only (SLA9): only the support commitments need a ticket 489.81 EUR → 492.12 EUR"
        in worth
    )
    assert "platform-throttle" not in worth
    assert re.search(r"all arguable: 4\d\d\.\d\d EUR", worth)
    _, moved = ask("account", some, "--reading", "ticket=support-only")
    assert "as drawn here: 492.12 EUR" in moved
    assert (
        "ticket = always (SLA9): no downtime counts before a complete ticket was opened 492.12 EUR → 489.81"
    )
    assert "492.12 EUR → 489.81 EUR" in moved


def test_a_reading_that_moves_a_figure_and_no_money_names_the_figure(tmp_path: Path, ask: Asked) -> None:
    """Announced to end after an hour, it ran on: until it ends, or as announced."""
    work = declared(
        "work", "planned-maintenance", BEGAN, spans=((RESERVED, RESERVED + HOUR),), scope=("balancer",),
        standing="accepted", sent=paris("11-20 09:00"), received=paris("11-20 09:00"),
    )  # fmt: skip
    _, screen = ask("account", written(tmp_path, [work]))

    assert (
        "overrun = as-announced (clause 11): only what was announced is excluded "
        "load-balancer.availability of balancer, trailing: OPEN → MISSED" in screen
    )


# ----------------------------------------------------------------------------------------- constat deadlines


def test_what_is_to_be_done_is_told_the_most_urgent_first(state: Path, ask: Asked) -> None:
    status, screen = ask("deadlines", state)

    assert status == 0
    heads = [
        "Reserve the outage of balancer 1 d 11 h 4 min left",
        "Claim load-balancer.availability of balancer 2 d 15 h left",
        "Use the credit credit-3 29 d left",
        "Contest the invoice of 2026-11, account acme 29 d 15 h left",
    ]
    places = [screen.index(head) for head in heads]
    assert places == sorted(places)
    assert "by the end of 2026-12-04 (2026-12-05 00:00:00+01:00), clause 11" in screen
    assert f"claim {CLAIM} credit 300.00 EUR" in screen
    assert "credit 120.00 EUR, account acme" in screen
    assert "claimed R-7 (50.00 EUR)" in screen


def test_how_to_do_it_is_told_once_with_the_term_and_both_readings_of_it(state: Path, ask: Asked) -> None:
    _, screen = ask("deadlines", state)

    how = screen[screen.index(" How ") :]
    assert "reserve Write to 3DS OUTSCALE that the service was not available, with the date" in how
    assert "The term is that of clause 9.3, 48 hours. To be safe, each instant has its own 48 hours" in how
    assert "it may be argued that the 48 hours start when the outage ends." in how
    assert "The term is that of clause 11, 5 clear days." in how
    assert how.count("The term is that of") == 4


def test_a_notice_that_is_due_shows_the_spans_to_be_documented(state: Path, ask: Asked) -> None:
    _, screen = ask("deadlines", state)

    assert "certain 2026-12-01 20:05:00.020000+01:00 to 21:04:00, 58 min 59.98 s" in screen
    assert "possible 2026-12-01 20:04:00+01:00 to 21:05:00.020000, 1 h 1 min 0.02 s" in screen
    found = in_json(ask, "deadlines", state)
    (outage,) = found["outages"]
    assert outage["certain"] == [[FORGOTTEN + 20_000, FORGOTTEN + 59 * MINUTE]]
    assert outage["possible"] == [[FORGOTTEN - MINUTE, FORGOTTEN + HOUR + 20_000]]
    assert found["reservations"][0]["open"] == outage["possible"]


def test_what_is_lost_already_is_a_finding_while_the_rest_can_be_saved(state: Path, ask: Asked) -> None:
    """48 hours after its first minutes, and not yet after its last ones."""
    half = FORGOTTEN + 48 * HOUR + 30 * MINUTE
    status, screen = ask("deadlines", state, at=half)

    assert status == 1
    assert "31 min lost, more by the minute" in screen
    assert in_json(ask, "deadlines", state, at=half)["deadlines"][0]["overdue"] is True
    # Once all of it is gone, nothing can be done about it any more.
    status, screen = ask("deadlines", state, at=half + HOUR)
    assert status == 0
    assert "Reserve" not in screen


def test_an_outage_that_goes_on_is_reserved_so_far(state: Path, ask: Asked) -> None:
    status, screen = ask("deadlines", state, at=FORGOTTEN + 30 * MINUTE)

    assert status == 0
    assert "at the latest cannot be told while the outage goes on" in screen
    assert "it goes on: a second notice is needed once it has ended" in screen


def test_what_a_notice_has_reserved_is_not_asked_for_again(tmp_path: Path, ask: Asked) -> None:
    half = FORGOTTEN + 20 * MINUTE
    early, whole = (
        msgspec.structs.replace(
            NOTICE, id=id, number=id, at=at, sent=at, received=at, possible=((FORGOTTEN - HOUR, until),)
        )
        for id, at, until in (("n-2", half, half), ("n-3", AS_OF - HOUR, AS_OF - HOUR))
    )
    part, all_of = (
        written(tmp_path / "part", [*TOLD, early]),
        written(tmp_path / "all", [*TOLD, early, whole]),
    )
    _, screen = ask("deadlines", part)

    assert "reserved 21 min of it, by n-2" in screen
    assert "Reserve" not in ask("deadlines", all_of)[1]


def test_that_no_ticket_tells_of_an_outage_stands_beside_its_notice_while_there_is_time(
    tmp_path: Path, ask: Asked
) -> None:
    state, why = written(tmp_path), "what comes before a complete ticket does not count (SLA9)"
    _, over = ask("deadlines", state)
    _, open_ = ask("deadlines", state, at=FORGOTTEN + 30 * MINUTE)
    _, argued = ask("deadlines", state, "--reading", "ticket=support-only")

    assert f"ticket none while it went on: {why}" in over
    assert f"ticket none yet: {why}" in open_
    assert "ticket none" not in argued


def test_what_is_reserved_and_missed_but_told_of_by_no_ticket_is_not_hidden(
    tmp_path: Path, ask: Asked
) -> None:
    """D4, C5: it names why it is in no claim, once, whatever windows show it."""
    state = written(tmp_path, [one for one in TOLD if one.kind != "ticket"])
    _, screen = ask("claim", state)
    _, argued = ask("claim", state, "--reading", "ticket=support-only")

    assert screen.count("no complete ticket had told of it yet (SLA9): 4 h 58 min 59.98 s") == 1
    assert "Missed on what is reserved, and in no claim:" in screen
    assert "no complete ticket" not in argued


def test_where_there_is_nothing_to_do_it_says_so(tmp_path: Path, ask: Asked) -> None:
    status, screen = ask("deadlines", written(tmp_path, []), at=BEGAN + MINUTE)

    assert (status, screen.endswith("There is nothing to do.")) == (0, True)


def test_deadlines_for_programs_have_what_each_is_about(state: Path, ask: Asked) -> None:
    found = in_json(ask, "deadlines", state)

    assert [(one["task"], one["clause"]) for one in found["deadlines"]] == [
        ("reserve", "9.3"), ("claim", "11"), ("use-credit", "11"), ("contest", "15"),
    ]  # fmt: skip
    assert all(one["left"] == one["safe"] - AS_OF and not one["overdue"] for one in found["deadlines"])
    assert [one["id"] for one in found["claims"]] == [CLAIM]


# --------------------------------------------------------------------------------------------- constat claim


def test_claims_are_listed_with_their_ids_and_those_on_record(state: Path, ask: Asked) -> None:
    status, screen = ask("claim", state)

    assert status == 0
    assert f"load-balancer.availability due {CLAIM} sliding window" in screen
    assert "On record: claim account commitment services amount state credit" in screen
    assert "R-7 acme compute.zone other 50.00 EUR sent" in screen
    (record,) = in_json(ask, "claim", state)["on_record"]
    assert (record["number"], record["credit"]) == ("R-7", None)


def test_a_claim_that_was_credited_names_the_credit(tmp_path: Path, ask: Asked) -> None:
    paid = msgspec.structs.replace(CREDIT, id="credit-7", claim="R-7", amount_cents=4_000)
    (record,) = in_json(ask, "claim", written(tmp_path, [SENT, paid]))["on_record"]

    assert record["credit"] == "credit-7"


def test_a_credit_to_another_account_is_not_named_as_its_own(tmp_path: Path, ask: Asked) -> None:
    theirs = msgspec.structs.replace(CREDIT, id="credit-7", claim="R-7", account="other")
    (record,) = in_json(ask, "claim", written(tmp_path, [SENT, theirs]))["on_record"]

    assert record["credit"] is None


def test_a_claim_in_full_can_be_calculated_again(state: Path, ask: Asked) -> None:
    status, page = ask("claim", state, CLAIM)

    assert status == 0
    assert (
        "kept (2 592 000 000 000 - 17 880 000 000) / 2 592 000 000 000 = 21 451/21 600 = 99.31018… %" in page
    )
    assert "Shortfall: 499/500 - 21 451/21 600 = 529/108 000" in page
    assert "Of the base: 529/108 000 × 10 = 529/10 800" in page
    assert "the last 12 monthly invoices; there are no older ones" in page
    assert "2026-09 (invoice-2026-09) 10 000.00 EUR + 2026-10 (invoice-2026-10) 10 000.00 EUR" in page
    assert "529/10 800 × 10 000.00 EUR = 489.81 EUR by formula, exactly 1 322 500/27 cents" in page
    assert (
        "30 % of 1 000.00 EUR invoiced 300.00 EUR - credited for it, or asked for, already 0.00 EUR" in page
    )
    assert "this one for 489.81 EUR: its share of what is left is 300.00 EUR." in page
    assert "100 % of the base 10 000.00 EUR - credited for it, or asked for, already 170.00 EUR" in page
    assert "Credit: 300.00 EUR" in page


def test_a_claim_in_full_names_what_it_rests_on_lacks_and_waives(state: Path, ask: Asked) -> None:
    _, page = ask("claim", state, CLAIM)

    assert "notice-1: number N-1, delivered, sent 2026-11-29 16:05:00+01:00, received" in page
    assert "ticket-1: number T-1, opened 2026-11-29 10:06:00+01:00, complete" in page
    assert "a second vantage point: missing an evidence bundle: missing" in page
    assert "Clause 8: penalties settle the incidents they are about for good." in page
    assert (
        "Clause 13.1, instead of penalties and for a damage that the customer proves: up to 2 monthly "
        "billings of the service, 3 where the failure lasted more than 15 days. Named here, not computed."
        in page
    )
    found = in_json(ask, "claim", state, CLAIM)["claims"]
    assert [one["liability"]["billings"] for one in found] == [2]


def test_claims_share_what_a_cap_leaves(tmp_path: Path, ask: Asked) -> None:
    """Two load balancers, both down, each with a penalty of its own as it may be argued."""
    some = written(tmp_path, names=("balancer", "front"))
    each = ["--reading", "penalty-unit=resource"]
    _, listed = ask("claim", some, *each)
    _, page = ask("claim", some, CLAIM, *each)

    assert "2 claims due: 979.62 EUR by formula (Annex B), 300.00 EUR after clause 8" in listed
    assert "All of them ask for 979.62 EUR, this one for 489.81 EUR" in page
    assert "its share of what is left is 150.00 EUR." in page
    assert "readings all safe but penalty-unit = resource" in page


def test_what_was_credited_this_year_leaves_less_of_the_base(tmp_path: Path, ask: Asked) -> None:
    spent = msgspec.structs.replace(CREDIT, amount_cents=990_000)
    some = written(tmp_path, [spent if d is CREDIT else d for d in TOLD])

    sliding = ["--reading", "window=sliding"]
    _, together = ask("claim", some, CLAIM, *sliding)
    assert "its share of what is left is 50.00 EUR. Credit: 50.00 EUR" in together
    _, alone = ask("claim", some, CLAIM, *sliding, "--reading", "cap-period=claim")
    assert "100 % of the base: 10 000.00 EUR Credit: 300.00 EUR" in alone


def test_a_contract_with_steps_has_them_written_out(tmp_path: Path, state: Path, ask: Asked) -> None:
    steps = 'tiers = [{ below = "99.9 %", credit = "10 %" }, { below = "99 %", credit = "25 %" }]'
    text = CONTRACT_FILE.read_text().replace(
        'formula = "shortfall"\nfactor = "10"', f'formula = "tiers"\n{steps}'
    )
    text = text.replace("base_months = 12", "base_months = 0")
    text = re.sub(r"cap_of_invoice.*\n", "", text)
    text = re.sub(r"\[liability\]\n(.+\n)+", "", re.sub(r"final_clause.*\n", "", text))
    other = tmp_path / "other.toml"
    other.write_text(text)
    _, listed = ask("claim", state, "--contract", str(other))
    (id,) = re.findall(r"load-balancer.availability/balancer/\S+", listed)
    _, page = ask("claim", state, id, "--contract", str(other))

    assert "below 99.9 %: 10 % of the base not below 99 %: 25 % of the base" in page
    assert "The last step that it is below counts: 1/10" in page
    assert "after clause" not in page
    assert "What it waives" not in page


def test_a_claim_that_nobody_knows_is_refused_with_those_there_are(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["claim", "load-balancer.availability", "--journal", str(state), "--at", str(AS_OF)]

    assert run(command) == 2
    assert f"did you mean {CLAIM}?" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["deadlines", "claim", "account"])
def test_damage_is_named_and_is_a_finding(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = written(tmp_path)
    file = min((broken / "journal").glob("*/*.jsonl"))
    file.write_bytes(file.read_bytes().replace(b'"value":20000', b'"value":20001', 1))

    arguments = ["--journal", str(broken), "--contract", str(CONTRACT_FILE), "--at", str(AS_OF)]

    assert run([command, *arguments]) == 1
    assert f"damaged: {file}:" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("deadlines",), ("claim",), ("claim", CLAIM)])
def test_what_is_piped_is_plain_and_json_is_one_document(
    arguments: Sequence[str], state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*arguments, "--journal", str(state), "--at", str(AS_OF)]
    run(command)
    text, noise = capsys.readouterr()
    run([*command, "--json"])

    assert json.loads(capsys.readouterr().out)["as_of"] == AS_OF
    assert "\x1b" not in text
    assert noise == ""
