"""Sources as the settings name them: what to ask the provider for, when, and with whose keys."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from collector.core.timeline import DAY, HOUR, MINUTE, SECOND, Duration, Instant
from collector.settings.draft import Account, AskedSource, Draft, bad_name, written
from collector.sources import sources
from collector.tables import shown

_AT = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

EVERY_MIN: Duration = 5 * SECOND
"""More often than this is measuring, which a source is not for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One kind of source for one account, with its defaults."""

    kind: str
    account: str
    region: str
    target: str
    at: Duration
    """Time of the day, UTC, as µs after midnight; of no meaning where `every` is given."""
    every: Duration | None
    settle: Duration
    """How long the provider may take until all of an instant can be read."""
    credentials: str

    def due(self, before: Instant | None) -> Instant:
        """When it is to be asked, if it was last asked at `before`: at once, if never."""
        if before is None:
            return 0
        if self.every is not None:
            return before + self.every
        return (before - self.at) // DAY * DAY + self.at + DAY


def source_of(asked: AskedSource, account: Account) -> Source:
    """A source that `problems` had nothing to say about."""
    spec = sources()[asked.kind]
    found = _AT.fullmatch(asked.at)
    assert found is not None
    return Source(
        kind=asked.kind,
        account=asked.account,
        region=account.region,
        target=asked.target or spec.home(account.region),
        at=int(found[1]) * HOUR + int(found[2]) * MINUTE,
        every=asked.every,
        settle=spec.settle if asked.settle is None else asked.settle,
        credentials=asked.credentials or account.credentials,
    )


def problems(draft: Draft) -> Iterator[str]:
    """What is wrong with the sources of a file, one by one and with each other."""
    named = {account.id: account.credentials for account in draft.accounts.values()}
    seen: dict[tuple[str, str], int] = {}
    for k, asked in draft.asked_sources.items():
        place = f"source[{k}]"
        if asked.kind not in sources():
            yield f"{place}.kind: expected one of {', '.join(sources())}; got {shown(asked.kind)}"
            continue
        first = seen.setdefault((asked.kind, asked.account), k)
        if first != k:
            yield f"{place}: expected another kind or account, got those of source[{first}]"
        yield from bad_name(f"{place}.account", asked.account)
        if not (asked.credentials or named.get(asked.account, "?")):
            yield (
                f"{place}.credentials: expected the name of the keys that its signed requests need, "
                "here or of its account; got nothing"
            )
        yield from _odd_times(place, asked)
        if asked.target:
            try:
                sources()[asked.kind].fits(asked.target)
            except ValueError as error:
                yield f"{place}.target: {error}"


def _odd_times(place: str, asked: AskedSource) -> Iterator[str]:
    if not _AT.fullmatch(asked.at):
        yield f'{place}.at: expected a time of the day in UTC, like "02:30", got {shown(asked.at)}'
    if asked.every is not None and asked.every < EVERY_MIN:
        yield f"{place}.every: expected at least {written(EVERY_MIN)}, got {written(asked.every)}"
    if asked.settle is not None and not 0 <= asked.settle <= DAY:
        yield f'{place}.settle: expected up to "1 d", got {written(asked.settle)}'
