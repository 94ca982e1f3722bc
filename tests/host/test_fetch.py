"""Documents are fetched whole or not at all: bounded in size and in time, and never from elsewhere."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from collector.host.fetch import FetchError, fetch
from tests.conftest import free_port


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server with an answer of every kind."""
    app = web.Application()
    for path, handler in {"/echo": _echo, "/large": _large, "/slow": _slow, "/away": _away}.items():
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", free_port())
    await site.start()
    yield site.name
    await runner.cleanup()


async def _echo(request: web.Request) -> web.Response:
    return web.Response(status=418, body=await request.read(), headers={"X-Method": request.method})


async def _large(_: web.Request) -> web.Response:
    return web.Response(body=bytes(3000))


async def _slow(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(100):
        await answer.write(b"x")
        await asyncio.sleep(0.05)
    return answer


async def _away(_: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/echo"})


async def test_an_answer_comes_back_as_it_is_whatever_its_status(address: str) -> None:
    found = await fetch("POST", f"{address}/echo", body=b"question", headers={"Content-Type": "x/y"})

    assert (found.status, found.headers["x-method"], found.body) == (418, "POST", b"question")


async def test_a_redirection_is_not_followed(address: str) -> None:
    assert (await fetch("GET", f"{address}/away")).status == 302


@pytest.mark.parametrize(
    ("path", "how", "why"),
    [
        ("/large", {"limit": 2999}, "expected at most 2999 bytes, got more"),
        ("/slow", {"patience_s": 0.3}, "expected an answer within 0.3 s, got none"),
    ],
)
async def test_more_than_was_bargained_for_is_refused(
    address: str, path: str, how: dict[str, int], why: str
) -> None:
    with pytest.raises(FetchError, match=why):
        await fetch("GET", address + path, **how)  # type: ignore[arg-type]


async def test_a_name_is_looked_up_as_the_system_does(address: str) -> None:
    assert (await fetch("GET", address.replace("127.0.0.1", "localhost") + "/echo")).status == 418


async def test_a_name_that_leads_nowhere_is_told_with_the_address() -> None:
    with pytest.raises(FetchError, match=r"http://nowhere\.invalid/: expected an answer, got: "):
        await fetch("GET", "http://nowhere.invalid/")


async def test_nobody_there_is_told_with_the_address() -> None:

    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:\d+/: expected an answer, got: "):
        await fetch("GET", f"http://127.0.0.1:{free_port()}/")
