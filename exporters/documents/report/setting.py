"""What figures stand on, a sentence each: who looked from where, at which address, what vouches for it."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from collector.core.attainment import Attainment
from collector.core.record import Sample
from collector.core.verdict import Watcher
from exporters.documents import blindness, show
from exporters.documents.report.facts import ReportFacts
from exporters.documents.report.voice import Voice
from exporters.documents.words import SHOWN

_PRIVATE = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]


def services(report: ReportFacts) -> Sequence[str]:
    """Those that the report is about."""
    return sorted({group.one.service for group in report.groups} | {o.service for o in report.outages})


def watchers(report: ReportFacts, *, controls: bool = False) -> Sequence[Watcher]:
    """The probes, or the controls, of those services, at whatever time."""
    watches = (watch for name in services(report) for _, watch in report.account.watched[name])
    return list(dict.fromkeys(w for one in watches for w in (one.controls if controls else one.probes)))


def vantages(report: ReportFacts) -> Sequence[str]:
    """From where they were looked at."""
    return sorted({watcher.vantage for watcher in watchers(report)})


def measured_by(report: ReportFacts, voice: Voice) -> str:
    """Who looked, from how many places, and whether anything shows that it was not our own fault."""
    places = vantages(report)
    told = voice("measured-by-one" if len(places) == 1 else "measured-by", vantages=", ".join(places))
    controls = sorted({one.probe for one in watchers(report, controls=True)})
    beside = voice("beside-controls", names=", ".join(controls)) if controls else voice("beside-nothing")
    return f"{told} {beside}"


def covered(report: ReportFacts, one: Attainment, voice: Voice) -> str:
    """How much of the window somebody looked at, how much nobody did, and how much is still to come."""
    if one.coverage is None:
        return voice("no-time")
    if not one.unknown:
        return voice("coverage-whole")
    ahead, share = blindness.to_come(one, report.account), voice.digits(one.coverage)
    missed = one.unknown - ahead
    if not ahead:
        return voice("coverage", share=share, unknown=voice.long(missed))
    word = "some" if missed else "none"
    return voice(f"coverage-ahead-{word}", share=share, ahead=voice.long(ahead), unknown=voice.long(missed))


def terms(report: ReportFacts, voice: Voice) -> str:
    """How far apart two failures may be for the time between them to count as down (S3)."""
    known = (report.context.asked.get((one.origin, one.probe)) for one in watchers(report))
    return ", ".join(map(voice.long, sorted({one.persistence for one in known if one is not None}))) or "—"


# ------------------------------------------------------------------------------------------- what was asked


def addresses(report: ReportFacts, of: Iterable[Watcher], voice: Voice) -> Iterator[str]:
    """What probes ask, each with what is to be known of where it is."""
    found = targets(report, of)
    for target in found[:SHOWN]:
        where = near(target)
        yield target if where is None else voice("labelled", name=target, told=voice(f"address-{where}"))
    if len(found) > SHOWN:
        yield voice("and-more", more=show.grouped(len(found) - SHOWN))


def targets(report: ReportFacts, of: Iterable[Watcher]) -> Sequence[str]:
    """Their addresses, each once."""
    known = (report.context.asked.get((one.origin, one.probe)) for one in of)
    return list(dict.fromkeys(asked.target for asked in known if asked is not None))


def near(target: str) -> str | None:
    """Whether an address is on the measuring machine itself, or in a private network; None where it is not,
    or is a name, of which nobody can tell."""
    host = _host(target)
    if host == "localhost" or host.endswith(".localhost"):
        return "loopback"
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.is_loopback:
        return "loopback"
    return "private" if any(address in network for network in _PRIVATE) else None


def _host(target: str) -> str:
    if target.count(":") > 1 and not {*target} & {*"/[]"}:  # an address of IPv6 alone
        return target
    try:
        return urlsplit(target if "//" in target else f"//{target}").hostname or target
    except ValueError:
        return target


# --------------------------------------------------------------------------------------------- what vouches


def vouched(report: ReportFacts, voice: Voice) -> str:
    """Signed, stamped, deposited: each as it is in this bundle."""
    signed, stamped, deposited = _vouching(report)
    return ", ".join(
        (voice(f"signed-{signed}"), voice(f"stamped-{stamped}"), voice(f"deposited-{deposited}"))
    )


def trust(report: ReportFacts, voice: Voice, section: int) -> str:
    """How far this bundle can be verified by somebody who does not trust whoever made it."""
    known = {*_vouching(report)}
    whole = bool(report.origins) and all(one.first is not None for one in report.origins)
    if known == {"all"}:
        told = voice("trust-whole")
    elif known == {"none"}:
        told = voice("trust-none")
    else:
        told = voice("trust-part", vouched=vouched(report, voice))
    again = voice("again-whole" if whole else "again-not")
    return f"{again} {told} {voice('see-section', section=section)}"


def _vouching(report: ReportFacts) -> tuple[str, str, str]:
    def far(has: Sequence[bool]) -> str:
        return "all" if has and all(has) else "some" if any(has) else "none"

    signed, stamped = (
        far([bool(of) for of in each])
        for each in (
            [one.keys for one in report.origins],
            [one.stamps for one in report.origins],
        )
    )
    return signed, stamped, "all" if report.deposits else "none"


def speaks(report: ReportFacts, voice: Voice) -> Iterator[str]:
    """What speaks for the measurement being right, so far as there is such a thing."""
    yield voice("limits-controls" if watchers(report, controls=True) else "limits-no-controls")
    number = len(vantages(report))
    yield (
        voice("limits-one-vantage")
        if number == 1
        else voice("limits-vantages", vantages=voice.count(number, "vantage"))
    )
    bounds = (
        cited.line
        for one in report.witnesses
        if not one.control
        for cited in (one.last_ok, one.first_failed, one.last_failed, one.first_ok)
        if cited is not None
    )
    ids = any(isinstance(line, Sample) and "request_id" in line.facts for line in bounds)
    yield voice("limits-ids" if ids else "limits-no-ids")
