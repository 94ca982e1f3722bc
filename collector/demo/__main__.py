"""`python -m collector.demo`: the demonstration provider alone; a line for each fault it begins or ends."""

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from collector.core.timeline import SECOND, Instant
from collector.demo import script
from collector.demo.fault import Truth
from collector.demo.provider import Provider
from collector.errors import ConstatError
from collector.settings import shipped


@click.command()
@click.option(
    "--configuration",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write settings for a collector here, once everything answers.",
)
@click.option("--state", type=click.Path(path_type=Path), default=Path("data"), help="Its state directory.")
@click.option("--listen", default="127.0.0.1:9617", help="Where its read side listens.")
@click.option("--script", "play", type=click.Path(exists=True, path_type=Path), help="Another script.")
@click.option("--calm", is_flag=True, help="No script: nothing fails.")
@click.option("--port", "ports", multiple=True, metavar="PART=PORT", help="A port of a part's own.")
def main(
    configuration: Path | None,
    state: Path,
    listen: str,
    play: Path | None,
    calm: bool,
    ports: tuple[str, ...],
) -> None:
    """A small provider on loopback that fails on a script, until it is interrupted."""
    try:
        scenes = script.Script() if calm else script.load(play or shipped("demo.toml"))
        asyncio.run(_run(_ports(ports), scenes, configuration, state, listen))
    except ConstatError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except OSError as error:
        print(f"error: {error}; is a port taken, or a directory not there?", file=sys.stderr)
        sys.exit(ConstatError.exit_status)


async def _run(
    ports: dict[str, int], scenes: script.Script, configuration: Path | None, state: Path, listen: str
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, ended.set)
    async with Provider(ports) as provider:
        provider.listen(_tell)
        if configuration is not None:
            _write(configuration, provider.configuration(state, listen))
        for name, port in provider.ports.items():
            _log("listening", part=name, port=port)
        provider.follow(scenes)
        await ended.wait()


def _ports(given: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in given:
        part, _, port = word.partition("=")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise click.UsageError(f'--port: expected a part and a port like "api=8001", got "{word}"')
        found[part] = int(port)
    return found


def _write(path: Path, text: str) -> None:
    """All at once: whoever waits for the file never sees half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text, "utf-8")
    draft.rename(path)


def _tell(truth: Truth) -> None:
    if truth.end is None:
        _log("fault-begins", part=truth.part, fault=truth.fault, at=_utc(truth.start))
    else:
        lasted = f"{(truth.end - truth.start) / SECOND:.3f}"
        _log("fault-ends", part=truth.part, fault=truth.fault, at=_utc(truth.end), lasted_s=lasted)


def _utc(at: Instant) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{at % SECOND:06d}Z")


def _log(event: str, **values: object) -> None:
    print(f"event={event}", *(f"{key}={value}" for key, value in values.items()), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
