"""What the figures stand on: clocks, the one assumption, the provider's records, and how all is verified."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporters.documents import show, statement
from exporters.documents.report import setting
from exporters.documents.report.blocks import Block, code, facts, heading, kept, points, say, table
from exporters.documents.report.facts import Origin, ReportFacts, Stamp
from exporters.documents.report.voice import Voice

ENTRIES = 10
"""So many entries of the provider's records are listed of a kind."""

COMMANDS = (
    "sha256sum -c manifest-sha256.txt",
    "python3 data/verify.py{deposit}",
    "constat verify BUNDLE.zip{deposit}",
    "constat account --journal data --contract data/contract.toml",
)
"""What verifies a bundle, with nothing but common tools and with Constat; {deposit}, where one is named."""

STAMPS = 6
"""So many stamps of an origin are listed: those around the outages, then the first and the last."""


def quality(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """The clock, and what is assumed."""
    yield heading(voice("quality-heading"))
    yield say(voice("clock-told"))
    rows = []
    for one in report.clocks:
        steps = [voice("step", at=voice.cell(at), by=voice.long(by)) for at, by in one.steps[:5]]
        rows.append(
            [
                one.origin,
                one.vantage,
                ", ".join(voice.term("clock-source", source) for source in one.sources),
                str(one.lines),
                voice("not-stated") if one.worst is None else voice.long(one.worst),
                show.grouped(one.unbounded),
                voice.join(steps) or voice("none"),
            ]
        )
    heads = ("origin", "vantage", "source", "clock-lines", "bound", "unbounded", "steps")
    if rows:
        yield table([voice(f"heads.{head}") for head in heads], rows, [4, 0, 0, 0, 0, 0, 4], right=(3, 4, 5))
    else:
        yield say(voice("clock-none"), "unsure")
    yield say(voice("assumption", terms=setting.terms(report, voice)))


# ------------------------------------------------------------------------------------- the provider's records


def provider(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """Requests of ours held against what the provider logged (`provider.json`)."""
    told = report.provider
    if told is None:
        return
    yield heading(voice("provider-heading"))
    ours = {
        (one.watcher.origin, cited.line.seq)
        for one in report.witnesses
        if not one.control
        for cited in one.samples or ()
    }
    served, missing = (
        [entry for entry in told.get(key, ()) if not ours or (entry["origin"], entry["seq"]) in ours]
        for key in ("matched", "not_logged")
    )
    captures = voice.count(len(told.get("collected", ())), "capture")
    yield say(voice("provider-told", captures=captures))
    counts = Counter(str(entry["status"]) for entry in served)
    kinds = ", ".join(voice("with-status", number=n, status=status) for status, n in sorted(counts.items()))
    yield points(
        (
            voice("provider-served", requests=voice.count(len(served), "request"), kinds=kinds or "—"),
            voice("provider-never-logged", requests=voice.count(len(missing), "request")),
            voice(
                "provider-rest",
                unknown=show.grouped(told.get("not_collected", 0) + told.get("unmatchable", 0)),
                others=show.grouped(told.get("not_ours", 0)),
            ),
        )
    )
    clocks = told.get("clocks")
    if clocks is not None:
        least, most = (voice.long(clocks[edge]) for edge in ("least", "most"))
        yield say(voice("provider-clock", least=least, most=most, calls=show.grouped(clocks["compared"])))
    yield from _missing(missing, voice)
    yield from _served(served, voice)


def _missing(entries: Sequence[Mapping[str, Any]], voice: Voice) -> Iterator[Block]:
    if entries:
        yield heading(voice("never-logged-heading"), 3)
        yield table(
            [voice(f"heads.{head}") for head in ("line", "probe", "request", "status-ours")],
            (
                [
                    f"{entry['origin']}:{entry['seq']}",
                    entry["probe"],
                    str(entry.get("request_id") or entry.get("user_agent") or "—"),
                    str(entry["answered"] or "—"),
                ]
                for entry in entries[:ENTRIES]
            ),
            [3, 2, 6, 2],
        )
        yield from _more(len(entries), voice)


def _served(entries: Sequence[Mapping[str, Any]], voice: Voice) -> Iterator[Block]:
    if entries:
        yield heading(voice("served-heading"), 3)
        yield table(
            [
                voice(f"heads.{head}")
                for head in ("line", "request", "call", "date-theirs", "status-theirs", "status-ours", "took")
            ],
            (
                [
                    f"{entry['origin']}:{entry['seq']}",
                    str(entry["request_id"]),
                    str(entry["call"]),
                    voice.cell(entry["date"]),
                    str(entry["status"]),
                    str(entry["answered"] or "—"),
                    voice.long(entry["duration"]),
                ]
                for entry in entries[:ENTRIES]
            ),
            [4, 9, 4, 4, 0, 0, 0],
        )
        yield from _more(len(entries), voice)


def _more(number: int, voice: Voice) -> Iterator[Block]:
    if number > ENTRIES:
        yield say(voice("and-more", more=show.grouped(number - ENTRIES)))


# ----------------------------------------------------------------------------------------------- verification


def verification(report: ReportFacts, voice: Voice) -> Iterator[Block]:
    """What vouches for the lines, and how anybody holds all of this against them."""
    yield heading(voice("verify-heading"))
    yield say(voice("verify-told", sha=statement.sha256(report.statement)))
    for one in report.origins:
        yield from _origin(report, one, voice)
    if report.deposits:
        yield say(voice("deposited", where=voice.join(report.deposits)))
    else:
        stamped = any(one.stamps for one in report.origins)
        yield say(voice("no-deposit-but-stamps" if stamped else "no-deposit"), "unsure")
    how, given = voice("commands"), ""
    if report.deposits:
        how, given = f"{how} {voice('commands-deposit')}", " --deposit DEPOT.txt"
    yield from kept([say(how), code(one.format(deposit=given) for one in COMMANDS)])
    yield say(voice("verify-limits", speaks=", ".join(setting.speaks(report, voice))), "quiet")


def _origin(report: ReportFacts, one: Origin, voice: Voice) -> Iterator[Block]:
    if one.first is None or one.last is None:
        lines = voice("no-stretch")
    else:
        lines = voice("stretch", first=show.grouped(one.first), last=show.grouped(one.last))
    rows = [
        (voice("label-origin"), voice("origin", origin=one.origin, vantage=one.vantage)),
        (voice("label-lines"), lines),
        (voice("label-head"), voice("head", size=show.grouped(one.size), root=one.root or voice("no-root"))),
    ]
    rows += [(voice("label-key"), key) for key in one.keys] or [(voice("label-key"), voice("no-key"))]
    chosen = _stamps(report, one)
    rows += [
        (
            voice("label-stamp"),
            voice(
                "stamp",
                authority=stamp.authority,
                size=show.grouped(stamp.size),
                at=voice.at(stamp.at),
                accuracy=""
                if stamp.accuracy is None
                else voice("accuracy", within=voice.long(stamp.accuracy)),
            ),
        )
        for stamp in chosen
    ]
    if not chosen:
        rows.append((voice("label-stamp"), voice("no-stamp")))
    elif len(one.stamps) > len(chosen):
        rows.append(("", voice("stamps-in-all", stamps=voice.count(len(one.stamps), "stamp"))))
    yield facts(rows)


def _stamps(report: ReportFacts, one: Origin) -> list[Stamp]:
    """The stamps that say most: the first after each outage's end, then the first and the last of all."""
    stamps = sorted(one.stamps, key=lambda stamp: (stamp.at, stamp.authority))
    after = [next((s for s in stamps if s.at >= outage.ends), None) for outage in report.detailed]
    wanted = [*after, *stamps[:1], *stamps[-1:]]
    chosen = list(dict.fromkeys(stamp for stamp in wanted if stamp is not None))[:STAMPS]
    return sorted(chosen, key=lambda stamp: (stamp.at, stamp.authority))


def vocabulary(voice: Voice) -> Block:
    """What the words of the report mean."""
    told = ["words-up", "words-down", "words-edge", "words-unknown", "words-vantage", "words-control"]
    return points(voice(key) for key in told)
