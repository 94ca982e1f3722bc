"""A load balancer, asked together with the backends behind it: who cannot answer, it or they?

Rule V4: what fails through the balancer is its failure only if a backend answers when it is asked directly
at the same moment; else the sample is blind. Its own status codes are documented nowhere: they say nothing.
"""

import asyncio

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import (
    CONNECTION_FACTS,
    PHASES,
    Answer,
    NetworkFault,
    Phases,
    Request,
    web_address,
)
from collector.probe import Observation, ProbeContext, ProbeSpec, answered

_BLIND = Observation(outcome=Outcome.BLIND, reason=Reason.BACKEND)


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the backends are, and how an answer shows that it came from one."""

    backends: tuple[str, ...]
    """URLs that lead straight to backends."""
    mark: str = ""
    """Header that backends put into every answer: one with it proves the balancer, whatever its status."""
    status: int = 200
    """Without a mark, what backends answer."""
    ca: str = ""
    """File of the authorities to trust, instead of the system's."""

    def __post_init__(self) -> None:
        if not self.backends:
            raise ValueError("backends: expected at least one URL that leads straight to a backend, got none")
        for url in self.backends:
            try:
                web_address(url)
            except ValueError as error:
                raise ValueError(f"backends: {error}") from None
        if not 100 <= self.status <= 599:
            raise ValueError(f"status: expected an HTTP status, got {self.status}")

    def came_from_backend(self, answer: Answer) -> bool:
        """Whether this is a backend's own answer."""
        return self.mark in answer.headers if self.mark else answer.status == self.status


class _Backends:
    """The direct questions under way."""

    def __init__(self, params: Params, context: ProbeContext) -> None:
        self._params = params
        self._context = context
        self.answered = 0
        # Until one answers, running out of time says nothing about the balancer.
        context.late.observation = _BLIND
        self._asking = [asyncio.create_task(self._ask(url)) for url in params.backends]

    async def any_answered(self) -> bool:
        """Wait for the first good answer, or for the last that is none."""
        for asking in asyncio.as_completed(self._asking):
            if await asking:
                return True
        return False

    async def close(self) -> None:
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _ask(self, url: str) -> bool:
        try:
            answer = await self._context.network.http(_request(url, self._params), Phases())
        except NetworkFault:
            return False
        if not self._params.came_from_backend(answer):
            return False
        self.answered += 1
        self._context.late.observation = None
        return True


def _request(url: str, params: Params) -> Request:
    return Request(method="GET", url=url, ca=params.ca)


async def _through(target: str, params: Params, context: ProbeContext) -> Observation:
    """What the answer through the balancer comes to by itself."""
    phases = context.phases
    try:
        answer = await context.network.http(_request(target, params), phases)
    except NetworkFault as fault:
        return Observation(outcome=fault.outcome, reason=fault.reason, phases=fault.phases, facts=fault.facts)
    facts: dict[str, int | str] = {"status": answer.status}
    if backend := answer.headers.get(params.mark) if params.mark else None:
        facts["backend"] = backend[:128]
    if params.came_from_backend(answer):
        return answered(phases, Outcome.OK, facts=facts)
    reason = Reason.CONTENT if params.mark and answer.status == params.status else Reason.STATUS
    return answered(phases, Outcome.FAILED, reason, facts, answer.body)


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    backends = _Backends(params, context)
    try:
        through = await _through(target, params, context)
        if through.outcome is not Outcome.FAILED:
            return through
        alive = await backends.any_answered()
    finally:
        await backends.close()
    return Observation(
        outcome=through.outcome if alive else Outcome.BLIND,
        reason=through.reason if alive else Reason.BACKEND,
        value=through.value,
        phases=through.phases,
        facts={**through.facts, "answered": backends.answered},
        body=through.body,
    )


SPEC = ProbeSpec(
    kind="lb",
    target="https://host[:port]/path, through the balancer",
    fits=web_address,
    params=Params,
    run=_run,
    facts={
        **CONNECTION_FACTS,
        "status": "HTTP status of the answer through the balancer",
        "backend": "the mark that a backend put into it",
        "answered": "backends that had answered when asked directly, when the balancer failed",
    },
    phases=PHASES,
)
