"""Names and addresses; and a resolver that hangs, which must cost us nothing but the answer."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from collector.host.names import Address, Names, endpoint, literal, web_address


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    names = Names(threads=2)
    yield names
    names.close()


@pytest.mark.parametrize(
    ("target", "host", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
        ("ns.example:54", "ns.example", 54),
        ("http://ns.example:8080/path:1", "ns.example", 8080),
        ("https://[2001:db8::1]/", "2001:db8::1", 53),
        ("http://ns.example:9?x=/1", "ns.example", 9),
    ],
)
def test_an_endpoint_is_a_host_and_a_port_in_all_its_forms(target: str, host: str, port: int) -> None:
    assert endpoint(target, 53) == (host, port)


@pytest.mark.parametrize(
    "target", ["host:0", "host:65536", "host:x", "host:-1", "[::1]x", "[::1]80", "host:१"]
)
def test_a_port_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="expected a port"):
        endpoint(target, 53)


@pytest.mark.parametrize(
    "target",
    [
        "",
        ":53",
        "a b",
        "a/b",
        "user@host",
        "[]",
        "[",
        "[::1",
        "[a]:1",
        "https://[::1",
        "http:///path",
        "nul\0:1",
    ],
)
def test_a_host_that_is_none_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match="expected a name or an address"):
        endpoint(target, 53)


@pytest.mark.parametrize(
    "text", ["http://a", "https://a:1/b?c=d", "https://[2001:db8::1]:443/", "http://192.0.2.1?x"]
)
def test_a_web_address_is_http_or_https_with_a_host(text: str) -> None:
    assert web_address(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "a", "//a", "ftp://a", "http:a", "http://", "http:///a", "http://a b", "http://a:0/", "http://a:x",
     "http://user:secret@a/", "http://a/#part", "https://é.example", "http://a\\b"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected "):
        web_address(text)


def test_an_address_is_its_own_and_a_name_is_none() -> None:
    assert literal("192.0.2.1") == Address(socket.AF_INET, "192.0.2.1")
    assert literal("[2001:db8::1]") == Address(socket.AF_INET6, "2001:db8::1")
    assert literal("fe80::1%lo") == Address(socket.AF_INET6, "fe80::1%lo")
    assert literal("localhost") is None
    assert literal("1.2.3") is None


async def test_a_name_leads_to_its_first_address(names: Names) -> None:
    assert (await names.first("localhost")).host in ("127.0.0.1", "::1")


@pytest.mark.parametrize("name", ["two..dots", "a" * 64, "nul\0"])
async def test_what_is_no_name_has_no_address(name: str, names: Names) -> None:
    with pytest.raises(OSError, match=r".+"):
        await names.first(name)


async def test_hung_lookups_hold_up_only_themselves(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    ask = socket.getaddrinfo

    def hang(host: str, *rest: object, **named: object) -> object:
        if host == "hangs":
            released.wait(5)
        return ask("localhost", 0, type=socket.SOCK_STREAM)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    hung = asyncio.create_task(names.first("hangs"))
    await asyncio.sleep(0.01)
    other = await asyncio.wait_for(names.first("localhost"), 2)
    hung.cancel()
    released.set()

    assert other.host in ("127.0.0.1", "::1")
    with pytest.raises(asyncio.CancelledError):
        await hung
    assert (await names.first("again")).host == other.host


def test_a_program_with_a_hung_lookup_ends_when_it_wants_to() -> None:
    program = """
import asyncio, socket, threading
from collector.host.names import Names
socket.getaddrinfo = lambda *_, **__: threading.Event().wait(60)
async def main():
    try:
        await asyncio.wait_for(Names().first("hangs"), 0.05)
    except TimeoutError:
        print("ended")
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("ended\n", "", 0)
