"""Starting and stopping: nothing is left behind, whatever went on; and the command that runs it alone."""

import asyncio
import gc
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from collector import contracts, settings
from collector.demo.__main__ import main
from collector.demo.fault import SUITS, Fault
from collector.demo.provider import Provider
from collector.errors import UsageError
from collector.journal.authority import stamp
from tests.conftest import free_port, needs


def descriptors() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's temporary files are, and no other's, which run beside it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


async def test_twenty_starts_leave_nothing_behind(directory: Path) -> None:
    async with Provider():
        assert files(directory)
    before, tasks = descriptors(), len(asyncio.all_tasks())
    for _ in range(20):
        async with Provider() as provider:
            assert all(provider.ports.values())

    assert descriptors() <= before
    assert len(asyncio.all_tasks()) == tasks
    assert files(directory) == []


async def test_a_provider_stops_at_once_with_clients_in_every_state() -> None:
    """Idle, in the middle of a request, hung, and reading a body without end."""
    before, tasks = descriptors(), len(asyncio.all_tasks())
    async with Provider() as provider:
        provider.set("everything", "hang")
        ports = [port for name, port in provider.ports.items() if name != "ntp"]
        clients = [await asyncio.open_connection("127.0.0.1", port) for port in ports for _ in range(3)]
        for _, writer in clients[::2]:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        provider.set("everything", "")
        provider.control_http.fault = Fault.ENDLESS
        await asyncio.sleep(0.02)
        provider.set("backends", "hang")
        loop = asyncio.get_running_loop()
        stopping = loop.time()
    took = loop.time() - stopping
    for _, writer in clients:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in clients), return_exceptions=True)
    await asyncio.sleep(0.01)

    assert took < 4  # any of its own patience would take longer: a backend's answer, a handshake, a linger
    assert descriptors() <= before
    assert len(asyncio.all_tasks()) == tasks


async def test_every_fault_of_every_part_can_be_switched_on_and_off_again(provider: Provider) -> None:
    """With a client knocking all the time; no fault breaks the part itself."""
    for part in provider.parts.values():
        kind = socket.SOCK_DGRAM if part.sort == "ntp" else socket.SOCK_STREAM
        for fault in SUITS[part.sort]:
            part.fault = fault
            await knock(part.port, kind)
            part.fault = Fault.NONE
            await knock(part.port, kind)
    async with aiohttp.ClientSession() as client, client.get(provider.balancer.url) as answer:
        assert answer.status == 200


async def knock(port: int, kind: socket.SocketKind) -> None:
    """Say hello, and leave without waiting."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=kind) as here:
        here.setblocking(False)
        try:
            await loop.sock_connect(here, ("127.0.0.1", port))
            await loop.sock_sendall(here, b"\x23" + b"hello " * 9)
        except ConnectionError:
            pass
        await asyncio.sleep(0)


async def test_parts_listen_on_loopback_at_the_ports_they_are_given() -> None:
    port = free_port()
    async with Provider({"api": port}) as provider:
        assert provider.api.url == f"http://127.0.0.1:{port}"
        assert len(set(provider.ports.values())) == len(provider.ports)


async def test_a_port_that_is_taken_is_told_and_nothing_stays_open(directory: Path) -> None:
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        await Provider({"balancer": other.getsockname()[1]}).start()

    assert descriptors() <= before
    assert files(directory) == []


async def test_a_part_that_there_is_not_has_no_port() -> None:
    with pytest.raises(UsageError, match=r"expected parts among api, .*; got moon"):
        await Provider({"moon": 1}).start()


async def test_keys_are_new_for_every_provider_and_not_for_others_to_read(provider: Provider) -> None:
    async with Provider() as other:
        assert other.secret_key != provider.secret_key
    assert provider.credentials.stat().st_mode & 0o077 == 0


# ------------------------------------------------------------------------------------- configuration


async def test_its_settings_load_and_fit_the_shipped_contract(provider: Provider, tmp_path: Path) -> None:
    file = tmp_path / "constat.toml"
    file.write_text(provider.configuration(tmp_path / "state", "127.0.0.1:9999"), "utf-8")
    read = settings.load(file, {}, contracts.load)
    contract, sha256 = contracts.load(read.contract_path)
    plan = read.plan(contract, sha256)

    assert read.state == tmp_path / "state"
    assert read.serve.port == 9999
    assert read.notes(contract) == []
    assert {probe.target.split("//")[-1].rstrip("/") for probe in plan.probes} | {
        provider.parts["backend-2"].address,  # only the balancer's probe asks it
        provider.stamps.address,
    } == {part.address for part in provider.parts.values()}
    assert sum(probe.role == "control" for probe in plan.probes) == 2


async def test_its_settings_lead_to_an_authority_that_stamps(provider: Provider, tmp_path: Path) -> None:
    needs("openssl")
    file = tmp_path / "constat.toml"
    file.write_text(provider.configuration(tmp_path), "utf-8")
    [authority] = settings.load(file, {}, contracts.load).stamping()
    stamped = await asyncio.gather(*(stamp(authority, b"data") for _ in range(3)))

    assert len({one.token.serial for one in stamped}) == 3
    assert {(one.token.policy, one.token.accuracy) for one in stamped} == {("1.2.3.4.1", 1_000_000)}


async def test_without_openssl_it_stamps_nothing_and_its_settings_name_no_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    async with Provider() as provider:
        (tmp_path / "constat.toml").write_text(provider.configuration(tmp_path), "utf-8")
        read = settings.load(tmp_path / "constat.toml", {}, contracts.load)
        async with aiohttp.ClientSession() as client, client.post(provider.stamps.url) as answer:
            assert answer.status == 404

    assert "install the package openssl" in provider.stamps.off
    assert read.authorities == ()


async def test_its_settings_lead_to_its_keys(provider: Provider, tmp_path: Path) -> None:
    file = tmp_path / "constat.toml"
    file.write_text(provider.configuration(tmp_path), "utf-8")
    read = settings.load(file, {}, contracts.load)
    keys = {"access_key": provider.access_key, "secret_key": provider.secret_key}

    assert all(read.credentials_of(probe) == keys for probe in read.probes if probe.service)
    assert provider.secret_key not in file.read_text()


async def test_settings_survive_a_directory_with_an_odd_name(provider: Provider, tmp_path: Path) -> None:
    state = tmp_path / 'it\'s "odd" \\ é'
    state.mkdir()
    file = tmp_path / "constat.toml"
    file.write_text(provider.configuration(state), "utf-8")

    assert settings.load(file, {}, contracts.load).state == state


# -------------------------------------------------------------------------------------- the command


@asynccontextmanager
async def alone(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector.demo", *arguments, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()


async def test_alone_it_says_what_it_does_and_ends_at_once_when_interrupted(tmp_path: Path) -> None:
    play = tmp_path / "script.toml"
    play.write_text('[[fault]]\nafter = "1ms"\nfor = "5ms"\npart = "api"\nfault = "http-503"\n')
    file, port = tmp_path / "constat.toml", free_port()
    given = ("--script", str(play), "--configuration", str(file), "--port", f"api={port}")
    async with alone(*given) as process, asyncio.timeout(20):
        assert process.stderr is not None
        lines: list[str] = []
        while not lines or "fault-ends" not in lines[-1]:
            lines.append((await process.stderr.readline()).decode())
        written = settings.load(file, {}, contracts.load)
        process.send_signal(signal.SIGINT)
        rest = await process.stderr.read()
        status = await process.wait()

    assert (status, rest) == (0, b"")
    assert lines[0] == f"event=listening part=api port={port}\n"
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    assert re.fullmatch(f"event=fault-begins part=api fault=http-503 at={instant}\n", lines[-2])
    assert re.fullmatch(rf"event=fault-ends part=api .* at={instant} lasted_s=\d\.\d\d\d\n", lines[-1])
    assert written.probes[0].target == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--port", "api=x"), "--port: expected"),
        (("--port", "moon=1"), "got moon"),
        (("--script", __file__), "expected TOML"),
    ],
)
def test_alone_it_says_what_is_wrong_and_ends_with_2(given: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(main, given)

    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
