"""Each error of the system, and whose fault it may be."""

import errno

import pytest

from collector.core.record import Outcome, Reason
from collector.host.faults import of_os_error

FAILED, BLIND = Outcome.FAILED, Outcome.BLIND


@pytest.mark.parametrize(
    ("number", "outcome", "reason"),
    [
        (errno.ECONNREFUSED, FAILED, Reason.REFUSED),
        (errno.EHOSTUNREACH, FAILED, Reason.UNREACHABLE),
        (errno.ETIMEDOUT, FAILED, Reason.TIMEOUT),
        (errno.ECONNRESET, FAILED, Reason.RESET),
        (errno.EPIPE, FAILED, Reason.RESET),
        (errno.ECONNABORTED, FAILED, Reason.RESET),
        (None, FAILED, Reason.RESET),
        (errno.ENETUNREACH, BLIND, Reason.ROUTE),
        (errno.ENETDOWN, BLIND, Reason.ROUTE),
        (errno.EADDRNOTAVAIL, BLIND, Reason.ROUTE),
        (errno.EMFILE, BLIND, Reason.ROUTE),
        (errno.ENFILE, BLIND, Reason.ROUTE),
        (errno.ENOBUFS, BLIND, Reason.ROUTE),
        (errno.EACCES, BLIND, Reason.ROUTE),
        (errno.EPERM, BLIND, Reason.ROUTE),
    ],
)
def test_only_what_the_other_side_does_can_be_its_failure(
    number: int | None, outcome: Outcome, reason: Reason
) -> None:
    assert of_os_error(OSError(number, "error") if number else OSError("error")) == (outcome, reason)
