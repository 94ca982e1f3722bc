"""Time-stamp authorities: whom to ask, how, and what of their answers is believed."""

import asyncio
import base64
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from collector.core.timeline import MINUTE, Duration
from collector.host.fetch import fetch
from collector.host.openssl import verify_stamp
from collector.journal import timestamp
from collector.journal.timestamp import NONCE_BITS, QUERY_TYPE, StampError, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A time-stamp authority (RFC 3161), as the settings or a state directory name it."""

    name: str
    url: str
    ca: Path
    """What its certificates must lead to: the file is trusted, root or issuing authority."""
    chain: Path | None = None
    """Certificates in between, which many authorities do not send along."""
    crl: Path | None = None
    """Lists of revoked certificates, for those who verify later: no list is newer than a stamp just made."""
    policy: str = ""
    """Object identifier of the rules it must stamp by; empty: any."""
    every: Duration = MINUTE
    """It gives one stamp in so long at most."""
    credentials: str = ""
    """Name of the user and password that it wants."""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A question and its answer, checked."""

    tsq: bytes
    tsr: bytes
    token: Token


async def stamp(authority: Authority, data: bytes) -> Stamped:
    """Have `data` stamped now, and the answer judged; ConstatError saying why there is no stamp.

    It takes as long as `fetch` and `verify_stamp` have patience, at most: 15 s.
    """
    nonce = secrets.randbits(NONCE_BITS) | 1 << NONCE_BITS - 1
    query = timestamp.request(sha256(data).digest(), nonce)
    answer = await fetch(
        "POST", authority.url, body=query, headers=_headers(authority), limit=timestamp.LIMIT_BYTES
    )
    if answer.status != 200:
        raise StampError(f"{authority.url}: expected status 200, got {answer.status}")
    try:
        token = await asyncio.to_thread(judged, authority, data, query, answer.body)
    except StampError as error:
        kind = answer.headers.get("content-type", "no content type")[:80]
        raise StampError(f"{authority.url}: {error} ({kind})") from None
    return Stamped(tsq=query, tsr=answer.body, token=token)


def judged(authority: Authority, data: bytes, query: bytes, response: bytes) -> Token:
    """What a response states, if it is this authority's to this question about `data`; else ConstatError."""
    digest, nonce = timestamp.asked(query)
    if digest != sha256(data).digest():
        raise StampError(f"question: expected {sha256(data).hexdigest()}, got {digest.hex()}")
    token = timestamp.checked(response, digest, nonce, authority.policy)
    verify_stamp(data, response, ca=authority.ca, chain=authority.chain, at=token.gen_time)
    return token


def _headers(authority: Authority) -> dict[str, str]:
    headers = {"Content-Type": QUERY_TYPE, "Accept": "application/timestamp-reply"}
    if authority.user:
        known = base64.b64encode(f"{authority.user}:{authority.password}".encode()).decode()
        headers["Authorization"] = f"Basic {known}"
    return headers
