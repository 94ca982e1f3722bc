"""All parts of the demonstration provider, started and stopped as one, failing by hand or by script."""

import asyncio
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from collector.core.timeline import Duration
from collector.demo import certificate
from collector.demo.api import Api
from collector.demo.balancer import Balancer
from collector.demo.configuration import configuration
from collector.demo.echo import Echo
from collector.demo.fault import Fault, Truth
from collector.demo.names import Names
from collector.demo.ntp import TimeServer
from collector.demo.part import Part
from collector.demo.script import Script, Switch, perform
from collector.demo.stamps import Stamps
from collector.demo.storage import Storage
from collector.demo.web import Site
from collector.errors import ConfigurationError, UsageError

PAGE = b"<html><body><p>constat demonstration</p></body></html>\n"


class Provider:
    """A provider on loopback. `async with Provider() as provider:` has it running on free ports.

    `ports` gives parts a port of their own by name; the others get a free one. Faults are switched by
    `provider.api.fault = Fault.HANG`, by name with `set`, or by a script with `follow`.
    """

    def __init__(self, ports: Mapping[str, int] | None = None) -> None:
        self.access_key = "DEMO" + secrets.token_hex(8).upper()
        self.secret_key = secrets.token_hex(20).upper()
        self._ports = dict(ports or {})
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._performance: asyncio.Task[None] | None = None
        self._parts: dict[str, Part] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Make certificates and start every part; all of them, or none where a port is taken."""
        self._directory = tempfile.TemporaryDirectory(prefix="constat-demo-")
        directory = Path(self._directory.name)
        self.credentials = directory / "credentials.json"
        """File with the keys that sign, for a collector's settings."""
        self.credentials.touch(mode=0o600)
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        self.credentials.write_bytes(msgspec.json.encode(keys))
        self._build(directory)
        unknown = sorted(self._ports.keys() - self._parts.keys())
        try:
            if unknown:
                raise UsageError(
                    f"ports: expected parts among {', '.join(self._parts)}; got {', '.join(unknown)}"
                )
            for part in self._parts.values():
                await part.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every part; faults in force end in `truth`. Stopping twice does nothing more."""
        if self._performance is not None:
            self._performance.cancel()
            await asyncio.gather(self._performance, return_exceptions=True)
            self._performance = None
        await asyncio.gather(*(part.stop() for part in self._parts.values()))
        await asyncio.sleep(0)  # the loop closes the sockets of cut connections in its next round
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def _build(self, directory: Path) -> None:
        certificates = certificate.make(directory)
        keys = {self.access_key: self.secret_key}
        port = self._ports.get
        self.authority = certificates.authority
        """File of the authority that signed the site's certificate."""
        self.api = Api("api", keys, port("api", 0))
        self.storage = Storage("storage", keys, port("storage", 0))
        self.dns = Names("dns", port("dns", 0))
        self.ntp = TimeServer("ntp", port("ntp", 0))
        self.site = Site("site", PAGE, certificates, port("site", 0))
        self.echo = Echo("echo", port("echo", 0))
        self.backends = tuple(
            Site(name, PAGE, port=port(name, 0), mark=name) for name in ("backend-1", "backend-2")
        )
        self.balancer = Balancer("balancer", self.backends, port("balancer", 0))
        self.control_http = Site("control-http", b"still here\n", port=port("control-http", 0))
        self.control_tcp = Echo("control-tcp", port("control-tcp", 0))
        self.stamps = Stamps("stamps", directory, port("stamps", 0))
        parts: tuple[Part, ...] = (
            self.api, self.storage, self.dns, self.ntp, self.site, self.echo, *self.backends, self.balancer,
            self.control_http, self.control_tcp, self.stamps,
        )  # fmt: skip
        self._parts = {part.name: part for part in parts}

    @property
    def parts(self) -> Mapping[str, Part]:
        """Every part by name."""
        return self._parts

    @property
    def ports(self) -> dict[str, int]:
        """The port of every part by name."""
        return {name: part.port for name, part in self._parts.items()}

    @property
    def truth(self) -> list[Truth]:
        """When each part was really faulty, in the order in which it began."""
        return sorted(
            (t for part in self._parts.values() for t in part.truth), key=lambda t: (t.start, t.part)
        )

    def members(self, name: str) -> tuple[Part, ...]:
        """The parts that a name stands for: one, or the group `backends`, `controls` or `everything`."""
        groups = {
            "backends": self.backends,
            "controls": (self.control_http, self.control_tcp),
            "everything": tuple(self._parts.values()),
        }
        if name in groups:
            return groups[name]
        if name in self._parts:
            return (self._parts[name],)
        known = ", ".join((*self._parts, *groups))
        raise UsageError(f"part: expected one of {known}; got {name}")

    def set(self, name: str, fault: str, delay: Duration = 0) -> None:
        """Give a part or a group a fault by its name ("" for none); `delay` (µs) is for `slow`."""
        try:
            wanted = Fault(fault)
        except ValueError:
            known = ", ".join(sorted(Fault))
            raise UsageError(f"fault of part {name}: expected one of {known}; got {fault}") from None
        for part in self.members(name):
            if delay:
                part.delay = delay
            part.fault = wanted

    def follow(self, script: Script) -> None:
        """Fail as a script says, from now on; ConfigurationError if it names what there is not."""
        problems: list[str] = []
        for index, scene in enumerate(script.fault):
            try:
                for part in self.members(scene.part):
                    part.check(scene.fault)
            except UsageError as error:
                problems.append(f"fault[{index}]: {error}")
        if problems:
            raise ConfigurationError(problems)
        self._performance = asyncio.get_running_loop().create_task(perform(script, self._switch))

    def _switch(self, step: Switch) -> None:
        self.set(step.part, step.fault, step.delay)

    def configuration(self, state: Path, listen: str = "127.0.0.1:9617") -> str:
        """The text of a constat.toml that watches every part; `state` is the collector's state directory."""
        return configuration(self, state, listen)

    def listen(self, heard: Callable[[Truth], None]) -> None:
        """Have `heard` told of every beginning and end of a fault."""
        for part in self._parts.values():
            part.heard = heard
