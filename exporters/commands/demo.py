"""`constat demo`: a provider on loopback that fails on a script, watched as a real one would be."""

import asyncio
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

import click
from rich.console import Group, RenderableType
from rich.live import Live

from collector import settings
from collector.core.calendar import Calendar
from collector.core.contract import Contract
from collector.core.outage import Outage
from collector.core.timeline import SECOND, Duration, Instant, duration, duration_of
from collector.demo import script
from collector.demo.provider import Provider
from collector.demo.script import Script
from collector.errors import JournalError, UsageError
from collector.host.clock import wall_us
from collector.journal import layout, timestamp
from exporters import query
from exporters.commands import options, tables
from exporters.commands.children import Children
from exporters.commands.exhibit import Exhibit
from exporters.commands.run import ourselves
from exporters.commands.world import configured
from exporters.documents import show
from exporters.query import Observed

REFRESH_S = 0.5
LOG = "constat.log"
"""Where the children's log goes, so that it does not run through the table."""


@click.command()
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything here, in a new directory; else nowhere.",
)  # fmt: skip
@click.option("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="Of /metrics and the page.")
@click.option("--for", "lasting", metavar="DURATION", help='End by itself after, for example, "100s".')
@options.utc
def demo(state: Path | None, listen: str, lasting: str | None, utc: bool) -> None:
    """Show an outage opening and closing, with nothing configured and no network; Ctrl-C ends it."""
    try:
        length = None if lasting is None else duration_of(lasting)
    except ValueError as error:
        raise UsageError(f"--for: {error}") from None
    with _kept_in(state) as directory:
        asyncio.run(_Demo(directory, listen, length, utc=utc).run())


@contextmanager
def _kept_in(state: Path | None) -> Iterator[Path]:
    if state is not None:
        layout.must_be_new(state)
        state.mkdir(parents=True, exist_ok=True)
        yield state
        return
    with tempfile.TemporaryDirectory(prefix="constat-demo-") as directory:
        yield Path(directory)


class _Demo:
    """The provider, a collector and an exporter, and a screen that shows what they make of each other."""

    def __init__(self, state: Path, listen: str, length: Duration | None, *, utc: bool) -> None:
        self._state, self._listen, self._length = state, listen, length
        self._script = script.load(settings.shipped("demo.toml"))
        self._utc = utc

    async def run(self) -> None:
        """Until the time is up, a signal comes, or a child fails."""
        config = self._state / "constat.toml"
        async with Provider() as provider, Children() as children:
            config.write_text(provider.configuration(self._state, self._listen), "utf-8")
            world = configured(config)
            with (self._state / LOG).open("ab") as log:
                for name, arguments in (
                    ("collector", ourselves("collector", "--config", str(config))),
                    ("exporter", ourselves("exporters", "serve", "--config", str(config))),
                ):
                    await children.start(name, arguments, stderr=log)
            provider.follow(self._script)
            if provider.stamps.off:
                click.echo(f"No time stamps: {provider.stamps.off}", err=True)
            teller = _Teller(
                self, world.contract, world.calendar, show.zone(world.contract.zone, utc=self._utc)
            )
            with teller.showing() as tell, (self._state / LOG).open("ab") as log:
                exhibit = Exhibit(self._state, config, log, lambda: teller.ended)
                teller.evidence = lambda: exhibit.said
                showing = asyncio.create_task(_nothing() if provider.stamps.off else exhibit.run())
                try:
                    ended = await self._watch(children, tell)
                finally:
                    showing.cancel()
                    await asyncio.wait([showing])
        if ended:
            click.echo((self._state / LOG).read_text("utf-8", "replace"), err=True, nl=False)
            children.raise_if_it_failed(ended)

    async def _watch(self, children: Children, tell: Callable[[], None]) -> str | None:
        loop = asyncio.get_running_loop()
        until = None if self._length is None else loop.time() + self._length / SECOND
        while until is None or loop.time() < until:
            ended = await children.wait(REFRESH_S)
            if ended is not None:
                return ended
            await asyncio.to_thread(tell)
        return None

    @property
    def address(self) -> str:
        """Where the exporter serves; empty until its figures can be asked for."""
        found = re.search(r"event=ready address=(\S+)", (self._state / LOG).read_text("utf-8", "replace"))
        return found[1] if found else ""

    @property
    def state(self) -> Path:
        return self._state

    @property
    def script(self) -> Script:
        return self._script


async def _nothing() -> None:
    """There is no evidence without a time stamp."""


class _Teller:
    """Shows on a terminal one table, always anew; elsewhere one line for each change."""

    def __init__(self, of: _Demo, contract: Contract, calendar: Calendar, where: tzinfo) -> None:
        self._of, self._contract, self._calendar, self._where = of, contract, calendar, where
        self._began = wall_us()
        self._console = tables.console()
        self._known: dict[str, str] = {}
        self.ended = ""
        """The first outage that has ended."""
        self.evidence: Callable[[], str] = str
        """What is said of the evidence."""

    @contextmanager
    def showing(self) -> Iterator[Callable[[], None]]:
        """Gives what brings the screen up to date."""
        if not self._console.is_terminal:
            yield self._tell_changes
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="visible") as live:
            yield lambda: live.update(self._screen(), refresh=True)

    def _observed(self) -> Observed | None:
        try:
            found = query.latest(self._of.state, self._contract)
        except JournalError:
            return None  # the collector has not written its first line yet
        if not found.told:
            return None
        now = query.observed(found, self._contract, self._calendar, wall_us())
        over = [one.id for one in now.account.outages if not one.open]
        self.ended = self.ended or next(iter(over), "")
        return now

    def _screen(self) -> RenderableType:
        now = self._observed()
        address = self._of.address
        head = (
            f"Metrics: {address}metrics   page: {address}   journal: {self._of.state}"
            if address
            else "starting"
        )
        if now is None:
            return Group(head, "", "waiting for the first line of the journal")
        stamped = self._stamped()
        shown = now.account.outages[-5:]
        return Group(
            head,
            "",
            f"The provider: {self._scene()}",
            f"The journal: {stamped}" if stamped else "The journal: no time stamp yet",
            "",
            tables.present(now, self._where),
            "",
            tables.outages(shown, self._where) if shown else "No outage yet.",
            "",
            f"Evidence: {self.evidence() or 'none yet'}",
            "",
            "Ctrl-C ends it.",
        )

    def _scene(self) -> str:
        elapsed = wall_us() - self._began
        scenes = self._of.script.fault
        if self._of.script.repeat:
            elapsed %= self._of.script.repeat
        for scene in scenes:
            begin = scene.after
            if begin <= elapsed < begin + scene.for_:
                return scene.says or f"{scene.part}: {scene.fault}"
        coming = [scene.after - elapsed for scene in scenes if scene.after > elapsed]
        return f"all is well; the next fault comes in {min(coming) // SECOND} s" if coming else "all is well"

    def _stamped(self) -> str:
        """Who stamped the journal last, and when; empty before the first stamp."""
        stamps = sorted(self._of.state.glob("checkpoints/*/*.tsr"))
        if not stamps:
            return ""
        at = timestamp.parse(stamps[-1].read_bytes()).gen_time
        return f"{len(stamps)} time stamps, the last of {self._at(at)}"

    def _tell_changes(self) -> None:
        now = self._observed()
        if address := self._of.address:
            self._tell("metrics", f"{address}metrics")
        scene = self._scene()
        self._tell("provider", "all is well" if scene.startswith("all is well") else scene)
        if stamped := self._stamped():
            self._tell("journal", stamped)
        if evidence := self.evidence():
            self._tell("evidence", evidence)
        if now is None:
            return
        for service in now.services:
            self._tell(f"service {service.service}", service.state)
        for outage in now.account.outages:
            self._tell(f"outage {outage.id}", self._bounds(outage), only="open" if outage.open else "closed")

    def _bounds(self, outage: Outage) -> str:
        if outage.open:
            return f"open, possible since {self._at(outage.begins)}"
        certain = f"{self._at(outage.certain[0].start)} to {self._at(outage.certain[-1].end)}"
        return (
            f"closed, certain {certain} ({show.duration(duration(outage.certain))}),"
            f" possible {self._at(outage.begins)} to {self._at(outage.ends)}"
            f" ({show.duration(duration(outage.possible))})"
        )

    def _at(self, instant: Instant) -> str:
        return show.instant(instant, self._where)

    def _tell(self, what: str, news: str, *, only: str = "") -> None:
        """Say `news` of `what`, if it is news; where `only` is given, that alone decides."""
        if self._known.get(what) != (only or news):
            self._known[what] = only or news
            click.echo(f"{self._at(wall_us())}  {what}: {news}")
