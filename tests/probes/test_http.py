"""Web addresses that are right, wrong, and wrong in ways that only a hostile server thinks of."""

import asyncio
import hashlib
import ssl
from typing import Any

import msgspec
import pytest

from collector.core.record import Outcome, Reason
from collector.demo.certificate import Certificates
from collector.probes.http import Params
from tests.probes import scripted
from tests.probes.conftest import Run
from tests.probes.scripted import Asked, Handler, response

BODY = b"all is well"


def answering(data: bytes) -> Handler:
    return scripted.http(lambda _: data)


@pytest.mark.parametrize(
    ("params", "answer", "reason"),
    [
        ({}, response(200, BODY), Reason.NONE),
        ({}, response(204), Reason.STATUS),
        ({"status": ["204", "5xx"]}, response(204), Reason.NONE),
        ({"status": ["204", "5xx"]}, response(503), Reason.NONE),
        ({}, response(503, BODY), Reason.STATUS),
        ({}, response(404, BODY), Reason.STATUS),
        ({"contains": "is well"}, response(200, BODY), Reason.NONE),
        ({"contains": "is bad"}, response(200, BODY), Reason.CONTENT),
        ({"sha256": hashlib.sha256(BODY).hexdigest()}, response(200, BODY), Reason.NONE),
        ({"sha256": hashlib.sha256(BODY).hexdigest()}, response(200, BODY[::-1]), Reason.CONTENT),
        ({"headers": ["X-Backend"]}, response(200, x_backend="2"), Reason.NONE),
        ({"headers": ["X-Backend: 2"]}, response(200, x_backend="2"), Reason.NONE),
        ({"headers": ["X-Backend: 1"]}, response(200, x_backend="2"), Reason.CONTENT),
        ({"headers": ["X-Backend"]}, response(200), Reason.CONTENT),
        ({}, response(301, Location="/"), Reason.REDIRECT),
        ({"status": ["301"]}, response(301, Location="/"), Reason.NONE),
        ({"max_bytes": 11}, response(200, BODY), Reason.NONE),
        ({"max_bytes": 10}, response(200, BODY), Reason.OVERSIZE),
        ({"method": "HEAD"}, response(200), Reason.NONE),
    ],
)
async def test_the_answer_is_judged_by_status_headers_and_body(
    params: dict[str, Any], answer: bytes, reason: Reason, run: Run
) -> None:
    async with scripted.tcp(answering(answer)) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/", **params)

    assert seen.reason is reason
    assert seen.outcome is (Outcome.FAILED if reason else Outcome.OK)


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        pytest.param(scripted.saying(b"220 mail.example ESMTP\r\n"), Reason.PROTOCOL, id="another-protocol"),
        pytest.param(scripted.saying(b"\0" * 5000), Reason.PROTOCOL, id="zeros"),
        pytest.param(scripted.for_ever(HEAD, b"X-More: and more\r\n"), Reason.PROTOCOL, id="endless-headers"),
        pytest.param(scripted.for_ever(HEAD + b"X-Long: ", b"x" * 999), Reason.PROTOCOL, id="endless-header"),
        pytest.param(scripted.for_ever(b"HTTP/1.1 200 ", b"K" * 999), Reason.PROTOCOL, id="endless-status"),
        pytest.param(scripted.for_ever(HEAD + b"\r\n", b"x" * 9999), Reason.OVERSIZE, id="endless-body"),
        pytest.param(
            scripted.for_ever(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"
            ),
            Reason.OVERSIZE,
            id="endless-chunks",
        ),
        pytest.param(
            scripted.saying(HEAD + b"Content-Length: 100\r\n\r\nhalf of it"),
            Reason.RESET,
            id="truncated-body",
        ),
        pytest.param(
            scripted.saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            Reason.RESET,
            id="truncated-chunk",
        ),
        pytest.param(
            scripted.saying(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"),
            Reason.PROTOCOL,
            id="chunks-of-no-length",
        ),
        pytest.param(
            scripted.pausing(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"zz\r\n"),
            Reason.TIMEOUT,  # aiohttp tells a reader nothing about it: the answer stays incomplete
            id="a-later-chunk-of-no-length",
        ),
        pytest.param(
            scripted.saying(HEAD + b"Content-Length: -5\r\n\r\n"), Reason.PROTOCOL, id="negative-length"
        ),
        pytest.param(scripted.saying(HEAD + b"Content-Le"), Reason.RESET, id="cut-in-the-headers"),
        pytest.param(scripted.dripping(HEAD + b"X-Slow: yes\r\n" * 99), Reason.TIMEOUT, id="slow-drip"),
        pytest.param(
            scripted.saying(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
            Reason.NONE,
            id="an-encoding-nobody-asked-for",
        ),
    ],
)
async def test_a_server_that_misbehaves_is_a_failure_with_its_reason(
    server: Handler, reason: Reason, run: Run
) -> None:
    async with scripted.tcp(server) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/", timeout_s=0.5)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED if reason else Outcome.OK, reason)


async def test_a_timeout_keeps_the_phases_that_ended(run: Run) -> None:
    async with scripted.tcp(scripted.for_ever(HEAD + b"Content-Length: 99\r\n\r\n", b"")) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/", timeout_s=0.2)

    assert seen.reason is Reason.TIMEOUT
    assert set(seen.phases) == {"connect", "first_byte"}


async def test_each_phase_of_a_named_host_over_tls_is_apart(run: Run, certificates: Certificates) -> None:
    async with scripted.tcp(answering(response(200, BODY)), certificates.right) as port:
        seen = await run("http", f"https://localhost:{port}/", ca=str(certificates.authority))

    assert seen.outcome is Outcome.OK
    assert set(seen.phases) == {"resolve", "connect", "tls", "first_byte", "transfer"}
    assert seen.value == sum(seen.phases.values()) - seen.phases["resolve"]
    assert seen.facts["peer"] == "127.0.0.1"
    assert len(str(seen.facts["certificate"])) == 64
    assert int(seen.facts["expires"]) > 1_795_000_000


@pytest.mark.parametrize("which", ["wrong", "expired"])
async def test_a_certificate_that_does_not_fit_is_a_failure_of_the_certificate(
    which: str, run: Run, certificates: Certificates
) -> None:
    tls: ssl.SSLContext = getattr(certificates, which)
    async with scripted.tcp(answering(response(200, BODY)), tls) as port:
        seen = await run("http", f"https://localhost:{port}/", ca=str(certificates.authority))

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.CERTIFICATE)
    assert set(seen.phases) == {"resolve", "connect"}


async def test_a_certificate_of_an_unknown_authority_is_a_failure_of_the_certificate(
    run: Run, certificates: Certificates
) -> None:
    async with scripted.tcp(answering(response(200, BODY)), certificates.right) as port:
        seen = await run("http", f"https://localhost:{port}/")

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.CERTIFICATE)


@pytest.mark.parametrize(
    "server",
    [scripted.saying(b"HTTP/1.1 400 Speak plainly\r\n\r\n"), scripted.hanging_up, scripted.resetting],
    ids=["plain-http", "closed", "reset"],
)
async def test_a_handshake_that_is_not_answered_in_kind_is_a_failure_of_tls(
    server: Handler, run: Run, certificates: Certificates
) -> None:
    async with scripted.tcp(server) as port:
        seen = await run("http", f"https://127.0.0.1:{port}/", ca=str(certificates.authority))

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.TLS)


async def test_a_handshake_that_hangs_is_a_timeout(run: Run, certificates: Certificates) -> None:
    async with scripted.tcp(scripted.hanging) as port:
        seen = await run("http", f"https://127.0.0.1:{port}/", timeout_s=0.2, ca=str(certificates.authority))

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert set(seen.phases) == {"connect"}


async def test_a_file_of_authorities_that_is_not_there_is_our_own_mistake(run: Run) -> None:
    seen = await run("http", "https://127.0.0.1:1/", ca="/nowhere/authority.pem")

    assert (seen.outcome, seen.reason) == (Outcome.BLIND, Reason.REQUEST)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("cut", [scripted.hanging_up, scripted.resetting], ids=["closed", "reset"])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_a_connection_that_is_cut_is_a_failure_and_nobody_asks_again_behind_our_back(
    cut: Handler, method: str, warm: bool, run: Run
) -> None:
    """A library that repeats what may be repeated would turn every other cut into a right answer."""
    asked = 0

    async def cut_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await (cut if asked == 1 else answering(response(200, BODY)))(reader, writer)

    async with scripted.tcp(cut_once) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/", method=method, warm=warm)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.RESET)
    assert asked == 1


async def test_redirections_are_followed_as_far_as_allowed(run: Run) -> None:
    def steps(asked: Asked) -> bytes:
        step = int(asked.path[1:])
        return response(200, BODY) if step == 0 else response(302, Location=str(step - 1))

    async with scripted.tcp(scripted.http(steps)) as port:
        enough = await run("http", f"http://127.0.0.1:{port}/3", redirects=3)
        too_few = await run("http", f"http://127.0.0.1:{port}/3", redirects=2)

    assert enough.outcome is Outcome.OK
    assert enough.facts["redirects"] == 3
    assert (too_few.outcome, too_few.reason) == (Outcome.FAILED, Reason.REDIRECT)


@pytest.mark.parametrize("location", ["/", "", "ftp://127.0.0.1/", "http://[", "javascript:alert(1)"])
async def test_a_redirection_in_circles_or_to_nowhere_is_a_failure(location: str, run: Run) -> None:
    async with scripted.tcp(answering(response(302, Location=location))) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/", redirects=5)

    assert (seen.outcome, seen.reason) == (Outcome.FAILED, Reason.REDIRECT)


async def test_a_warm_probe_asks_again_over_the_connection_it_has(run: Run) -> None:
    async with scripted.tcp(answering(response(200, BODY))) as port:
        first = await run("http", f"http://127.0.0.1:{port}/", warm=True)
        second = await run("http", f"http://127.0.0.1:{port}/", warm=True)

    assert (first.facts["reused"], second.facts["reused"]) == (0, 1)
    assert "connect" in first.phases
    assert set(second.phases) == {"first_byte", "transfer"}


async def test_a_cold_probe_never_reuses_a_connection(run: Run) -> None:
    async with scripted.tcp(answering(response(200, BODY))) as port:
        for _ in range(3):
            seen = await run("http", f"http://127.0.0.1:{port}/")

            assert "connect" in seen.phases


async def test_every_request_names_us(run: Run) -> None:
    asked: list[Asked] = []

    def note(request: Asked) -> bytes:
        asked.append(request)
        return response(200)

    async with scripted.tcp(scripted.http(note)) as port:
        await run("http", f"http://127.0.0.1:{port}/a%20b?c=%2F", send=["X-Wanted: yes"])

    assert asked[0].headers["user-agent"] == "constat/test"
    assert asked[0].headers["x-wanted"] == "yes"
    assert asked[0].path == "/a%20b?c=%2F"


async def test_a_wrong_answer_is_kept_as_far_as_a_document_goes(run: Run) -> None:
    async with scripted.tcp(answering(response(500, b"why" * 5000))) as port:
        seen = await run("http", f"http://127.0.0.1:{port}/")

    assert seen.body == (b"why" * 5000)[:4096]


@pytest.mark.parametrize(
    "params",
    [
        {"status": ["2000"]},
        {"sha256": "abc"},
        {"send": ["no header"]},
        {"send": ["X: a\r\nY: b"]},
        {"redirects": -1},
        {"max_bytes": -1},
        {"unknown": 1},
        {"method": "POST"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(params, Params)
