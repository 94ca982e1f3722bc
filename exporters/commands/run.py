"""`constat run | collect | serve`: the measuring process, the reading process, or both as children of one."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path

import click

from collector import daemon
from collector.core.latency import limits
from collector.errors import ConfigurationError, ConstatError
from collector.host.clock import wall_us
from collector.host.notify import Notifier
from collector.host.program import log_to_stderr
from collector.settings.listen import Listen, listen_of
from exporters import query
from exporters.commands import options
from exporters.commands.children import Children
from exporters.commands.world import World, configured
from exporters.documents import show
from exporters.index import tail
from exporters.index.rebuild import rebuild
from exporters.index.store import UnusableIndexError
from exporters.kinds import metrics
from exporters.kinds.web.app import Views, serving, until_told_to_stop
from exporters.kinds.web.guard import Door, permitted

log = logging.getLogger("exporters")

PERIOD_S = 15.0
"""How often the index takes in new lines; who asks in between reads the newest from the journal himself."""

SOON_S = 1.0
"""How often it is tried while there is no index."""

ALIVE_S = 10.0
"""How often the service manager hears that we live."""


def ourselves(module: str, *arguments: str) -> Sequence[str]:
    """What to give Python to start another of our processes."""
    return [*(["-I"] if sys.flags.isolated else []), "-m", module, *arguments]


@click.command()
@options.config
def run(config: Path) -> int:
    """Measure and serve: the collector and the exporter as two children, until one ends or Ctrl-C.

    SIGHUP has the collector read its settings anew.
    """
    daemon.configured(config, os.environ)  # what is wrong is told once, and nothing is started
    return asyncio.run(_run(config))


async def _run(config: Path) -> int:
    async with Children() as children:
        await children.start("collector", ourselves("collector", "--config", str(config)), reloads=True)
        await children.start("exporter", ourselves("exporters", "serve", "--config", str(config)))
        ended = await children.wait()
    if ended:
        children.raise_if_it_failed(ended)
    return 0


@click.command()
@options.config
def collect(config: Path) -> None:
    """Measure alone: write the journal, serve nothing."""
    os.execv(sys.executable, [sys.executable, *ourselves("collector", "--config", str(config))])


@click.command()
@options.config
@click.option("--listen", metavar="HOST:PORT", help="Instead of what the settings say.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="CONSTAT_TOKEN_FILE",
    help="A file with the token that askers must bear; needed beyond loopback.",
)
@click.option("--certificate", type=click.Path(path_type=Path), help="For TLS, in PEM.")
@click.option("--key", type=click.Path(path_type=Path), help="The certificate's, in PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy that ends TLS stands before this server.")
def serve(
    config: Path,
    listen: str | None,
    token_file: Path | None,
    certificate: Path | None,
    key: Path | None,
    behind_proxy: bool,
) -> None:
    """Read journals, keep the index, serve /metrics, a page and /api/v1."""
    log_to_stderr()
    world = configured(config)
    assert world.settings is not None
    where = world.settings.serve if listen is None else _listen(listen)
    door = Door(
        host=where.host,
        port=where.port,
        token=_token(token_file),
        certificate=certificate,
        key=key,
        behind_proxy=behind_proxy,
    )
    permitted(door)
    spare_collections()
    asyncio.run(_Server(world, door).run())


def spare_collections() -> None:
    """Collect rarely, and never walk what was loaded: an account has many objects and leaves no cycle."""
    gc.freeze()
    gc.set_threshold(50_000)


def _listen(text: str) -> Listen:
    try:
        return listen_of(text)
    except ValueError as error:
        raise ConfigurationError([f"--listen: {error}"]) from None


def _token(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError([f"--token-file: {file}: expected a readable token, got: {error}"]) from None
    if not token:
        raise ConfigurationError([f"--token-file: {file}: expected a token, got an empty file"])
    return token


class _Server:
    """The reading process."""

    def __init__(self, world: World, door: Door) -> None:
        self._world = world
        self._door = door
        self._notifier = Notifier(os.environ.get("NOTIFY_SOCKET", ""))
        self._stop = threading.Event()
        self._address = ""
        self._unready = "the index is being brought up to date"

    async def run(self) -> None:
        """Serve until a signal ends it."""
        async with serving(self._views(), self._door) as self._address:
            log.info("event=serving address=%s", self._address)
            told = asyncio.ensure_future(until_told_to_stop())
            keeping = [asyncio.ensure_future(task) for task in (self._keep_index(), self._keep_alive())]
            done, _ = await asyncio.wait((told, *keeping), return_when=asyncio.FIRST_COMPLETED)
            self._notifier.stopping()
            self._stop.set()
            for task in (told, *keeping):
                task.cancel()
            for task in done:
                task.result()  # what broke one of ours is raised, not lost

    async def _keep_index(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._take_in)
            except ConstatError as error:
                if self._unready != str(error):
                    log.error("event=index kept=no why=%r", str(error))
                self._unready = str(error)
            else:
                if self._unready:
                    log.info("event=ready address=%s", self._address)
                    self._notifier.ready()
                self._unready = ""
            await asyncio.sleep(SOON_S if self._unready else PERIOD_S)

    def _take_in(self) -> None:
        told = limits(self._world.contract)
        try:
            tail.poll(self._world.state, told, self._stop.is_set)
        except UnusableIndexError as error:
            log.info("event=rebuild why=%r", str(error))
            rebuild(self._world.state, told, stop=self._stop.is_set)

    async def _keep_alive(self) -> None:
        while True:
            self._notifier.alive()
            await asyncio.sleep(ALIVE_S)

    def _views(self) -> Views:
        where: tzinfo = show.zone(self._world.contract.zone, utc=False)
        return Views(
            metrics=lambda: metrics.exposition(self._observed),
            present=lambda: query.status_json(self._observed()),
            unready=lambda: self._unready,
            where=where,
        )

    def _observed(self) -> query.Observed:
        world = self._world
        found = query.indexed(world.state, world.contract)
        return query.observed(found, world.contract, world.calendar, wall_us())
