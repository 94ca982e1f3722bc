"""The tables [[authority]] of a settings file: who stamps checkpoints, and what its stamps must lead to."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from collector.core.timeline import MINUTE, SECOND, Term
from collector.host.names import endpoint, web_address
from collector.journal.authority import Authority
from collector.settings.listen import is_loopback
from collector.tables import FileName, shown

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_POLICY = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


class AskedAuthority(msgspec.Struct):
    name: str
    url: str
    ca: FileName
    chain: FileName = ""
    crl: FileName = ""
    policy: str = ""
    credentials: str = ""
    every: Term = MINUTE


def authority_of(asked: AskedAuthority, place: str, path: Path, problems: list[str]) -> Authority | None:
    """What a table asks for, its files named from the settings file `path` on; None where it cannot be."""
    found = Authority(
        name=asked.name,
        url=asked.url,
        ca=path.parent / asked.ca,
        chain=path.parent / asked.chain if asked.chain else None,
        crl=path.parent / asked.crl if asked.crl else None,
        policy=asked.policy,
        every=asked.every,
        credentials=asked.credentials,
    )
    wrong = [f"{place}.{problem}" for problem in _odd(asked)]
    problems += wrong
    return None if wrong else found


def _odd(asked: AskedAuthority) -> Iterator[str]:
    if not _NAME.fullmatch(asked.name):
        yield f"name: expected up to 64 of a-z, 0-9 and '-', as in file names, got {shown(asked.name)}"
    try:
        web_address(asked.url)
    except ValueError as error:
        yield f"url: {error}"
    else:
        if asked.credentials and not _private(asked.url):
            yield f'url: expected "https://…", since it is sent a password, got {shown(asked.url)}'
    if asked.policy and not _POLICY.fullmatch(asked.policy):
        yield f'policy: expected an object identifier like "1.2.3.4.1", got {shown(asked.policy)}'
    if asked.every < SECOND:
        yield f'every: expected at least "1 s", got "{asked.every} us"'


def _private(url: str) -> bool:
    """Whether nobody reads along: encrypted, or on this machine."""
    return url.startswith("https://") or is_loopback(endpoint(url, 0)[0])
