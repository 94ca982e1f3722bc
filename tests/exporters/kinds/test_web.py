"""The server answers on a real socket, lets nobody in who may not, and is not held up by a slow view."""

import asyncio
import http.client
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any

import aiohttp
import pytest

from collector.errors import ConfigurationError, ConstatError
from exporters.kinds.web.app import Views, serving
from exporters.kinds.web.guard import HEADERS, Door, permitted


def views(**changed: Any) -> Views:
    """A server with one service, down."""
    service = {"service": "api <main>", "state": "down", "since": 1_774_746_000_000_000}
    promise = {
        "service": "api <main>", "commitment": "compute.command-api", "best": "2/3", "worst": "1/2",
        "target": "999/1000", "finding": "MISSED", "coverage": "1/1",
    }  # fmt: skip
    outage = {"service": "api <main>", "certain": [[1, 2], [5, 6]], "possible": [[0, 9]]}
    present = {
        "services": [service], "commitments": [promise], "outages": [outage], "damage": ["hour <1>: line 7"],
    }  # fmt: skip
    given: dict[str, Any] = {
        "metrics": lambda: b"# HELP x x\n",
        "present": lambda: present,
        "unready": lambda: "",
        "where": UTC,
    }
    return Views(**{**given, **changed})


@asynccontextmanager
async def asking(shown: Views, door: Door) -> AsyncIterator[aiohttp.ClientSession]:
    async with serving(shown, door) as address, aiohttp.ClientSession(address) as session:
        yield session


LOOPBACK = Door(host="127.0.0.1", port=0)


async def test_figures_come_as_metrics_as_json_and_as_a_page() -> None:
    async with asking(views(), LOOPBACK) as session:
        async with session.get("/metrics") as metrics:
            assert await metrics.read() == b"# HELP x x\n"
            assert metrics.headers["Content-Type"].startswith("text/plain; version=")
        async with session.get("/api/v1/services") as services:
            assert (await services.json())[0]["state"] == "down"
        async with session.get("/") as page:
            text = await page.text()

    assert "api &lt;main&gt;" in text
    assert "<main>" not in text
    assert "66.66666… %" in text
    assert "damaged: hour &lt;1&gt;: line 7" in text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_all_of_a_page_is_of_one_instant() -> None:
    """Drawn part by part, a service could be up in one table and its outage open in the next."""
    drawn: list[dict[str, Any]] = []

    def present() -> dict[str, Any]:
        drawn.append({**views().present(), "damage": [f"of instant {len(drawn)}"]})
        return drawn[-1]

    async with asking(views(present=present), LOOPBACK) as session, session.get("/") as page:
        assert "of instant 0" in await page.text()
    assert len(drawn) == 1


async def test_health_is_answered_while_a_view_is_stuck() -> None:
    stuck, entered = threading.Event(), threading.Event()

    def slow() -> bytes:
        entered.set()
        stuck.wait()
        return b""

    async with asking(views(metrics=slow), LOOPBACK) as session:
        scrape = asyncio.ensure_future(session.get("/metrics"))
        await asyncio.to_thread(entered.wait)
        async with session.get("/healthz") as health:
            assert health.status == 200
        assert not scrape.done()
        stuck.set()
        (await scrape).release()


async def test_readiness_says_what_is_missing() -> None:
    shown = views(unready=lambda: "index is being rebuilt")
    async with asking(shown, LOOPBACK) as session, session.get("/readyz") as ready:
        assert ready.status == 503
        assert await ready.text() == "index is being rebuilt\n"


async def test_an_error_of_ours_is_told_in_one_line_with_503() -> None:
    def damaged() -> bytes:
        raise ConstatError("expected a journal, got none")

    async with asking(views(metrics=damaged), LOOPBACK) as session, session.get("/metrics") as answer:
        assert answer.status == 503
        assert await answer.text() == "expected a journal, got none\n"


async def test_a_foreign_name_pointed_at_this_machine_is_turned_away() -> None:
    foreign = {"Host": "evil.example:80"}
    async with asking(views(), LOOPBACK) as session, session.get("/metrics", headers=foreign) as answer:
        assert answer.status == 421


GUARDED = Door(host="127.0.0.1", port=0, token="s3cret")


@pytest.mark.parametrize(
    "given",
    ["", "Bearer wrong", "Bearer ünicode", "s3cret", "Basic s3cret", "Bearers3cret", b"Bearer \xff", b"\xff"],
)
async def test_where_a_token_is_set_nothing_but_health_is_told_without_it(given: str | bytes) -> None:
    async with serving(views(), GUARDED) as address:
        refused = await asyncio.to_thread(asked, address, "/metrics", given)
        health = await asyncio.to_thread(asked, address, "/healthz", given)

    assert (refused.status, health.status) == (401, 200)
    wrong = ', error="invalid_token"' if given else ""
    assert refused.getheader("WWW-Authenticate") == f'Bearer realm="constat"{wrong}'


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer "])
async def test_who_bears_the_token_is_let_in_however_the_scheme_is_written(scheme: str) -> None:
    given = {"Authorization": f"{scheme} s3cret"}
    async with asking(views(), GUARDED) as session, session.get("/metrics", headers=given) as answer:
        assert answer.status == 200


def asked(address: str, path: str, authorization: str | bytes) -> http.client.HTTPResponse:
    """An answer to a header as it stands: aiohttp sends none that is no UTF-8."""
    connection = http.client.HTTPConnection(address.removeprefix("http://").strip("/"))
    given = authorization.encode() if isinstance(authorization, str) else authorization
    connection.request("GET", path, headers={"Authorization": given} if given else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def broken() -> bytes:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/healthz", {}, 200),
        ("/", {}, 401),
        ("/healthz", {"Host": "evil.example"}, 421),
        ("/nowhere", {"Authorization": "Bearer s3cret"}, 404),
        ("/metrics", {"Authorization": "Bearer s3cret"}, 500),
    ],
)
async def test_every_answer_says_that_a_browser_may_do_nothing_with_it(
    path: str, headers: dict[str, str], status: int
) -> None:
    async with (
        asking(views(metrics=broken), GUARDED) as session,
        session.get(path, headers=headers) as answer,
    ):
        assert answer.status == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "constat.example"])
def test_listening_elsewhere_takes_a_token_and_tls_or_a_proxy(host: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        permitted(Door(host=host, port=9617))
    assert len(refused.value.problems) == 2

    permitted(Door(host=host, port=9617, token="s3cret", behind_proxy=True))


async def test_a_taken_port_is_one_clear_error() -> None:
    async with serving(views(), LOOPBACK) as address:
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(
            ConstatError,
            match=f"127.0.0.1:{port}: expected an address to listen on, got: Address already in use",
        ):
            async with serving(views(), Door(host="127.0.0.1", port=port)):
                pass
