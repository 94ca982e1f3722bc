"""HTTP and TLS parts: what a plain client sees of each fault."""

import asyncio
import socket
import ssl

import aiohttp
import pytest

from collector.demo.fault import Fault
from collector.demo.provider import PAGE, Provider
from collector.demo.web import MARK

Client = aiohttp.ClientSession


@pytest.fixture(params=["control-http", "balancer"])
def url(provider: Provider, request: pytest.FixtureRequest) -> str:
    """Parts of plain HTTP: they all fail in the same ways."""
    part = provider.parts[request.param]
    return f"http://{part.address}/x"


def trust(provider: Provider) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=provider.authority)


def fail(provider: Provider, url: str, fault: Fault) -> None:
    port = int(url.split(":")[2].split("/")[0])
    (part,) = (part for part in provider.parts.values() if part.port == port)
    part.fault = fault


async def test_without_a_fault_there_is_a_page(provider: Provider, client: Client, url: str) -> None:
    async with client.get(url) as answer:
        assert answer.status == 200
        assert await answer.read() in (PAGE, provider.control_http.page)


async def test_refuse_is_a_refused_connection(provider: Provider, client: Client, url: str) -> None:
    fail(provider, url, Fault.REFUSE)
    with pytest.raises(aiohttp.ClientConnectorError) as caught:
        await client.get(url)

    assert isinstance(caught.value.os_error, ConnectionRefusedError)


async def test_refusing_cuts_connections_that_were_open(provider: Provider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.control_http.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")

    provider.control_http.fault = Fault.REFUSE
    try:
        async with asyncio.timeout(2):
            await reader.read()  # would last until the server ends a connection it keeps
    except ConnectionResetError:
        pass
    writer.close()


async def test_a_part_that_refused_listens_again_at_its_port(
    provider: Provider, client: Client, url: str
) -> None:
    fail(provider, url, Fault.REFUSE)
    fail(provider, url, Fault.NONE)
    async with client.get(url) as answer:
        assert answer.status == 200


async def test_a_port_that_refuses_is_not_given_to_others(provider: Provider) -> None:
    provider.set("everything", "refuse")
    for name, port in provider.ports.items():
        kind = socket.SOCK_DGRAM if name == "ntp" else socket.SOCK_STREAM
        with socket.socket(type=kind) as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


async def test_hang_takes_the_connection_and_answers_when_it_ends(
    provider: Provider, client: Client, url: str
) -> None:
    fail(provider, url, Fault.HANG)
    asked = asyncio.create_task(client.get(url))
    done, _ = await asyncio.wait({asked}, timeout=0.1)
    assert not done
    fail(provider, url, Fault.NONE)

    async with await asked as answer:
        assert answer.status == 200


async def test_hang_holds_connections_that_were_open_too(provider: Provider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.control_http.port)
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(ask)
    await reader.readuntil(provider.control_http.page)
    provider.control_http.fault = Fault.HANG
    writer.write(ask)
    answer = asyncio.create_task(reader.readline())
    done, _ = await asyncio.wait({answer}, timeout=0.1)
    assert not done
    provider.control_http.fault = Fault.NONE

    assert (await answer).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_reset_cuts_by_rst(provider: Provider, url: str) -> None:
    fail(provider, url, Fault.RESET)
    port = int(url.split(":")[2].split("/")[0])
    with pytest.raises(ConnectionResetError):  # at once, or when reading
        await raw(port)


async def test_reset_cuts_connections_that_were_open_by_rst(provider: Provider) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.control_http.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(provider.control_http.page)
    provider.control_http.fault = Fault.RESET
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize(("fault", "status"), [("http-500", 500), ("http-503", 503), ("html", 200)])
async def test_a_page_of_html_comes_from_something_in_front(
    provider: Provider, client: Client, url: str, fault: str, status: int
) -> None:
    fail(provider, url, Fault(fault))
    async with client.get(url) as answer:
        assert (status, "text/html") == (answer.status, answer.content_type)
        assert f"<h1>{status} " in await answer.text()


async def test_redirections_lead_to_where_they_came_from(
    provider: Provider, client: Client, url: str
) -> None:
    fail(provider, url, Fault.REDIRECT_LOOP)
    with pytest.raises(aiohttp.TooManyRedirects):
        await client.get(url)


async def test_garbage_is_not_http(provider: Provider, client: Client, url: str) -> None:
    fail(provider, url, Fault.GARBAGE)
    with pytest.raises((aiohttp.ClientResponseError, aiohttp.ServerDisconnectedError)):
        await client.get(url)


async def test_a_truncated_answer_promises_more_than_it_brings(
    provider: Provider, client: Client, url: str
) -> None:
    fail(provider, url, Fault.TRUNCATED)
    async with client.get(url) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_an_endless_body_does_not_end(provider: Provider, client: Client, url: str) -> None:
    fail(provider, url, Fault.ENDLESS)
    async with client.get(url) as answer:
        assert len(await answer.content.readexactly(1 << 20)) == 1 << 20
        assert not answer.content.at_eof()


async def test_the_wrong_object_has_the_right_size(provider: Provider, client: Client, url: str) -> None:
    async with client.get(url) as answer:
        right = await answer.read()
    fail(provider, url, Fault.WRONG_OBJECT)
    async with client.get(url) as answer:
        wrong = await answer.read()
        assert answer.status == 200

    assert len(right) == len(wrong)
    assert right != wrong


async def test_slow_is_right_and_late(provider: Provider, client: Client, url: str) -> None:
    for part in provider.parts.values():
        part.delay = 200_000
    fail(provider, url, Fault.SLOW)
    loop = asyncio.get_running_loop()
    asked = loop.time()
    async with client.get(url) as answer:
        assert answer.status == 200
        assert loop.time() - asked >= 0.2


# ------------------------------------------------------------------------------------------- TLS


async def test_the_authority_vouches_for_the_site(provider: Provider, client: Client) -> None:
    for host in ("127.0.0.1", "localhost"):
        async with client.get(f"https://{host}:{provider.site.port}/", ssl=trust(provider)) as answer:
            assert await answer.read() == PAGE


async def test_nobody_else_vouches_for_the_site(provider: Provider, client: Client) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await client.get(provider.site.url)


@pytest.mark.parametrize(
    ("fault", "why"), [("wrong-certificate", "IP address mismatch"), ("expired-certificate", "has expired")]
)
async def test_a_certificate_is_wrong_in_the_way_the_fault_says(
    provider: Provider, client: Client, fault: str, why: str
) -> None:
    provider.set("site", fault)
    with pytest.raises(aiohttp.ClientConnectorCertificateError, match=why):
        await client.get(provider.site.url, ssl=trust(provider))


async def test_a_site_that_hangs_does_not_shake_hands(provider: Provider) -> None:
    provider.site.fault = Fault.HANG
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await asyncio.open_connection("127.0.0.1", provider.site.port, ssl=trust(provider))


async def test_faults_are_faults_through_tls_too(provider: Provider, client: Client) -> None:
    for fault, seen in ((Fault.GARBAGE, aiohttp.ClientError), (Fault.RESET, aiohttp.ClientError)):
        provider.site.fault = fault
        with pytest.raises(seen):
            await client.get(provider.site.url, ssl=trust(provider))


# ------------------------------------------------------------------------------------------- balancer


async def marks(provider: Provider, client: Client, requests: int) -> list[str | None]:
    seen: list[str | None] = []
    for _ in range(requests):
        async with client.get(provider.balancer.url) as answer:
            seen.append(answer.headers.get(MARK))
    return seen


async def test_the_balancer_asks_its_backends_in_turn(provider: Provider, client: Client) -> None:
    assert await marks(provider, client, 4) == ["backend-1", "backend-2", "backend-1", "backend-2"]


async def test_the_balancer_leaves_out_a_backend_that_is_down(provider: Provider, client: Client) -> None:
    provider.set("backend-1", "refuse")

    assert {"backend-2"} == set(await marks(provider, client, 4))


async def test_without_backends_the_balancer_answers_503_of_its_own(
    provider: Provider, client: Client
) -> None:
    provider.set("backends", "refuse")
    async with client.get(provider.balancer.url) as answer:
        assert (answer.status, answer.headers.get(MARK)) == (503, None)


async def test_what_a_backend_answers_is_passed_with_its_mark(provider: Provider, client: Client) -> None:
    provider.set("backends", "http-500")
    async with client.get(provider.balancer.url) as answer:
        assert (answer.status, answer.headers[MARK]) == (500, "backend-1")


async def raw(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
