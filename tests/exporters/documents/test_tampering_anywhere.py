"""Whatever bytes of a bundle are changed: both verifiers agree, neither breaks, no evidence is another."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.journal import timestamp
from tests.exporters.forged import Bag
from tests.exporters.judges import Judgement, ours, theirs

EXAMPLES = 12

FREE = (
    "bag-info.txt", "data/VERIFY.md", "data/verify.py", "data/states.py", "data/provider.json",
    "data/report-fr.pdf", "data/report-en.pdf",
)  # fmt: skip
"""What nothing but the manifests binds: who lists and stamps all of it anew can write there what he likes."""

Change = Callable[[bytes], bytes]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """A bit flipped, some bytes cut out or put in, or the end cut off, somewhere."""
    where, size = draw(st.integers(0, 1 << 20)), draw(st.integers(1, 4))
    kind, some = (
        draw(st.sampled_from(["flip", "remove", "insert", "cut"])),
        draw(st.binary(min_size=1, max_size=4)),
    )

    def change(data: bytes) -> bytes:
        at = where % max(1, len(data))
        match kind:
            case "flip" if data:
                return data[:at] + bytes([data[at] ^ 1 << where % 8]) + data[at + 1 :]
            case "remove":
                return data[:at] + data[at + size :]
            case "cut":
                return data[:at]
            case _:
                return data[:at] + some + data[at:]

    return change


def judged(bag: Bag, deposit: Path, folder: Path) -> tuple[Judgement, Judgement]:
    """What both come to."""
    shutil.rmtree(folder, ignore_errors=True)
    bag.written(folder)
    return ours(folder, [deposit]), theirs(folder, [deposit])


def none_is_fooled(found: tuple[Judgement, Judgement], name: str, bag: Bag, honest: Bag) -> None:
    """They agree; only where the evidence is what it was, one may find that a file is not of its form."""
    if 0 in {one.status for one in found}:
        assert evidence(name, bag[name]) == evidence(name, honest[name]), [one.why for one in found]
    assert all(one.failed for one in found if one.status)


def evidence(name: str, data: bytes) -> Any:
    """What a file says that is bound by lines, signatures, stamps or the deposit."""
    if name.endswith(".gz"):
        return gzip.decompress(data)
    if name.endswith(".tsr"):
        token = timestamp.parse(data)
        return token.gen_time, token.accuracy
    if name.endswith(".tsq"):
        return timestamp.asked(data)
    if name == "data/bundle.json":
        return {key: of for key, of in json.loads(data).items() if key in _TABLE}
    if name == "data/statement.json":
        return _of_statement(json.loads(data))
    if name.endswith("excerpt.json"):
        known = ("excerpt", "origin", "start", "end", "head", "links", "lines")
        return {key: of for key, of in json.loads(data).items() if key in known}
    if name.endswith(".json"):
        return json.loads(data).get("policy")
    return data


_TABLE = ("bundle", "form", "from", "to", "as_of", "cadence", "origins")


def _of_statement(whole: Any) -> Any:
    rests = {key: whole["rests_on"][key] for key in ("as_of", "windows", "contract")}
    form = whole["statement"], whole["account"]["as_of"], whole["rests_on"]["readings"]["platform-throttle"]
    heads = [(one["origin"], one["size"], one["root"]) for one in whole["rests_on"]["origins"]]
    attainments = [
        {key: of for key, of in one.items() if key not in ("flags", "graces", "ledger", "excluded")}
        for one in whole["account"]["attainments"]
    ]
    seen = [
        (kind, one["service"], one["certain"], one["possible"])
        for kind in ("outages", "blips")
        for one in whole["account"][kind]
    ]
    return form, rests, heads, attainments, seen


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data(), change=changes())
def test_no_byte_of_a_bag_can_be_changed(
    data: st.DataObject, change: Change, honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    """Of a stamp of the whole, which no manifest lists, some bytes say nothing: the time is the same."""
    name = data.draw(st.sampled_from(sorted(honest.files)))
    own = name.startswith("tagmanifest-sha256.txt.")
    bag = honest.copy()
    bag[name] = change(bag[name])
    found = judged(bag, deposit, tmp_path / "bag")

    none_is_fooled(found, name, bag, honest)
    assert 0 not in {one.status for one in found} or own or bag[name] == honest[name]


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data(), change=changes())
def test_no_evidence_can_be_changed_by_who_lists_and_stamps_all_anew(
    data: st.DataObject, change: Change, honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    bound = sorted(name for name in honest.files if name.startswith("data/") and name not in FREE)
    name = data.draw(st.sampled_from(bound))
    bag = honest.copy()
    bag[name] = change(bag[name])
    bag.seal()

    none_is_fooled(judged(bag, deposit, tmp_path / "bag"), name, bag, honest)


ODD: list[Any] = [None, True, -1, 0, 1 << 70, "", "x", [], {}, [None], [[]], [[1, 0]], "1/0", "1/3", ...]
"""Instead of a value; `...` is none at all."""


@pytest.mark.slow
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    table=st.integers(0, 99),
    steps=st.lists(st.integers(0, 9999), min_size=1, max_size=7),
    odd=st.sampled_from(ODD),
)
def test_no_value_of_a_table_breaks_a_verifier(
    table: int, steps: list[int], odd: object, honest: Bag, deposit: Path, tmp_path: Path
) -> None:
    """One value of a table, anywhere, is of another kind, or gone; all is listed and stamped anew."""
    tables = sorted(name for name in honest.files if name.endswith(".json") and name not in FREE)
    name = tables[table % len(tables)]
    bag = honest.copy()
    bag.put(name, _spoilt(bag.json(name), steps, odd))
    bag.seal()

    none_is_fooled(judged(bag, deposit, tmp_path / "bag"), name, bag, honest)


def _spoilt(value: Any, steps: list[int], odd: object) -> Any:
    """A table in which, as many steps down, something odd stands."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[steps[0] % len(keys)]
    if len(steps) > 1 and isinstance(value[key], dict | list) and value[key]:
        value[key] = _spoilt(value[key], steps[1:], odd)
    elif odd is ...:
        del value[key]
    else:
        value[key] = odd
    return value
