"""Who is to blame when nothing comes through a load balancer: it, or what is behind it (rule V4)?"""

from contextlib import AsyncExitStack

import msgspec
import pytest

from collector.core.record import Outcome, Reason
from collector.probes.lb import Params
from tests.conftest import free_port
from tests.probes import scripted
from tests.probes.conftest import Run
from tests.probes.scripted import Handler, response

GOOD = scripted.http(lambda _: response(200, b"hello", X_Backend="one"))
UNAVAILABLE = scripted.http(lambda _: response(503, b"no server is available"))
BARE = scripted.http(lambda _: response(200, b"welcome to the balancer"))
ILL = scripted.http(lambda _: response(500, b"sorry", X_Backend="one"))
GARBLED = scripted.saying(b"\0\1\2\3")


@pytest.mark.parametrize(
    ("balancer", "backends", "mark", "outcome", "reason"),
    [
        (GOOD, [GOOD, GOOD], "", Outcome.OK, Reason.NONE),
        (GOOD, [None, scripted.hanging], "", Outcome.OK, Reason.NONE),
        (UNAVAILABLE, [GOOD, GOOD], "", Outcome.FAILED, Reason.STATUS),
        (UNAVAILABLE, [None, GOOD], "", Outcome.FAILED, Reason.STATUS),
        (UNAVAILABLE, [scripted.hanging, GOOD], "", Outcome.FAILED, Reason.STATUS),
        (UNAVAILABLE, [None, None], "", Outcome.BLIND, Reason.BACKEND),
        (UNAVAILABLE, [UNAVAILABLE, GARBLED], "", Outcome.BLIND, Reason.BACKEND),
        (UNAVAILABLE, [scripted.hanging], "", Outcome.BLIND, Reason.BACKEND),
        (None, [GOOD], "", Outcome.FAILED, Reason.REFUSED),
        (None, [None], "", Outcome.BLIND, Reason.BACKEND),
        (scripted.hanging, [GOOD], "", Outcome.FAILED, Reason.TIMEOUT),
        (scripted.hanging, [None, GOOD], "", Outcome.FAILED, Reason.TIMEOUT),
        (scripted.hanging, [scripted.hanging], "", Outcome.BLIND, Reason.BACKEND),
        (scripted.hanging, [None], "", Outcome.BLIND, Reason.BACKEND),
        (scripted.hanging_up, [GOOD], "", Outcome.FAILED, Reason.RESET),
        (GARBLED, [GOOD], "", Outcome.FAILED, Reason.PROTOCOL),
        # A backend's own mark proves that the balancer did its work, whatever else is wrong.
        (ILL, [ILL], "X-Backend", Outcome.OK, Reason.NONE),
        (ILL, [ILL], "", Outcome.BLIND, Reason.BACKEND),
        (ILL, [GOOD], "", Outcome.FAILED, Reason.STATUS),
        (BARE, [GOOD], "X-Backend", Outcome.FAILED, Reason.CONTENT),
        (BARE, [BARE], "X-Backend", Outcome.BLIND, Reason.BACKEND),
        (UNAVAILABLE, [GOOD], "X-Backend", Outcome.FAILED, Reason.STATUS),
    ],
)
async def test_a_failure_is_the_balancers_only_where_a_backend_answers_directly(
    balancer: Handler | None,
    backends: list[Handler | None],
    mark: str,
    outcome: Outcome,
    reason: Reason,
    run: Run,
) -> None:
    async with AsyncExitStack() as stack:

        async def listening(handler: Handler | None) -> str:
            port = await stack.enter_async_context(scripted.tcp(handler)) if handler else free_port()
            return f"http://127.0.0.1:{port}/"

        through = await listening(balancer)
        direct = [await listening(handler) for handler in backends]
        seen = await run("lb", through, timeout_s=0.3, backends=direct, mark=mark)

    assert (seen.outcome, seen.reason) == (outcome, reason)


async def test_our_own_blindness_is_not_put_on_the_backends(run: Run) -> None:
    seen = await run("lb", "http://two..dots/", backends=[f"http://127.0.0.1:{free_port()}/"])

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.RESOLVER)


async def test_which_backend_answered_is_kept(run: Run) -> None:
    async with scripted.tcp(GOOD) as port:
        url = f"http://127.0.0.1:{port}/"
        seen = await run("lb", url, backends=[url], mark="X-Backend")

    assert seen.facts["backend"] == "one"


def test_a_balancer_without_backends_cannot_be_judged() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"backends": []}, Params)
