"""A web address: one request, whose status, headers and body must be right."""

import hashlib
import re
from typing import Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import CONNECTION_FACTS, PHASES, Answer, Request, web_address
from collector.probe import Observation, ProbeContext, ProbeSpec, answered

REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the right answer looks like."""

    method: Literal["GET", "HEAD"] = "GET"
    status: tuple[str, ...] = ("200",)
    """Right statuses, like "200" or "2xx"."""
    contains: str = ""
    """Text that the body must contain."""
    sha256: str = ""
    """Hash of the whole body, hexadecimal."""
    headers: tuple[str, ...] = ()
    """Headers that must be in the answer, like "X-Backend" or "Content-Type: text/plain"."""
    send: tuple[str, ...] = ()
    """Headers of the request, like "Accept: text/plain"; no secrets."""
    max_bytes: int = 1 << 20
    redirects: int = 0
    """Redirections that are followed."""
    warm: bool = False
    """Over a connection that is already there, if one is."""
    ca: str = ""
    """File of the authorities to trust, instead of the system's."""

    def __post_init__(self) -> None:
        for status in self.status:
            if not re.fullmatch("[1-5]([0-9][0-9]|xx)", status):
                raise ValueError(f'status: expected statuses like "200" or "2xx", got "{status}"')
        if self.sha256 and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f'sha256: expected 64 hexadecimal digits, got "{self.sha256}"')
        for header in self.send:
            if not re.fullmatch(r"[!#-'*+.0-9A-Z^-z|~-]+: ?[^\r\n\0]*", header):
                raise ValueError(f'send: expected headers like "Accept: text/plain", got "{header}"')
        if not 0 <= self.redirects <= 20:
            raise ValueError(f"redirects: expected 0 to 20, got {self.redirects}")
        if self.max_bytes < 0:
            raise ValueError(f"max_bytes: expected a number of bytes, got {self.max_bytes}")


def verdict(answer: Answer, params: Params) -> tuple[Outcome, Reason]:
    """Whether the answer is as it should be; status first, then headers, then body."""
    status = str(answer.status)
    if status not in params.status and f"{status[0]}xx" not in params.status:
        return Outcome.FAILED, Reason.REDIRECT if answer.status in REDIRECTS else Reason.STATUS
    for header in params.headers:
        name, _, wanted = (part.strip() for part in header.partition(":"))
        value = answer.headers.get(name)
        if value is None or (wanted and value.strip() != wanted):
            return Outcome.FAILED, Reason.CONTENT
    if params.contains and params.contains.encode() not in answer.body:
        return Outcome.FAILED, Reason.CONTENT
    if params.sha256 and hashlib.sha256(answer.body).hexdigest() != params.sha256:
        return Outcome.FAILED, Reason.CONTENT
    return Outcome.OK, Reason.NONE


def _next(url: str, answer: Answer) -> str:
    """Where a redirection leads; empty where it leads nowhere that HTTP goes to."""
    location = answer.headers.get("Location", "")
    try:
        led = urljoin(url, location)
        return led if location and urlsplit(led).scheme in ("http", "https") else ""
    except ValueError:
        return ""


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    url = target
    followed = 0
    while True:
        request = Request(
            method=params.method,
            url=url,
            headers=dict(_header(line) for line in params.send),
            limit_bytes=params.max_bytes,
            warm=params.warm,
            ca=params.ca,
        )
        answer = await context.network.http(request, context.phases)
        outcome, reason = verdict(answer, params)
        if reason is not Reason.REDIRECT or followed == params.redirects:
            break
        url = _next(url, answer)
        if not url:
            break
        followed += 1
    facts: dict[str, int | str] = {"status": answer.status, "bytes": len(answer.body)}
    if date := answer.headers.get("Date"):
        facts["date"] = date[:128]
    if followed:
        facts["redirects"] = followed
    if params.warm:
        facts["reused"] = int(answer.reused)
    return answered(context.phases, outcome, reason, facts, answer.body)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


SPEC = ProbeSpec(
    kind="http",
    target="https://host[:port]/path",
    fits=web_address,
    params=Params,
    run=_run,
    facts={
        **CONNECTION_FACTS,
        "status": "HTTP status",
        "bytes": "length of the body",
        "date": "the Date header",
        "redirects": "redirections that were followed",
        "reused": "1 if the answer came over a connection that was there before",
    },
    phases=PHASES,
)
