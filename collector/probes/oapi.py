"""The OUTSCALE API: one small read, anonymous or signed, judged by what the provider's codes mean."""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collector.core.record import Outcome, Reason
from collector.host.network import CONNECTION_FACTS, PHASES, Request, web_address
from collector.probe import KEYS, Observation, ProbeContext, ProbeSpec, answered
from collector.wire.sigv4 import OSC4, Signer


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which call. A signed one needs the region, and the credentials `access_key` and `secret_key`."""

    call: str = "ReadRegions"
    signed: bool = False
    region: str = ""
    body: str = "{}"
    ca: str = ""
    """File of the authorities to trust, instead of the system's."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"Read[A-Za-z]+", self.call):
            raise ValueError(f'call: expected a read, like "ReadRegions", got "{self.call}"')
        if self.signed and not self.region:
            raise ValueError("region: expected the region that a signed call is for, got nothing")


class Said(msgspec.Struct, frozen=True):
    """What an answer's body says, whichever of the API's shapes it has."""

    code: str = ""
    request_id: str = ""
    is_object: bool = False


def parse(body: bytes) -> Said:
    """JSON of the API, RFC 9457, `__type`, or the XML of the older services; anything else says nothing."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Said(code=_tag(body, b"Code"), request_id=_tag(body, b"RequestI[dD]"))
    if not isinstance(said, dict):
        return Said()
    errors = said.get("Errors")
    error = errors[0] if isinstance(errors, list) and errors else None
    context = said.get("ResponseContext")
    return Said(
        code=_text(error, "Code") or _text(said, "__type") or _text(said, "type"),
        request_id=_text(context, "RequestId"),
        is_object=True,
    )


def _tag(body: bytes, name: bytes) -> str:
    found = re.search(rb"<%b>\s*([\x21-\x3b\x3d-\x7e]{1,128})\s*</" % name, body[:8192])
    return found[1].decode() if found else ""


def _text(of: Any, key: str) -> str:
    """A code or an id; codes come as text or as a number."""
    value = of.get(key) if isinstance(of, dict) else None
    return str(value)[:128] if isinstance(value, str | int) else ""


def verdict(status: int, said: Said) -> tuple[Outcome, Reason]:
    """Whether the service is up, as the provider's documentation of its codes has it.

    Refusals for rate, credentials or form are ours; only what the service does by itself can be its failure.
    """
    match status, said.code:
        case 200, "" if said.is_object and said.request_id:
            return Outcome.OK, Reason.NONE
        case 200, _:
            return Outcome.FAILED, Reason.CONTENT if said.is_object else Reason.PROTOCOL
        case 503, "6":
            return Outcome.THROTTLED, Reason.RATE_PLATFORM
        case 429, "25":
            return Outcome.THROTTLED, Reason.RATE_CALL
        case 429, _:
            return Outcome.THROTTLED, Reason.RATE_ACCOUNT
        case 400, "4120":
            # Also the answer to an unknown key or a wrong region: never downtime, a reason to slow down.
            return Outcome.THROTTLED, Reason.RATE_UNSAID
        case ((401 | 403), _):
            return Outcome.BLIND, Reason.CREDENTIALS
        case _ if 400 <= status < 500:
            return Outcome.BLIND, Reason.REQUEST
        case _ if 300 <= status < 400:
            return Outcome.FAILED, Reason.REDIRECT
        case _:
            return Outcome.FAILED, Reason.STATUS


async def _run(target: str, params: msgspec.Struct, context: ProbeContext) -> Observation:
    assert isinstance(params, Params)
    path = f"/api/v1/{params.call}"
    headers = {"Content-Type": "application/json; charset=utf-8"}
    body = params.body.encode()
    if params.signed:
        keys = context.credentials
        if not (keys.get("access_key") and keys.get("secret_key")):
            return Observation(outcome=Outcome.BLIND, reason=Reason.CREDENTIALS)
        signer = Signer(
            brand=OSC4,
            region=params.region,
            service="api",
            access_key=keys["access_key"],
            secret_key=keys["secret_key"],
        )
        headers["Host"] = urlsplit(target).netloc
        headers = signer.headers("POST", path, headers, body, context.wall())
    # By a name that no other request has, the provider's log is asked for this one, should no answer come.
    headers["User-Agent"] = agent = f"constat/{context.unique}"
    context.phases.facts["user_agent"] = agent
    request = Request(method="POST", url=target.rstrip("/") + path, headers=headers, body=body, ca=params.ca)
    answer = await context.network.http(request, context.phases)
    said = parse(answer.body)
    facts: dict[str, int | str] = {"status": answer.status}
    for name, value in (
        ("code", said.code),
        ("request_id", said.request_id or answer.headers.get("x-amz-requestid", "")),
        ("date", answer.headers.get("Date", "")),
        ("server", answer.headers.get("Server", "")),
    ):
        if value:
            facts[name] = value[:128]
    if "request_id" in facts:
        del context.phases.facts["user_agent"]
    return answered(context.phases, *verdict(answer.status, said), facts, answer.body)


SPEC = ProbeSpec(
    kind="oapi",
    target="https://host[:port]",
    fits=web_address,
    params=Params,
    run=_run,
    facts={
        **CONNECTION_FACTS,
        "status": "HTTP status",
        "code": "the API's own error code",
        "request_id": "the API's id of this request, by which the provider's logs can be searched",
        "user_agent": "where no id came back: the User-Agent, its own alone, by which those logs know it",
        "date": "the Date header, the provider's own clock",
        "server": "the Server header",
    },
    phases=PHASES,
    needs=KEYS,
    provider_api=True,
)
