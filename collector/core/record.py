"""The journal's line types, as the public format documents them."""

from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from collector.core.timeline import Duration, Instant

FORMAT = 1
"""Version of the line format, stated in every `start` line."""


class Outcome(StrEnum):
    """What one run of a probe came to (rule S1)."""

    OK = "ok"
    FAILED = "failed"
    THROTTLED = "throttled"
    BLIND = "blind"


class Reason(StrEnum):
    """Why a run was not ok: a closed list, so that it can be counted, compared and argued about.

    `FAILED_REASONS`, `THROTTLED_REASONS` and `BLIND_REASONS` say which outcome each belongs to.
    """

    NONE = ""
    # failed: it can be the service's fault
    REFUSED = "refused"  # the connection was refused
    UNREACHABLE = "unreachable"  # a router answered that the host cannot be reached
    RESET = "reset"  # the connection was cut in the middle
    TIMEOUT = "timeout"  # no complete answer before the probe's timeout
    TLS = "tls"  # the handshake failed
    CERTIFICATE = "certificate"  # the certificate is expired, for another name, or of an unknown authority
    STATUS = "status"  # an HTTP status that is not the right answer
    REDIRECT = "redirect"  # redirected where no redirection belongs, or for ever
    PROTOCOL = "protocol"  # the answer is not of the protocol
    CONTENT = "content"  # well-formed, but not the right content (hash, text, identity)
    OVERSIZE = "oversize"  # more bytes than any right answer has
    RCODE = "rcode"  # a DNS answer with an error code
    ANSWER = "answer"  # a DNS answer without the records asked for
    STRATUM = "stratum"  # an NTP server that says it has no time to give (stratum 0 or 16)
    UNSYNCHRONISED = "unsynchronised"  # an NTP server with leap indicator 3
    # throttled: refused because of rate
    RATE_ACCOUNT = "rate-account"
    RATE_CALL = "rate-call"
    RATE_PLATFORM = "rate-platform"  # refused for the whole platform (reading `platform-throttle`)
    RATE_STORAGE = "rate-storage"
    RATE_UNSAID = "rate-unsaid"  # a refusal that stands for throttling without saying so (400, code 4120)
    # blind: we could not ask
    RESOLVER = "resolver"  # our own resolver gave no address
    ROUTE = "route"  # no route, no address, or no descriptor of our own
    CREDENTIALS = "credentials"  # our keys were rejected, or are not there
    REQUEST = "request"  # the request itself was refused as malformed: our mistake
    LAG = "lag"  # our event loop stood still during the run
    BACKEND = "backend"  # the customer's own backends do not answer either (rule V4)
    CAPACITY = "capacity"  # refused for lack of capacity (rule V5)
    BUG = "bug"  # an exception in our own code


FAILED_REASONS = frozenset(
    {
        Reason.REFUSED, Reason.UNREACHABLE, Reason.RESET, Reason.TIMEOUT, Reason.TLS, Reason.CERTIFICATE,
        Reason.STATUS, Reason.REDIRECT, Reason.PROTOCOL, Reason.CONTENT, Reason.OVERSIZE, Reason.RCODE,
        Reason.ANSWER, Reason.STRATUM, Reason.UNSYNCHRONISED,
    }
)  # fmt: skip
THROTTLED_REASONS = frozenset(
    {Reason.RATE_ACCOUNT, Reason.RATE_CALL, Reason.RATE_PLATFORM, Reason.RATE_STORAGE, Reason.RATE_UNSAID}
)
BLIND_REASONS = frozenset(Reason) - FAILED_REASONS - THROTTLED_REASONS - {Reason.NONE}


class GapReason(StrEnum):
    """Why planned slots had no run."""

    STOPPED = "stopped"  # the collector was not running
    SUSPENDED = "suspended"  # the machine slept
    JOURNAL = "journal"  # the disk could not keep up, or was full
    LAG = "lag"  # the event loop stood still
    BUDGET = "budget"  # the rate budget to the provider, or its throttling, held the run back
    CLOCK = "clock"  # the wall clock was stepped


# ------------------------------------------------------------------------------------------------ the plan


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A provider account: what is invoiced, claimed and credited together."""

    id: str
    region: str
    zones: tuple[str, ...] = ()


class AtLeast(msgspec.Struct, frozen=True):
    """DOWN when at least this many probes are (rule V2)."""

    at_least: int


DownWhen: TypeAlias = Literal["all", "any"] | AtLeast


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What a commitment is about: one account, one region, maybe one zone or resource.

    Every field is written: evidence must not depend on what the usual rule of a later version will be.
    """

    name: str
    account: str
    region: str
    commitments: tuple[str, ...]
    via: Literal["internet", "internal"] = "internet"
    down_when: DownWhen = "all"
    witnesses: int | None = None
    zone: str = ""
    resource: str = ""
    beta: bool = False
    targets: dict[str, str] = {}
    """Derogations: commitment id → target as the special conditions state it, like "99.95 %"."""
    targets_document: str = ""
    equivalents: tuple[str, ...] = ()


class Probe(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question, asked on a grid of slots: `phase + k × interval`, counted from 1970. Durations in µs."""

    name: str
    kind: str
    target: str
    interval: Duration
    burst: Duration
    phase: Duration
    timeout: Duration
    sight: Duration
    persistence: Duration
    service: str = ""
    role: Literal["", "control"] = ""
    params: dict[str, str | int | bool | list[str]] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="plan"):
    """All that accounting needs to know of the configuration; holds from its `at` to the next plan's."""

    seq: int
    at: Instant
    contract: str
    contract_sha256: str
    accounts: tuple[Account, ...]
    services: tuple[Service, ...]
    probes: tuple[Probe, ...]


# ------------------------------------------------------------------------------------------------ other lines


class Start(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="start"):
    """The collector started."""

    seq: int
    at: Instant
    format: int
    origin: str
    vantage: str
    version: str
    python: str
    boot: str
    cut: int
    key: str = ""


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="stop"):
    """The collector stopped in good order."""

    seq: int
    at: Instant


class Clock(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="clock"):
    """How far the wall clock can be trusted; instants are boot time plus `boot_offset` from here on (T4)."""

    seq: int
    at: Instant
    wall: Instant
    boot_offset: Duration
    error: Duration | None
    synced: int
    source: str
    leap: int
    step: Duration


class Host(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="host"):
    """How the measuring machine itself fared in the last minute."""

    seq: int
    at: Instant
    loop_lag_max: Duration
    loop_lag_p99: Duration
    queue: int
    fds: int
    rss: int
    late: int
    route: dict[str, int]


# Not for the collector of garbage: there are millions, and nothing that one holds can refer back to it.
class Sample(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="sample", gc=False):
    """What one run of a probe saw (rule S1).

    `slot` is when the run was due; it covers the first `covers` planned slots at or after `slot` (0 for a run
    of a burst between two slots). `value` is the latency this kind is about, in µs, or null; `error` bounds
    its error.
    """

    seq: int
    at: Instant
    probe: str
    slot: Instant
    covers: int
    sent: Instant
    done: Instant
    outcome: Outcome
    reason: Reason
    value: Duration | None
    error: Duration
    phases: dict[str, Duration]
    facts: dict[str, int | str]


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="gap"):
    """Planned slots of `probes` (names, or "*") in [from_, to) that had no run."""

    seq: int
    at: Instant
    probes: tuple[str, ...]
    from_: Instant = msgspec.field(name="from")
    to: Instant
    reason: GapReason


class Anchor(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="anchor"):
    """A time-stamp authority stamped a checkpoint."""

    seq: int
    at: Instant
    size: int
    root: str
    authority: str
    token: str
    gen_time: Instant
    accuracy: Duration | None


class Rotate(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag="rotate"):
    """The signing key changes; the old key signs the new one."""

    seq: int
    at: Instant
    key: str
    signature: str


DeclarationKind: TypeAlias = Literal[
    "suspension", "planned-maintenance", "emergency-protection", "force-majeure", "customer-fault",
    "countermeasure", "ticket", "invoice", "arrears", "deployment", "notice", "statement", "claim", "credit",
    "note",
]  # fmt: skip

DEDUCTION_KINDS: tuple[str, ...] = (
    "suspension", "planned-maintenance", "emergency-protection", "force-majeure", "customer-fault",
    "countermeasure",
)  # fmt: skip
"""In the order in which the ledger attributes (rule D1)."""

Standing: TypeAlias = Literal["proposed", "accepted", "refused", "disputed"]

DeclaredSpans: TypeAlias = tuple[tuple[Instant, Instant], ...]


class Declaration(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t", tag="declaration"
):
    """What a person or the provider stated. Which fields a kind needs: `collector.core.declaration.NEEDS`."""

    seq: int
    at: Instant
    id: str
    kind: DeclarationKind
    by: str
    document: str | None = None
    sent: Instant | None = None
    received: Instant | None = None
    supersedes: str | None = None
    # deductions, arrears
    spans: DeclaredSpans | None = None
    scope: tuple[str, ...] | None = None
    standing: Standing | None = None
    why: str = ""
    # ticket
    number: str | None = None
    severity: int | None = None
    opened: Instant | None = None
    complete: Instant | None = None
    first_answer: Instant | None = None
    waiting: DeclaredSpans = ()
    solved: Instant | None = None
    # invoice, arrears, credit
    account: str | None = None
    month: str | None = None
    amount_cents: int | None = None
    issued: Instant | None = None
    # deployment
    zones: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    from_: Instant | None = msgspec.field(default=None, name="from")
    to: Instant | None = None
    # notice, statement, claim, credit
    services: tuple[str, ...] | None = None
    certain: DeclaredSpans | None = None
    possible: DeclaredSpans | None = None
    ongoing: bool | None = None
    state: str | None = None
    message_id: str | None = None
    statement: str | None = None
    root: str | None = None
    size: int | None = None
    claim: str | None = None
    commitment: str | None = None
    expires: Instant | None = None
    text: str | None = None


Line: TypeAlias = Start | Plan | Clock | Host | Sample | Gap | Declaration | Anchor | Rotate | Stop

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """`line` as the journal keeps it: compact ASCII JSON, `t` and `seq` first, without the newline."""
    data = _encoder.encode(line)
    return data if data.isascii() else "".join(map(_escaped, data.decode())).encode()


def _escaped(character: str) -> str:
    """A character of JSON text in ASCII; others stand in strings only, where \\uXXXX means the same."""
    if character.isascii():
        return character
    utf16 = character.encode("utf-16-be")
    return "".join(f"\\u{utf16[k : k + 2].hex()}" for k in range(0, len(utf16), 2))


decode = _decoder.decode
"""The line that some bytes (no newline) are; raises `msgspec.ValidationError` or `msgspec.DecodeError`."""
