"""`constat declare`: what a person states, checked, handed to the collector, and waited for."""

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import click

from collector.core.record import Standing
from exporters.commands.options import INSTANT

_SPAN: Final = {"type": INSTANT, "nargs": 2, "multiple": True, "metavar": "START END"}
_NAMES: Final = {"multiple": True, "metavar": "NAME"}
_TIME: Final = {"type": INSTANT, "metavar": "INSTANT"}

FIELDS: Final[Mapping[str, tuple[str, Mapping[str, Any], str]]] = {
    "--sent": ("sent", _TIME, "When the document was sent."),
    "--received": ("received", _TIME, "When the document arrived."),
    "--supersedes": ("supersedes", {"metavar": "ID"}, "The declaration that this one corrects."),
    "--span": ("spans", _SPAN, "From when to when; may be given several times."),
    "--scope": ("scope", _NAMES, 'A service, a region, or "*"; may be given several times.'),
    "--standing": ("standing", {"type": click.Choice(get_args(Standing))}, "Whether it is accepted."),
    "--why": ("why", {}, "The reason for that."),
    "--number": ("number", {}, "The number of the ticket, notice or claim."),
    "--severity": ("severity", {"type": int}, "Of the ticket: 1, 2 or 3."),
    "--opened": ("opened", _TIME, "When the ticket was opened."),
    "--complete": ("complete", _TIME, "When the ticket had all required information."),
    "--first-answer": ("first_answer", _TIME, "When support first answered."),
    "--waiting": ("waiting", _SPAN, "While support waited for us."),
    "--solved": ("solved", _TIME, "When the ticket was solved."),
    "--account": ("account", {}, "The provider account."),
    "--month": ("month", {"metavar": "YYYY-MM"}, "The month that is invoiced or credited."),
    "--amount-cents": ("amount_cents", {"type": int}, "Without VAT, in cents."),
    "--issued": ("issued", _TIME, "When the invoice was issued."),
    "--zone": ("zones", _NAMES, "A zone deployed in; may be given several times."),
    "--resource": ("resources", _NAMES, "A resource deployed; may be given several times."),
    "--from": ("from_", _TIME, "Deployed from."),
    "--to": ("to", _TIME, "Deployed to."),
    "--service": ("services", _NAMES, "A service the notice is about; may be given several times."),
    "--certain": ("certain", _SPAN, "Downtime that the notice names as certain."),
    "--possible": ("possible", _SPAN, "Downtime that the notice names as possible."),
    "--ongoing": ("ongoing", {"is_flag": True, "default": None}, "The notice says that it goes on."),
    "--state": ("state", {}, "How far the notice or claim has come."),
    "--message-id": ("message_id", {}, "Of the mail."),
    "--statement": ("statement", {}, "The statement a claim rests on."),
    "--root": ("root", {}, "Of the journal's tree."),
    "--size": ("size", {"type": int}, "Lines under that root."),
    "--claim": ("claim", {}, "The claim that is credited."),
    "--expires": ("expires", _TIME, "When the credit ends."),
    "--text": ("text", {}, "A note's text."),
}
"""Option → the field of the declaration it fills, its form, and its help."""


def _with_fields(command: Callable[..., int]) -> Callable[..., int]:
    for option, (field, form, text) in reversed(list(FIELDS.items())):
        command = click.option(option, field, help=text, **form)(command)
    return command
