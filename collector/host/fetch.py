"""Untimed HTTP: a document from a server that is not being measured, within bounds of size and time."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from collector.errors import ConstatError
from collector.host.names import Names

LIMIT_BYTES = 1 << 20
PATIENCE_S = 10.0


class FetchError(ConstatError):
    """A server gave no answer that can be used: none at all, none in time, or too much of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a server answered; whether its status will do is for the caller to say."""

    status: int
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes


async def fetch(
    method: str,
    url: str,
    *,
    body: bytes = b"",
    headers: Mapping[str, str] = MappingProxyType({}),
    limit: int = LIMIT_BYTES,
    patience_s: float = PATIENCE_S,
) -> Fetched:
    """One request, one answer of at most `limit` bytes, all of it within `patience_s`; or FetchError.

    Redirects are not followed: what is pinned by its address must not be led elsewhere.
    """
    patience = aiohttp.ClientTimeout(total=patience_s)
    resolver = _Resolver()
    try:
        async with (
            aiohttp.TCPConnector(resolver=resolver) as connector,
            aiohttp.ClientSession(connector=connector, timeout=patience, auto_decompress=False) as session,
            session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as answer,
        ):
            came = bytearray()
            async for part in answer.content.iter_chunked(1 << 16):
                came += part
                if len(came) > limit:
                    raise FetchError(f"{url}: expected at most {limit} bytes, got more")
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Fetched(status=answer.status, headers=found, body=bytes(came))
    except TimeoutError:
        raise FetchError(f"{url}: expected an answer within {patience_s:g} s, got none") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise FetchError(f"{url}: expected an answer, got: {str(error) or type(error).__name__}") from error
    finally:
        await resolver.close()


class _Resolver(AbstractResolver):
    """Lookups in a thread that nobody waits for: one that hangs holds up neither the others nor an end."""

    def __init__(self) -> None:
        self._names = Names(threads=1)

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        del family  # any will do
        address = await self._names.first(host)
        return [
            ResolveResult(
                hostname=host, host=address.host, port=port, family=address.family, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        self._names.close()
