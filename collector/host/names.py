"""Name lookups by the system's own rules, in threads that a hung resolver cannot make us wait for."""

import asyncio
import ipaddress
import queue
import re
import socket
import threading
from contextlib import suppress
from typing import NamedTuple, TypeAlias

_HOST = re.compile(r"[^\s\0/?#@\[\]]+")

THREADS = 16
"""Lookups at once; when as many hang, the resolver is broken, and those that wait say so by timing out."""


class Address(NamedTuple):
    """Where a name leads."""

    family: int
    host: str


_Waiting: TypeAlias = "tuple[str, asyncio.Future[Address]]"


def literal(host: str) -> Address | None:
    """`host` itself, if it is an address already (with a zone or brackets or not)."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return Address(socket.AF_INET6 if address.version == 6 else socket.AF_INET, host.strip("[]"))


def endpoint(target: str, port: int) -> tuple[str, int]:
    """Host and port of "host[:port]", "[v6]:port", "v6" or a URL; `port` where it says none.

    Raises ValueError where what stands for the host or the port is none.
    """
    # RFC 3986, 3.2: an authority ends at the next "/" or "?"; a query needs no path before it.
    authority = re.split("[/?]", target.partition("://")[2], maxsplit=1)[0] if "://" in target else target
    if authority.startswith("["):
        host, closed, rest = authority[1:].partition("]")
        if not closed or literal(host) is None:  # RFC 3986, 3.2.2: nothing else stands in brackets
            raise ValueError(f'expected a name or an address, got "{authority}"')
        digits = rest[1:] if rest.startswith(":") else rest and f"]{rest}"
    elif authority.count(":") > 1:
        host, digits = authority, ""
    else:
        host, _, digits = authority.partition(":")
    if not _HOST.fullmatch(host):
        raise ValueError(f'expected a name or an address, got "{host}"')
    if digits and not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65_536):
        raise ValueError(f'expected a port between 1 and 65535, got "{digits}"')
    return host, int(digits) if digits else port


def web_address(text: str) -> str:
    """`text`; raises ValueError unless it is a web address: "http(s)://host[:port][/path][?query]"."""
    scheme, _, _ = text.partition("://")
    if scheme not in ("http", "https") or re.search(r"[\s#@\\]", text) or not text.isascii():
        raise ValueError(f'expected "http://…" or "https://…", got "{text}"')
    endpoint(text, 0)
    return text


class Names:
    """getaddrinfo for a loop.

    A lookup cannot be cancelled, it can only be left alone. Python waits for the threads of an executor when
    it ends; it does not wait for these, so a hung resolver cannot hold up a shutdown.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._limit = threads
        self._started = 0
        self._idle = threading.Semaphore(0)
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()

    async def first(self, host: str) -> Address:
        """The first address of `host` in the system's order of preference; raises OSError without one.

        One address and one connection: a service that is half up is not up (a probe is not a browser).
        """
        found: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._waiting.put((host, found))
        if not self._idle.acquire(blocking=False) and self._started < self._limit:
            self._started += 1
            threading.Thread(target=self._work, daemon=True, name=f"names-{self._started}").start()
        return await found

    def close(self) -> None:
        """Let idle threads end; hung ones end with their lookup."""
        for _ in range(self._started):
            self._waiting.put(None)

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            host, found = waiting
            if not found.cancelled():
                _answer(found, _look_up(host))
            self._idle.release()


def _look_up(host: str) -> Address | OSError:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    except UnicodeError:
        return socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a host name")
    except OSError as error:
        return error
    return Address(family, str(address[0]))


def _answer(found: "asyncio.Future[Address]", answer: Address | OSError) -> None:
    def tell() -> None:
        if found.done():
            return
        if isinstance(answer, OSError):
            found.set_exception(answer)
        else:
            found.set_result(answer)

    with suppress(RuntimeError):  # the loop was closed while the lookup hung: nobody waits any more
        found.get_loop().call_soon_threadsafe(tell)
