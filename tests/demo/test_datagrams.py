"""DNS, NTP and echo: what a plain client sees of each fault."""

import asyncio
import socket
import struct
import time

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from collector.demo.fault import Fault
from collector.demo.names import EXTERNAL_ADDRESS, EXTERNAL_NAME, OTHER_ADDRESS, PRIVATE_ADDRESS, PRIVATE_NAME
from collector.demo.provider import Provider

PATIENCE_S = 0.15


async def ask(
    provider: Provider, name: str = PRIVATE_NAME, kind: str = "A", tcp: bool = False
) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    way = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    return await way(query, "127.0.0.1", PATIENCE_S, provider.dns.port)


def addresses(answer: dns.message.Message) -> list[str]:
    return [item.to_text() for rrset in answer.answer for item in rrset]


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("name", "address"), [(PRIVATE_NAME, PRIVATE_ADDRESS), (EXTERNAL_NAME, EXTERNAL_ADDRESS)]
)
async def test_names_have_addresses_over_udp_and_tcp(
    provider: Provider, name: str, address: str, tcp: bool
) -> None:
    answer = await ask(provider, name, tcp=tcp)

    assert answer.rcode() == dns.rcode.NOERROR
    assert answer.flags & dns.flags.RA
    assert addresses(answer) == [address]


async def test_names_are_found_in_any_case(provider: Provider) -> None:
    assert addresses(await ask(provider, PRIVATE_NAME.upper())) == [PRIVATE_ADDRESS]


async def test_a_name_that_is_not_there_does_not_exist(provider: Provider) -> None:
    assert (await ask(provider, "nobody.example")).rcode() == dns.rcode.NXDOMAIN


async def test_a_name_without_a_record_of_that_kind_answers_empty(provider: Provider) -> None:
    answer = await ask(provider, kind="AAAA")

    assert answer.rcode() == dns.rcode.NOERROR
    assert addresses(answer) == []


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    ("fault", "rcode", "found"),
    [
        ("servfail", dns.rcode.SERVFAIL, []),
        ("nxdomain", dns.rcode.NXDOMAIN, []),
        ("empty", dns.rcode.NOERROR, []),
        ("wrong-object", dns.rcode.NOERROR, [OTHER_ADDRESS]),
    ],
)
async def test_a_faulty_resolver_answers_what_the_fault_says(
    provider: Provider, fault: str, rcode: dns.rcode.Rcode, found: list[str], tcp: bool
) -> None:
    provider.set("dns", fault)
    answer = await ask(provider, tcp=tcp)

    assert (answer.rcode(), addresses(answer)) == (rcode, found)


@pytest.mark.parametrize("fault", ["garbage", "truncated"])
async def test_garbage_and_half_an_answer_are_no_dns(provider: Provider, fault: str) -> None:
    provider.set("dns", fault)
    with pytest.raises(dns.exception.DNSException):
        await ask(provider)


async def test_half_an_answer_over_tcp_ends_before_its_length(provider: Provider) -> None:
    provider.set("dns", "truncated")
    with pytest.raises(EOFError):
        await ask(provider, tcp=True)


async def test_a_resolver_that_hangs_answers_when_the_fault_ends(provider: Provider) -> None:
    provider.set("dns", "hang")
    for tcp in (False, True):
        with pytest.raises(dns.exception.Timeout):
            await ask(provider, tcp=tcp)
    asked = asyncio.create_task(ask(provider))
    await asyncio.sleep(0.02)
    provider.set("dns", "")

    assert addresses(await asked) == [PRIVATE_ADDRESS]


async def test_what_refuses_over_udp_answers_port_unreachable(provider: Provider) -> None:
    provider.set("dns", "refuse")
    provider.set("ntp", "refuse")
    for port in (provider.dns.port, provider.ntp.port):
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, b"\x23" + bytes(47))
    with pytest.raises(ConnectionRefusedError):
        await ask(provider, tcp=True)
    provider.set("dns", "")

    assert addresses(await ask(provider)) == [PRIVATE_ADDRESS]


async def test_slow_answers_over_udp_and_tcp_are_late(provider: Provider) -> None:
    provider.set("dns", "slow", delay=80_000)
    loop = asyncio.get_running_loop()
    for tcp in (False, True):
        asked = loop.time()
        assert addresses(await ask(provider, tcp=tcp)) == [PRIVATE_ADDRESS]
        assert loop.time() - asked >= 0.08


async def test_what_is_no_question_gets_no_answer(provider: Provider) -> None:
    reply = dns.message.make_response(dns.message.make_query(PRIVATE_NAME, "A")).to_wire()
    for datagram in (b"", b"\x00", b"nonsense, and more of it", reply):
        with pytest.raises(TimeoutError):
            await exchange(provider.dns.port, datagram, patience_s=0.03)


# ------------------------------------------------------------------------------------------- NTP

NTP = struct.Struct(">BBbbII4sQQQQ")
QUESTION = NTP.pack(0 << 6 | 4 << 3 | 3, 0, 6, 0, 0, 0, bytes(4), 0, 0, 0, 0x0123456789ABCDEF)
NAMES = (
    "head", "stratum", "poll", "precision", "root_delay", "root_dispersion", "source", "reference", "origin",
    "received", "sent",
)  # fmt: skip


async def ntp(provider: Provider) -> dict[str, int | bytes]:
    return dict(zip(NAMES, NTP.unpack(await exchange(provider.ntp.port, QUESTION)), strict=True))


async def test_the_time_server_tells_the_time(provider: Provider) -> None:
    before = time.time()
    answer = await ntp(provider)
    after = time.time()

    received, sent = (int(answer[stamp]) / (1 << 32) - 2_208_988_800 for stamp in ("received", "sent"))
    assert before - 0.001 <= received <= sent + 0.001 <= after + 0.002
    assert answer["head"] == 0 << 6 | 4 << 3 | 4
    assert answer["stratum"] == 1
    assert answer["origin"] == 0x0123456789ABCDEF


@pytest.mark.parametrize(
    ("fault", "field", "value"),
    [
        ("stratum-16", "stratum", 16),
        ("leap-3", "head", 3 << 6 | 4 << 3 | 4),
        ("kiss-of-death", "stratum", 0),
        ("kiss-of-death", "source", b"RATE"),
        ("wrong-object", "origin", 0x0123456689ABCDEF),
    ],
)
async def test_a_faulty_time_server_answers_what_the_fault_says(
    provider: Provider, fault: str, field: str, value: int | bytes
) -> None:
    assert (await ntp(provider))[field] != value
    provider.set("ntp", fault)

    assert (await ntp(provider))[field] == value


async def test_garbage_and_half_a_packet_are_no_ntp(provider: Provider) -> None:
    provider.set("ntp", "garbage")
    assert b"no time" in await exchange(provider.ntp.port, QUESTION)
    provider.set("ntp", "truncated")
    assert len(await exchange(provider.ntp.port, QUESTION)) < NTP.size


async def test_a_time_server_that_hangs_says_nothing(provider: Provider) -> None:
    provider.set("ntp", "hang")
    with pytest.raises(TimeoutError):
        await ntp(provider)


async def test_what_is_no_question_about_time_gets_no_answer(provider: Provider) -> None:
    for datagram in (b"", QUESTION[:47], b"\x24" + QUESTION[1:]):
        with pytest.raises(TimeoutError):
            await exchange(provider.ntp.port, datagram, patience_s=0.03)


# ------------------------------------------------------------------------------------------- echo


async def speak(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(words)
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read(len(words))
    finally:
        writer.close()


async def test_echo_sends_back(provider: Provider) -> None:
    assert await speak(provider.echo.port, b"ping 1\n") == b"ping 1\n"


@pytest.mark.parametrize(
    ("fault", "heard"),
    [("truncated", b"pin"), ("wrong-object", b"qhof!0\x0b"), ("garbage", b"\xff\x00?ping")],
)
async def test_a_faulty_echo_sends_back_something_else(provider: Provider, fault: str, heard: bytes) -> None:
    provider.set("echo", fault)

    assert await speak(provider.echo.port, b"ping 1\n") == heard


async def test_an_echo_that_hangs_echoes_nothing(provider: Provider) -> None:
    provider.set("echo", "hang")
    with pytest.raises(TimeoutError):
        await speak(provider.echo.port, b"ping")


@pytest.mark.parametrize(
    ("fault", "seen"), [("refuse", ConnectionRefusedError), ("reset", ConnectionResetError)]
)
async def test_an_echo_that_is_gone_is_seen_at_connecting(
    provider: Provider, fault: str, seen: type[OSError]
) -> None:
    provider.set("echo", fault)
    with pytest.raises(seen):
        await speak(provider.echo.port, b"ping")


async def test_an_endless_echo_does_not_end(provider: Provider) -> None:
    provider.echo.fault = Fault.ENDLESS
    reader, writer = await asyncio.open_connection("127.0.0.1", provider.echo.port)
    writer.write(b"x")

    assert len(await reader.readexactly(200_000)) == 200_000
    writer.close()


async def exchange(port: int, datagram: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """Send a datagram and wait for one; connected, so that a refusal is noticed."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as here:
        here.setblocking(False)
        here.connect(("127.0.0.1", port))
        await loop.sock_sendall(here, datagram)
        async with asyncio.timeout(patience_s):
            return await loop.sock_recv(here, 4096)
