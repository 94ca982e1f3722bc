"""Settings: what is stated arrives, what is left out has a default, all that is wrong is told at once."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import contracts
from collector.core.record import AtLeast, Service
from collector.core.timeline import MILLISECOND, MINUTE, SECOND
from collector.errors import ConfigurationError
from collector.measure.budget import Turns
from collector.settings import Settings, draft, load, shipped

CONTRACT, SHA256 = contracts.load(shipped("contracts/outscale-cgv-2019-12.toml"))

BASE = """
[collector]
vantage = "paris-1"

[contract]
id = "outscale-cgv-2019-12"

[[account]]
id = "42"
region = "eu-west-2"
zones = ["a", "b"]
credentials = "outscale"

[[service]]
name = "api"
account = "42"
commitments = ["compute.command-api"]

[[probe]]
name = "regions"
service = "api"
kind = "oapi"
target = "https://api.example"

[[probe]]
name = "control"
role = "control"
kind = "tcp"
target = "192.0.2.1:443"
"""


def settings(tmp_path: Path, text: str = BASE, environ: Mapping[str, str] | None = None) -> Settings:
    file = tmp_path / "constat.toml"
    file.write_text(text)
    return load(file, environ or {}, contracts.load)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, text)
    start = f"{tmp_path}/constat.toml: "
    assert all(p.startswith(start) for p in caught.value.problems), caught.value.problems
    assert caught.value.exit_status == 2
    return [p.removeprefix(start) for p in caught.value.problems]


def probe(name: str, **values: Any) -> str:
    stated = {"name": name, "service": "api", "kind": "tcp", "target": "192.0.2.1:1", **values}
    return "\n[[probe]]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in stated.items() if v is not None)


def api(name: str, call: str, **values: Any) -> str:
    return probe(name, kind="oapi", target="https://api.example", params={"call": call}, **values)


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


# --------------------------------------------------------------------------------------- stated and left out


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    found = settings(tmp_path)
    regions, control = found.probes

    assert (found.serve.host, found.serve.port) == ("127.0.0.1", 9617)
    assert (found.step_limit, found.clock_tolerance) == (50 * MILLISECOND, SECOND)
    assert found.state == Path("data")
    assert found.services[0].region == "eu-west-2"
    assert (control.interval, control.burst, control.timeout) == (10 * SECOND, SECOND, 5 * SECOND)
    assert (control.sight, control.persistence) == (15 * SECOND, 1500 * MILLISECOND)
    assert regions.burst == 2 * SECOND
    assert 0 <= regions.phase < regions.interval


def test_what_is_stated_arrives(tmp_path: Path) -> None:
    times = {
        "interval": "2s", "burst": "500 ms", "timeout": "1s", "sight": "1 min", "persistence": "3s",
        "phase": "0s",
    }  # fmt: skip
    more = BASE.replace(
        'commitments = ["compute', 'via = "internal"\ndown_when = { at_least = 2 }\ncommitments = ["compute'
    )
    found = settings(tmp_path, more + probe("p", **times, params={"send": "x"}))

    assert found.services[0].via == "internal"
    assert found.services[0].down_when == AtLeast(2)
    p = found.probes[2]
    assert (p.interval, p.burst, p.timeout, p.sight, p.persistence, p.phase) == (
        2 * SECOND, 500 * MILLISECOND, SECOND, MINUTE, 3 * SECOND, 0,
    )  # fmt: skip
    assert p.params == {"send": "x", "expect": "", "limit": 65_536}


def test_a_plan_says_all_that_the_journal_needs_to_explain_itself(tmp_path: Path) -> None:
    found = settings(tmp_path)
    plan = found.plan(CONTRACT, SHA256)

    assert (plan.contract, plan.contract_sha256) == ("outscale-cgv-2019-12", SHA256)
    assert plan.accounts[0].zones == ("a", "b")
    assert (plan.services, plan.probes) == (found.services, found.probes)
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


def test_a_signing_probe_signs_for_the_region_of_its_service_unless_told_otherwise(tmp_path: Path) -> None:
    signed = {"kind": "oapi", "target": "https://api.example"}
    text = BASE + probe("own", **signed, params={"call": "ReadVms", "signed": True})
    text += probe("else", **signed, params={"call": "ReadNics", "signed": True, "region": "us-east-2"})

    assert [p.params["region"] for p in settings(tmp_path, text).probes[2:]] == ["eu-west-2", "us-east-2"]


def test_the_state_directory_is_the_one_stated_then_the_service_managers(tmp_path: Path) -> None:
    stated = BASE.replace('vantage = "paris-1"', 'vantage = "paris-1"\nstate = "elsewhere"')
    environ = {"STATE_DIRECTORY": "/var/lib/constat"}

    assert settings(tmp_path, BASE, environ).state == Path("/var/lib/constat")
    assert settings(tmp_path, stated, environ).state == Path("elsewhere")


def test_a_contract_file_is_named_from_the_settings_on(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(shipped("contracts/outscale-cgv-2019-12.toml").read_bytes())
    text = BASE.replace('id = "outscale-cgv-2019-12"', 'file = "mine.toml"')

    assert settings(tmp_path, text).contract_path == tmp_path / "mine.toml"


def test_phases_are_the_same_at_every_start_and_differ_between_probes(tmp_path: Path) -> None:
    text = BASE + "".join(probe(f"p{k}") for k in range(8))
    once, again = settings(tmp_path, text), settings(tmp_path, text)

    assert once.probes == again.probes
    assert len({p.phase for p in once.probes}) == len(once.probes)


@given(
    name=st.from_regex("[a-z0-9]{1,20}", fullmatch=True), origins=st.integers(2, 5), cycles=st.integers(1, 20)
)
def test_origins_that_share_an_account_ask_in_their_own_seconds(name: str, origins: int, cycles: int) -> None:
    """Of each cycle of 2 s for every origin, origin i has the second that begins at 2 i."""
    cycle = 2 * origins
    for index in range(origins):
        turns = Turns(rate=2, origins=origins, index=index)
        asked = draft.AskedProbe(
            name=name, kind="oapi", target="https://x", service="api", interval=cycle * cycles * SECOND
        )
        told: list[str] = []
        made = draft._probe(asked, 0, turns, told)

        assert told == []
        assert made is not None
        assert 2 * index * SECOND <= made.phase % (cycle * SECOND) < (2 * index + 1) * SECOND
        assert made.burst == cycle * SECOND


# ---------------------------------------------------------------------------------------- the file we ship


def test_the_shipped_settings_load_as_they_stand() -> None:
    found = load(shipped("constat.toml"), {}, contracts.load)

    assert found.plan(CONTRACT, SHA256).probes == ()


def uncommented() -> str:
    """The shipped settings with every example and default in force."""
    lines = shipped("constat.toml").read_text().splitlines()
    stated = [re.sub(r"^# (?=\[|[a-z_]+ = )", "", line) for line in lines]
    return "\n".join(line for line in stated if not line.startswith("file = "))


def test_every_example_in_the_shipped_settings_is_valid(tmp_path: Path) -> None:
    found = settings(tmp_path, uncommented())

    assert len(found.probes) == 3
    assert len(found.services) == 2
    assert [witness.name for witness in found.witnesses] == ["auditor"]
    assert found.mail is not None
    assert (found.mail.port, found.mail.tls) == (587, "starttls")


def test_every_default_in_the_shipped_settings_is_the_default(tmp_path: Path) -> None:
    bare, full = settings(tmp_path, shipped("constat.toml").read_text()), settings(tmp_path, uncommented())

    for name in ("state", "step_limit", "clock_tolerance", "serve", "budget", "contract_path"):
        assert getattr(bare, name) == getattr(full, name), name


def test_every_setting_stands_in_the_shipped_settings() -> None:
    text = shipped("constat.toml").read_text()
    models = (
        draft.Collector, draft.Serve, draft.Terms, draft.Budget, draft.Account, draft.AskedProbe, Service,
    )  # fmt: skip
    keys = {field.encode_name for model in models for field in msgspec.structs.fields(model)}

    assert {
        key for key in keys if not re.search(rf"^(# )?{key}( =|  |,)|^# \w+, {key} ", text, re.MULTILINE)
    } == set()


# ------------------------------------------------------------------------------------------- what is wrong

WRONG = [
    # what is done to BASE, and how it is told
    (probe("p", interval=10), 'probe[2].interval: expected a duration like "10s", got 10'),
    (probe("p", interval="10"), 'probe[2].interval: expected a duration like "10s", got "10"'),
    (probe("p", interval="1 ms"), 'probe[2].interval: expected at least "10 ms", got "1 ms"'),
    (probe("p", intervall="1s"), 'probe[2].intervall: unknown key (did you mean "interval"?)'),
    (probe("p", expect="x"), "probe[2].expect: unknown key; expected in params = { expect = … }"),
    (probe("p", params={"sned": "x"}), 'probe[2].params.sned: unknown key (did you mean "send"?)'),
    (probe("p", params={"limit": "x"}), 'probe[2].params.limit: expected an integer, got "x"'),
    (probe("p", params={"limit": 0}), "probe[2].params.limit: expected 1 to 1048576 bytes, got 0"),
    (api("p", "DeleteVms"), "probe[2].params.call: expected a read"),
    (probe("p", kind="lb", target="http://b"), "probe[2].params.backends: expected a list, got nothing"),
    (probe("p", kind="htpp"), "probe[2].kind: expected one of dns, http, "),
    (probe("p", target=""), "probe[2].target: expected host:port, got an empty text"),
    (probe("p", target="192.0.2.1"), 'probe[2].target: expected host:port, got "192.0.2.1"'),
    (probe("p", target="192.0.2.1:70000"), 'probe[2].target: expected host:port, got "192.0.2.1:70000"'),
    (probe("p", kind="ntp", target="not a name"), 'probe[2].target: expected address[:port], got "not a'),
    (probe("p", kind="http", target="ftp://a"), 'probe[2].target: expected https://host[:port]/path, got'),
    (probe("p", kind="lb", target="http://b", params={"backends": ["b"]}),
     'probe[2].params.backends: expected "http://…" or "https://…", got "b"'),
    (probe("p", target=None), "probe[2].target: expected a text, got nothing"),
    (probe("regions"), 'probe[2].name: expected a name of its own, got "regions", which is probe[0]\'s'),
    (probe("p q"), "probe[2].name: expected up to 64 letters"),
    (probe("-p"), "probe[2].name: expected up to 64 letters"),
    (probe(""), "probe[2].name: expected up to 64 letters"),
    (probe("p", service="apo"), 'probe[2].service: expected a known service (api), got "apo"'),
    (probe("p", service=None), 'probe[2]: expected either service = "…" or role = "control", got neither'),
    (probe("p", role="control"), 'probe[2]: expected either service = "…" or role = "control"'),
    (probe("p", service=None, role="witness"), 'probe[2].role: expected "" or "control", got "witness"'),
    (probe("p", timeout="20s"),
     'probe[2].timeout: expected over 0 and at most the interval, "10 s"; got "20 s"'),
    (probe("p", timeout="0s"), "probe[2].timeout: expected over 0"),
    (probe("p", burst="20s"), 'probe[2].burst: expected over 0 and at most the interval, "10 s"; got "20 s"'),
    (probe("p", sight="5s"), 'probe[2].sight: expected at least the interval, "10 s"'),
    (probe("p", persistence="500ms"), 'probe[2].persistence: expected at least the burst, "1 s"'),
    (probe("p", phase="10s"), 'probe[2].phase: expected less than the interval, "10 s"; got "10 s"'),
    ('[[service]]\nname = "x"\naccount = "43"\ncommitments = []' + probe("p", service="x"),
     'service[1].account: expected a known account (42), got "43"'),
    ('[[service]]\nname = "x"\naccount = "42"\ncommitments = []' + probe("p", service="x"),
     "service[1].commitments: expected at least one, got none"),
    ('[[service]]\nname = "x"\naccount = "42"\ncommitments = ["compute.api"]' + probe("p", service="x"),
     'service[1].commitments[0]: expected a commitment of outscale-cgv-2019-12, got "compute.api" ('),
    ('[[service]]\nname = "x"\naccount = "42"\ncommitments = ["local-storage"]' + probe("p", service="x"),
     'service[1].commitments[0]: "local-storage" is refused (SLA3): the contract guarantees nothing'),
    ('[[service]]\nname = "x"\naccount = "42"\ncommitments = ["compute.zone"]',
     'service[1]: expected a probe with service = "x", got none'),
    ("[[service]]\nname = 7", "service[1].name: expected a text, got 7"),
    ("[collectr]", 'collectr: unknown key (did you mean "collector"?)'),
    ('[budget]\nper_second = "2"', 'budget.per_second: expected an integer, got "2"'),
    ("[budget]\nper_second = 0", "budget.per_second: expected at least 1, got 0"),
    ("[budget]\norigin_index = 1", "budget.origin_index: expected 0 to 0 for 1 origins, got 1"),
    ('[serve]\nlisten = "0.0.0.0:9617"', "serve.listen: expected a loopback address and a port"),
    ('[serve]\nlisten = "127.0.0.1"', "serve.listen: expected a loopback address and a port"),
    ("[probe", "expected TOML, got: "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("added", "told"), WRONG, ids=[f"{k}-{told[:40]}" for k, (_, told) in enumerate(WRONG)]
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, added: str, told: str) -> None:
    found = problems(tmp_path, BASE + added)

    assert any(p.startswith(told) for p in found), found
    assert len(found) == 1 or "[[service]]" in added, found


REPLACED = [
    ('vantage = "paris-1"', "", "collector.vantage: expected a text, got nothing"),
    ('vantage = "paris-1"', 'vantage = "../x"', "collector.vantage: expected up to 64 letters"),
    ('id = "outscale-cgv-2019-12"', "", "contract: expected either id"),
    ('id = "outscale-cgv-2019-12"', 'id = "outscale"',
     'contract.id: "contracts/outscale.toml": expected a file that'),
    ('zones = ["a", "b"]', 'zones = "a"', 'account[0].zones: expected a list, got "a"'),
    ("[[account]]", "[account]", "account: expected tables that begin with [[account]], got a table"),
    ('commitments = ["compute', 'witnesses = 2\ncommitments = ["compute',
     "service[0].witnesses: expected 1 to 1"),
    ('commitments = ["compute', 'down_when = "both"\ncommitments = ["compute',
     'service[0].down_when: expected "all" or "any"'),
    ('commitments = ["compute', 'down_when = { at_least = 2 }\ncommitments = ["compute',
     "service[0].down_when.at_least: expected 1 to 1, the number of its probes; got 2"),
    ('commitments = ["compute', 'equivalents = ["b"]\ncommitments = ["compute',
     'service[0].equivalents[0]: expected a known service (api), got "b"'),
    ('commitments = ["compute', 'targets = { "compute.command-api" = "99.95" }\ncommitments = ["compute',
     'service[0].targets.compute.command-api: expected over 0 and up to "100 %", got "99.95"'),
    ('commitments = ["compute', 'targets = { "compute.zone" = "99.95 %" }\ncommitments = ["compute',
     "service[0].targets.compute.zone: expected a commitment of this service"),
    ('commitments = ["compute', 'targets = { "compute.command-api" = "99.95 %" }\ncommitments = ["compute',
     "service[0].targets_document: expected the document that derogates, got nothing"),
    ('commitments = ["compute', 'targets = { "compute.command-api" = 99.95 }\ncommitments = ["compute',
     "service[0].targets.compute.command-api: expected a text, got 99.95"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), REPLACED, ids=[f"{k}" for k in range(len(REPLACED))])
def test_what_is_wrong_in_the_rest_is_told_too(tmp_path: Path, before: str, after: str, told: str) -> None:
    assert before in BASE
    found = problems(tmp_path, BASE.replace(before, after, 1))

    assert any(p.startswith(told) for p in found), found


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Unknown keys, units, names twice, unknown services and commitments, and the contract: one list."""
    text = BASE.replace('vantage = "paris-1"', 'vantge = "paris-1"').replace(
        "compute.command-api", "local-storage"
    )
    text += probe("regions", interval=10, timeuot="1s") + probe("p", service="b") + "[serve]\nlisten = 9617\n"
    places = sorted(p.split(":")[0] for p in problems(tmp_path, text))

    assert places == [
        "collector.vantage", "collector.vantge", "probe[2].interval", "probe[2].name", "probe[2].timeuot",
        "probe[3].service", "serve.listen", "service[0].commitments[0]",
    ]  # fmt: skip


def test_a_broken_table_still_counts_as_being_there(tmp_path: Path) -> None:
    text = BASE.replace('account = "42"\n', 'account = "42"\nvia = "tunnel"\n')

    assert [p.split(":")[0] for p in problems(tmp_path, text)] == ["service[0].via"]


def test_a_wrong_contract_file_is_told_beside_what_is_wrong_in_the_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(shipped("contracts/template.toml").read_text())
    (tmp_path / "constat.toml").write_text(
        BASE.replace('id = "outscale-cgv-2019-12"', 'file = "mine.toml"') + probe("p", interval=1)
    )
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "constat.toml", {}, contracts.load)

    assert caught.value.problems[0].startswith(f"{tmp_path}/constat.toml: probe[2].interval")
    assert caught.value.problems[1].startswith(f"{tmp_path}/mine.toml: id: expected to be filled in")


def test_what_does_not_fit_the_contract_is_told_by_the_plan_too(tmp_path: Path) -> None:
    (tmp_path / "constat.toml").write_text(BASE.replace("compute.command-api", "local-storage"))
    found = load(tmp_path / "constat.toml", {})

    with pytest.raises(
        ConfigurationError, match=r"service\[0\].commitments\[0\]: \"local-storage\" is refused"
    ):
        found.plan(CONTRACT, SHA256)


# --------------------------------------------------------------------------------------------- rate budget


def test_three_api_probes_may_burst_together_and_a_fourth_would_exceed_the_budget(tmp_path: Path) -> None:
    three = BASE + api("b", "ReadVms") + api("c", "ReadNets")
    assert len(settings(tmp_path, three).probes) == 4

    (told,) = problems(tmp_path, three + api("d", "ReadNics"))

    # Two requests in 1.05 s: a second, and what the way to the provider may take off it.
    assert told.startswith("budget: expected at most 40 requests per 21 s to account 42, got 2 requests/s")


def test_longer_bursts_or_another_account_make_room(tmp_path: Path) -> None:
    three = BASE + api("b", "ReadVms") + api("c", "ReadNets", burst="4s")
    other = '\n[[account]]\nid = "43"\nregion = "r"\n'
    other += '[[service]]\nname = "api2"\naccount = "43"\ncommitments = ["compute.zone"]\n'

    assert len(settings(tmp_path, three + api("d", "ReadNics", burst="4s")).probes) == 5
    assert len(settings(tmp_path, three + other + api("d", "ReadNics", service="api2")).probes) == 5


def test_origins_share_the_budget(tmp_path: Path) -> None:
    budget = "\n[budget]\norigins = 3\norigin_index = 1\n"
    turn = {"interval": "12s"}
    text = BASE.replace('target = "https://api.example"', 'target = "https://api.example"\ninterval = "12s"')

    assert settings(tmp_path, text + api("b", "ReadVms", **turn) + budget).probes[0].burst == 6 * SECOND
    (told,) = problems(tmp_path, text + api("b", "ReadVms", **turn) + api("c", "ReadNets", **turn) + budget)
    assert told.startswith(
        "budget: expected at most 1 requests per 3 s to account 42, got 1 requests per 2 s"
    )


def test_api_probes_burst_no_faster_than_two_seconds_for_each_origin(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, BASE + api("b", "ReadVms", burst="1s"))
    assert told.startswith('probe[2].burst: expected at least "2 s" (2 s for each origin)')

    told, *_ = problems(tmp_path, BASE + "\n[budget]\norigins = 2\n")
    assert told.startswith(
        'probe[0].interval: expected a multiple of "4 s", in which 2 origins take turns; got "10 s"'
    )


def test_two_probes_may_not_send_the_identical_request(tmp_path: Path) -> None:
    """SLA4 limits identical requests, and refusals on that ground are no unavailability."""
    (told,) = problems(tmp_path, BASE + api("again", "ReadRegions"))

    assert told == (
        "probe[2]: expected a request of its own, got that of probe[0]: the API refuses identical ones "
        'within "1 s" (SLA4)'
    )


# ---------------------------------------------------------------------------------------- signed requests

UNNAMED = BASE.replace('credentials = "outscale"\n', "")
STORED = probe("s", kind="s3", target="https://s.example", params={"mode": "publish", "bucket": "b"})
SIGNED = probe("r", kind="oapi", target="https://api.example", params={"call": "ReadVms", "signed": True})


@pytest.mark.parametrize("signed", [STORED, SIGNED], ids=["s3", "oapi"])
def test_signed_probes_need_the_name_of_their_keys(tmp_path: Path, signed: str) -> None:
    assert problems(tmp_path, UNNAMED + signed) == [
        "probe[2].credentials: expected the name of the keys that its signed requests need, here or of "
        "account 42; got nothing"
    ]
    assert len(settings(tmp_path, BASE + signed).probes) == 3
    assert (
        len(settings(tmp_path, UNNAMED + signed.replace("\nname", '\ncredentials = "own"\nname')).probes) == 3
    )


def test_anonymous_probes_need_no_keys(tmp_path: Path) -> None:
    read = {"mode": "access", "bucket": "b", "key": "k", "sha256": "0" * 64, "signed": False}
    public = probe("s", kind="s3", target="https://s.example", params=read)

    assert len(settings(tmp_path, UNNAMED + public).probes) == 3


# -------------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize(("timeout", "noted"), [("3.5s", False), ("3501ms", True)])
def test_a_note_names_a_probe_between_whose_failures_the_service_could_come_back_unseen(
    tmp_path: Path, timeout: str, noted: bool
) -> None:
    """Law 3: what is certain was down holds for what lasts longer than two timeouts and persistence."""
    asked = f'timeout = "{timeout}"\nburst = "2s"\npersistence = "3s"\nsight = "10s"\ninterval = "10s"\n'
    text = BASE.replace('service = "api"\n', f'service = "api"\n{asked}')
    text = text.replace('role = "control"\n', f'role = "control"\n{asked}')  # it proves no downtime
    assert text.count(asked) == 2
    notes = settings(tmp_path, text).notes(CONTRACT)

    told = 'probe regions: two timeouts and its persistence are "10002 ms", more than its sight, "10 s": '
    assert [told in note for note in notes] == ([True] if noted else [])


def test_notes_name_what_stands_in_the_way_of_a_claim(tmp_path: Path) -> None:
    text = BASE.replace('zones = ["a", "b"]\n', "").replace("compute.command-api", "internet.access")
    text = text.replace('kind = "tcp"', 'kind = "tcp"').replace('role = "control"', 'service = "api"')
    text = text.replace('commitments = ["internet', 'beta = true\nwitnesses = 1\ncommitments = ["internet')
    notes = settings(tmp_path, text).notes(CONTRACT)

    assert len(notes) == 4
    assert 'no probe has role = "control"' in notes[0]
    assert "internet.access is promised only to those deployed on every zone" in notes[1]
    assert "beta" in notes[2]
    assert "one witness" in notes[3]
    assert settings(tmp_path).notes(CONTRACT) == []
