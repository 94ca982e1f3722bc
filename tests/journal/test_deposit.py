"""What was deposited is read as it was written, out of whatever prose; what is ambiguous is refused."""

from dataclasses import replace

import pytest

from collector.journal.deposit import Authority, Deposit, parse, written
from tests.journal.test_note import key

HERE = Deposit(
    origin="paris-1-k3v9q2", vantage="paris-1", key=key().vkey, start="a" * 64, plan="b" * 64, plan_line=1,
    contract="outscale-cgv-2019-12", contract_sha256="c" * 64,
    authorities=(Authority(name="one", ca="d" * 64, policy="-"),
                 Authority(name="two", ca="e" * 64, policy="1.2.3.4")),
    cadence=3600, size=72000, root="f" * 64,
)  # fmt: skip
THERE = replace(
    HERE, origin="lyon", key=key("lyon").vkey, authorities=(), size=None, root=None, plan_line=0
)  # fmt: skip


@pytest.mark.parametrize("deposits", [(HERE,), (THERE,), (HERE, THERE), (THERE, HERE)])
def test_what_is_written_is_read_again(deposits: tuple[Deposit, ...]) -> None:
    assert parse(written(deposits)) == deposits


def test_prose_fields_of_later_versions_and_what_mail_does_to_lines_do_not_matter() -> None:
    page = "Dépôt : constat\n\nnote: before any origin\n" + written([HERE]) + "\nfuture: 7\nAu revoir: fin\n"

    assert parse(page) == (HERE,)
    assert parse(page.replace("\n", "\r\n")) == (HERE,)
    assert parse(page.replace("\n", "  \n")) == (HERE,)


@pytest.mark.parametrize("field", ["key", "start", "plan", "plan-line", "contract-sha256", "cadence", "root"])
def test_what_is_left_out_said_twice_or_said_wrongly_is_refused(field: str) -> None:
    lines = written([HERE]).splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}: "))
    without = [other for other in lines if other != line]

    for page in (without, [*lines, line], [*lines, f"{field}: x"], [*without, f"{field}: x"]):
        with pytest.raises(ValueError, match=f"origin paris-1-k3v9q2: {field}: "):
            parse("\n".join(page))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("constat-deposit: 1", "constat-deposit: 2", "expected one line"),
        ("constat-deposit: 1", "", "expected one line"),
        ("constat-deposit: 1", "constat-deposit: 1\nconstat-deposit: 1", "expected one line"),
        ("origin: paris-1-k3v9q2", "", "origin: "),
        ("origin: paris-1-k3v9q2", "origin: paris-2", "expected a key of that name"),
        ("authority: one ", "authority: ", "expected .name sha256 policy."),
        (f"{'e' * 64} 1.2.3.4", f"{'e' * 64}", "expected .name sha256 policy."),
    ],
)
def test_a_page_that_says_nothing_certain_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(written([HERE]).replace(old, new))


def test_an_origin_that_is_deposited_twice_in_one_page_is_refused() -> None:
    page = written([HERE]) + written([replace(HERE, cadence=60)]).partition("\n")[2]

    with pytest.raises(ValueError, match="expected each origin once"):
        parse(page)
