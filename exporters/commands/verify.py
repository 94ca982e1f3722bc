"""`constat verify`: whether a bundle is what it says it is, step by step, and the deposit says so too."""

from pathlib import Path

import click

from collector.core.timeline import SECOND, duration_of
from collector.errors import UsageError
from exporters.commands import options, printing, tables
from exporters.documents import verification
from exporters.documents.page import Page, Style
from exporters.documents.verification import Report

VERSION = 1
"""Of the form that `--json` prints."""
FINDING = 1

UNBOUND = (
    "Bound by none of it: reports, provider.json, deductions, readings, credit "
    "(`constat account` draws them again)."
)
"""What a forger can still write who lists and stamps all of it anew."""

_STYLES: dict[str, Style] = {"ok": "good", "FAILED": "bad", "not shown": "unsure"}


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--deposit", "deposits", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True,
    help="What `constat genesis` printed beforehand, or a head that was sent out; not out of the bundle.",
)  # fmt: skip
@click.option(
    "--lag", default="2 h", show_default=True, metavar="DURATION",
    help="How long a line may have waited for its time stamp.",
)  # fmt: skip
@options.as_json
def verify(bundle: Path, deposits: tuple[Path, ...], lag: str, as_json: bool) -> int:
    """Check a bundle, a zip or its folder: files, tree, signatures, time stamps, order, gaps and figures.

    Ends with 0 only where every step is ok and a deposit fits: without one, a bundle vouches for itself. The
    `verify.py` in a bundle takes the same steps with nothing but Python and openssl.
    """
    try:
        accepted = duration_of(lag)
    except ValueError as error:
        raise UsageError(f"--lag: {error}") from None
    with tables.steps_taken() as progress:
        report = verification.verify(bundle, deposits, accepted, progress)
    if as_json:
        printing.json(_to_json(bundle, report))
    else:
        printing.page(_page(bundle, report))
    return 0 if report.verified else FINDING


def _to_json(bundle: Path, report: Report) -> dict[str, object]:
    return {
        "version": VERSION,
        "bundle": str(bundle),
        "verified": report.verified,
        "verdict": report.verdict(),
        "lag_s": report.lag // SECOND,
        "steps": [step._asdict() for step in report.steps],
    }


def _page(bundle: Path, report: Report) -> Page:
    page = Page(printing.width())
    page.say(f"{bundle}", 0, "title")
    page.gap()
    for step in report.steps:
        head = f"{step.number:2}. {step.name:11}{step.verdict}: "
        page.say(head + step.found, 0, "" if step.verdict == "ok" else _STYLES[step.verdict], hang=4)
    page.gap()
    page.say(UNBOUND, 0)
    page.say(
        report.verdict(), 0, "good" if report.verified else "bad" if report.numbers("FAILED") else "unsure"
    )
    return page
