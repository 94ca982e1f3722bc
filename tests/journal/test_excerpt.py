"""A part of a journal with its proofs delivers the lines of the whole, or says that it does not."""

import json
import shutil
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.core.record import Anchor, Clock, Declaration, Gap, GapReason, Line, Plan, Start
from collector.core.timeline import HOUR, MINUTE, SECOND, Instant, Span
from collector.errors import JournalError
from collector.journal import excerpt, excerpting, layout, merkle, passage
from collector.journal.excerpting import Cut
from collector.journal.layout import OriginDir
from collector.journal.merkle import leaf_hash
from collector.journal.reader import Batch, Damage, origins, read
from tests.journal import lines as made
from tests.journal.lines import NOON, Journal, declaration, plan, probe, sample, three_hours

EACH = 300


def clock(at: Instant) -> Clock:
    return Clock(
        seq=0, at=at, wall=at, boot_offset=0, error=1000, synced=1, source="chrony", leap=0, step=0
    )  # fmt: skip


def anchor(at: Instant, size: int, root: bytes) -> Anchor:
    return Anchor(
        seq=0,
        at=at,
        size=size,
        root=root.hex(),
        authority="first",
        token="00" * 32,
        gen_time=at,
        accuracy=None,
    )


def declared(id_: str, at: Instant) -> Declaration:
    return msgspec.structs.replace(declaration(id_), at=at)


def stamped(journal: Journal, number: int) -> None:
    """Put a stamp beside a checkpoint; nobody here looks at what is in it."""
    assert journal.place.checkpoints is not None
    (journal.place.checkpoints / f"{number:06d}.first.tsr").write_bytes(b"stamp")


def five_hours(state: Path, hours: Sequence[int] = range(5)) -> OriginDir:
    """An origin with some lines of each type, `EACH` samples an hour; every other checkpoint is stamped."""
    journal = Journal(state)
    journal.append([made.start(journal.origin), plan(probe("api")), clock(NOON)])
    for number, hour in enumerate(hours):
        at = NOON + hour * HOUR
        for k in range(0, EACH, 100):
            journal.append([sample(at + (k + j) * 10 * SECOND) for j in range(100)], at)
        journal.append([clock(at + 55 * MINUTE), declared(f"d-{hour}", at + 55 * MINUTE)], at)
        journal.store.checkpoint()
        if number % 2:
            stamped(journal, number + 1)
            sealed = passage.checkpoints(journal.place)[-1]
            journal.append([anchor(at + 56 * MINUTE, sealed.size, sealed.root)], at)
    journal.close()
    return journal.place


@dataclass(frozen=True)
class Whole:
    """A journal, and every line of it."""

    place: OriginDir
    lines: list[Line]

    @property
    def head(self) -> passage.Sealed:
        return passage.checkpoints(self.place)[-1]

    def hours(self, start: Instant, end: Instant) -> Cut:
        return excerpting.hours(self.place, self.head, Span(start, end), 30 * SECOND)


def whole(place: OriginDir) -> Whole:
    return Whole(place, [line for part in read(place) if isinstance(part, Batch) for line in part.lines])


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole(five_hours(tmp_path_factory.mktemp("five")))


def kept(cut: Cut, state: Path) -> OriginDir:
    """Write what was cut out as a bundle does, but its lines in plain; where it is read from."""
    directory, beside = state / "journal" / cut.origin.name, state / "checkpoints" / cut.origin.name
    shutil.rmtree(state, ignore_errors=True)
    directory.mkdir(parents=True)
    beside.mkdir(parents=True)
    (directory / layout.EXCERPT).write_bytes(cut.excerpt.encode())
    for part in cut.parts:
        packed = directory / (part.file + layout.GZIPPED)
        with packed.open("wb") as file:
            excerpting.pack(cut.origin, part, file)
        with layout.opened(OriginDir(name="", directory=directory, checkpoints=None), part.file) as stream:
            data = stream.read()
        packed.unlink()
        (directory / (part.file + layout.LINES)).write_bytes(data)
    assert cut.origin.checkpoints is not None
    for sealed in cut.seals:
        shutil.copy(cut.origin.checkpoints / sealed.file, beside)
    (found,) = origins(state)
    return found


def delivered(place: OriginDir) -> tuple[list[Line], list[Damage]]:
    parts = list(read(place))
    lines = [line for part in parts if isinstance(part, Batch) for line in part.lines]
    return lines, [part for part in parts if isinstance(part, Damage)]


def types(lines: Iterable[Line]) -> set[str]:
    return {type(line).__name__.lower() for line in lines}


# ------------------------------------------------------------------------------------------- what is in it


def test_an_excerpt_has_the_hours_asked_for_and_the_lines_that_tell_how_to_read_them(
    five: Whole, tmp_path: Path
) -> None:
    cut = five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE)
    lines, damage = delivered(kept(cut, tmp_path / "cut"))

    assert damage == []
    assert cut.stretch is not None
    first, last = cut.stretch
    stretch = [line for line in lines if first <= line.seq <= last]
    assert stretch == five.lines[first : last + 1]
    assert [part.file for part in cut.parts] == ["2026-11-20T14"]
    before = [line for line in lines if line.seq < first]
    assert before == [line for line in five.lines if line in before]
    assert types(before) == {"start", "plan", "clock", "declaration"}
    assert [line.id for line in lines if types([line]) == {"declaration"}] == [f"d-{k}" for k in range(5)]  # type: ignore[union-attr]


def test_an_excerpt_ends_at_a_checkpoint_and_every_single_line_is_proven_in_the_first_stamped_one(
    five: Whole,
) -> None:
    cut = five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE)
    sealed = {one.size: one for one in passage.checkpoints(five.place)}
    assert cut.excerpt.end in sealed
    for one in cut.excerpt.lines:
        seq = json.loads(one.line)["seq"]
        over = [s for s in sealed.values() if s.size > seq]
        assert one.size == next((s.size for s in over if s.stamps), over[0].size)
        assert len(one.path) <= 12
    assert {one.size for one in cut.seals} >= {one.size for one in cut.excerpt.lines}


def test_the_anchor_of_a_checkpoint_of_the_stretch_comes_with_it(five: Whole) -> None:
    cut = five.hours(NOON + HOUR + 20 * MINUTE, NOON + HOUR + 40 * MINUTE)
    anchors = [line for line in five.lines if isinstance(line, Anchor)]
    singles = {json.loads(one.line)["seq"] for one in cut.excerpt.lines}

    assert cut.stretch is not None
    assert [line.seq for line in anchors if line.seq in singles or line.seq <= cut.stretch[1]] == [
        anchors[0].seq
    ]


def test_where_no_line_is_of_the_time_asked_for_the_hours_around_it_show_that(tmp_path: Path) -> None:
    """A collector that was stopped for hours: line after line, there is nothing between."""
    gapped = whole(five_hours(tmp_path / "state", hours=[0, 1, 7, 8]))
    cut = gapped.hours(NOON + 3 * HOUR, NOON + 4 * HOUR)

    assert [part.file for part in cut.parts] == ["2026-11-20T13", "2026-11-20T19"]


def test_before_the_first_line_and_after_the_last_there_is_no_stretch_but_the_last_line(
    five: Whole, tmp_path: Path
) -> None:
    for start in (NOON - 9 * HOUR, NOON + 9 * HOUR):
        cut = five.hours(start, start + HOUR)
        lines, damage = delivered(kept(cut, tmp_path / "cut"))

        assert (cut.stretch, cut.parts, damage) == (None, [], [])
        assert lines[-1] == five.lines[-1]
        assert lines[0] == five.lines[0]


def test_an_extract_has_what_the_probes_saw_and_no_other_sample(five: Whole, tmp_path: Path) -> None:
    span = Span(NOON + HOUR + 20 * MINUTE, NOON + HOUR + 21 * MINUTE)
    cut = excerpting.extract(five.place, five.head, span, 0, ["api"])
    none = excerpting.extract(five.place, five.head, span, 0, ["other"])
    lines, damage = delivered(kept(cut, tmp_path / "cut"))

    assert damage == []
    assert cut.stretch is None
    assert [line for line in lines if types([line]) == {"sample"}] == [
        line for line in five.lines if types([line]) == {"sample"} and span.start <= line.at < span.end
    ]
    assert not any('"t":"sample"' in one.line for one in none.excerpt.lines)
    assert types(delivered(kept(none, tmp_path / "none"))[0]) == {"start", "plan", "clock", "declaration"}


def test_an_extract_has_the_gaps_of_its_probes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    gaps = [
        Gap(seq=0, at=NOON + k, probes=(name,), from_=NOON, to=NOON + 1, reason=GapReason.LAG)
        for k, name in enumerate(("api", "other", "*"))
    ]
    journal.append([made.start(journal.origin), plan(probe("api"), probe("other")), *gaps])
    journal.close()
    origin = whole(journal.place)
    cut = excerpting.extract(journal.place, origin.head, Span(NOON, NOON + HOUR), 0, ["api"])

    assert [json.loads(one.line)["probes"] for one in cut.excerpt.lines if '"gap"' in one.line] == [
        ["api"], ["*"],
    ]  # fmt: skip


def test_without_tree_files_the_same_is_cut_out(five: Whole, tmp_path: Path) -> None:
    """They only spare reading."""
    bare = tmp_path / "bare"
    shutil.copytree(five.place.directory.parents[1], bare)
    for file in bare.glob("journal/*/*.tree"):
        file.unlink()
    (place,) = origins(bare)
    start = NOON + 2 * HOUR + 20 * MINUTE

    assert whole(place).hours(start, start + HOUR).excerpt == five.hours(start, start + HOUR).excerpt


def test_the_same_lines_are_packed_into_the_same_bytes(five: Whole, tmp_path: Path) -> None:
    cut = five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE)
    for name in ("one", "two"):
        with (tmp_path / name).open("wb") as file:
            excerpting.pack(cut.origin, cut.parts[0], file)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_damaged_hours_cannot_be_cut_out_and_others_can(tmp_path: Path) -> None:
    place = three_hours(tmp_path, 2000)
    file = place.directory / "2026-11-20T13.jsonl"
    lines = file.read_bytes().split(b"\n")
    lines[1000] = lines[1000].replace(b'"covers":1', b'"covers":2')
    file.write_bytes(b"\n".join(lines))
    origin = Whole(place, [])

    with pytest.raises(JournalError, match=r"line 4000: .* are not those of checkpoint 000002\.txt"):
        origin.hours(NOON + HOUR + 20 * MINUTE, NOON + HOUR + 40 * MINUTE)
    assert origin.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE).stretch


def test_passages_of_an_excerpt_have_its_single_lines_and_its_root_where_a_checkpoint_states_it(
    five: Whole, tmp_path: Path
) -> None:
    cut = five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE)
    place = kept(cut, tmp_path / "cut")
    cited = list(passage.passage(place, (Span(NOON, NOON + 1),)))

    assert cited[0].file == layout.EXCERPT
    assert isinstance(cited[0].line, Start)
    assert passage.root(place, None, five.head.size) == five.head.root
    assert passage.root(place, None, 17) is None


# --------------------------------------------------------------------------------------- what holds always


@pytest.mark.slow
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_laws_any_excerpt_delivers_the_lines_of_the_whole_journal(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of the stretch all, outside of it some, nowhere another; whatever hours, batches and checkpoints."""
    state = tmp_path_factory.mktemp("law")
    journal = Journal(state)
    journal.append([made.start(journal.origin), plan(probe("api")), clock(NOON)])
    hour = 0
    for _ in range(data.draw(st.integers(1, 5))):
        hour += data.draw(st.integers(0, 3))
        for _ in range(data.draw(st.integers(1, 3))):
            at = NOON + hour * HOUR + data.draw(st.integers(0, 3000)) * SECOND
            count = data.draw(st.integers(1, 300))
            odds: list[Line] = [clock(at), declared(f"d{hour}", at), plan(probe("api"), at=at)]
            odd = data.draw(st.sampled_from(odds))
            journal.append([odd, *(sample(at + k * SECOND) for k in range(count))], NOON + hour * HOUR)
            if data.draw(st.booleans()):
                journal.store.checkpoint()
                if data.draw(st.booleans()):
                    stamped(journal, len(passage.checkpoints(journal.place)))
    journal.close()
    origin = whole(journal.place)
    start = NOON + data.draw(st.integers(-2, 16)) * HOUR // 2
    head = data.draw(st.sampled_from(passage.checkpoints(journal.place)))
    cut = excerpting.hours(journal.place, head, Span(start, start + 20 * MINUTE), 30 * SECOND)
    lines, damage = delivered(kept(cut, state / "cut"))

    assert damage == []
    known = {line.seq: line for line in origin.lines}
    assert all(known[line.seq] == line for line in lines)
    assert [line.seq for line in lines] == sorted({line.seq for line in lines})
    first, last = cut.stretch or (0, -1)
    assert {line.seq for line in lines} >= set(range(first, last + 1))
    told = {line.seq for line in origin.lines if isinstance(line, Plan | Start) and line.seq < head.size}
    assert {line.seq for line in lines} >= told
    near = {
        line.seq
        for line in origin.lines
        if line.seq < head.size and start - 30 * SECOND <= line.at < start + 20 * MINUTE + 30 * SECOND
        and types([line]) == {"sample"}
    }  # fmt: skip
    assert near <= {line.seq for line in lines}


@pytest.fixture(scope="module")
def excerpted(five: Whole, tmp_path_factory: pytest.TempPathFactory) -> OriginDir:
    cut = five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE)
    return kept(cut, tmp_path_factory.mktemp("excerpted") / "state")


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=200)
def test_laws_a_changed_byte_is_damage_or_an_error_and_never_another_line(
    five: Whole, excerpted: OriginDir, data: st.DataObject
) -> None:
    """In the lines, the proofs and the checkpoints alike."""
    state = excerpted.directory.parents[1]
    files = sorted(path for path in state.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != before[place]))
    path.write_bytes(before[:place] + bytes([byte]) + before[place + 1 :])
    refused = ""
    try:
        lines, damage = delivered(excerpted)
    except JournalError as error:
        refused, lines, damage = str(error), [], []
    finally:
        path.write_bytes(before)
    if refused:
        assert layout.EXCERPT in refused
        return
    known = {line.seq: line for line in five.lines}
    assert all(known[line.seq] == line for line in lines)
    if not damage:
        assert lines == delivered(excerpted)[0]


# ------------------------------------------------------------------------------- what others make of it


def changed(place: OriginDir, **fields: Any) -> None:
    path = place.directory / layout.EXCERPT
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | fields).encode())


@pytest.fixture
def mine(five: Whole, tmp_path: Path) -> OriginDir:
    return kept(five.hours(NOON + 2 * HOUR + 20 * MINUTE, NOON + 2 * HOUR + 40 * MINUTE), tmp_path / "mine")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"excerpt": 2}, "upgrade constat"),
        ({"origin": "another"}, r"\$\.origin"),
        ({"head": 0}, r"\$\.head"),
        ({"end": None}, r"\$\.end"),
        ({"end": 10**6}, r"\$\.end"),
        ({"start": {"size": 3, "peaks": []}}, "2 peaks"),
        ({"links": [{"size": 5, "path": ["xy"]}]}, r"\$\.links\[0\]\.path\[0\]"),
        ({"links": [{"size": 5, "path": ["00" * 32] * 65}]}, r"\$\.links\[0\]\.path"),
        ({"lines": [{"line": "{}", "size": 5, "path": []}]}, r"\$\.lines\[0\]\.line"),
        ({"lines": [{"line": "é", "size": 5, "path": []}]}, r"\$\.lines\[0\]\.line"),
        ({"lines": 5}, r"\$\.lines"),
    ],
)
def test_what_no_excerpt_can_say_is_an_error_that_names_file_and_field(
    mine: OriginDir, fields: dict[str, Any], said: str
) -> None:
    changed(mine, **fields)
    with pytest.raises(JournalError, match=rf"excerpt\.json: .*{said}"):
        delivered(mine)


def test_a_line_that_stands_twice_or_out_of_order_is_an_error(mine: OriginDir) -> None:
    lines = json.loads((mine.directory / layout.EXCERPT).read_bytes())["lines"]
    for wrong in ([lines[0], lines[0]], lines[::-1]):
        changed(mine, lines=wrong)
        with pytest.raises(JournalError, match="where it cannot be"):
            delivered(mine)


def test_lines_cut_off_the_stretch_are_missed_and_lines_added_are_not_taken(
    five: Whole, mine: OriginDir
) -> None:
    (file,) = mine.directory.glob("*.jsonl")
    data = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(data[:-20]) + b"\n")
    lines, (damage,) = delivered(mine)
    assert "fewer than" in damage.why
    assert damage.to_seq == excerpt.load(mine)[0].end
    assert damage.before_at is not None

    file.write_bytes(b"\n".join([*data[:-1], b'{"t":"stop","seq":910,"at":1}', b""]))
    lines, (damage,) = delivered(mine)
    assert "after the stretch" in damage.why
    assert len(lines) == len(delivered_of(five, mine))


def delivered_of(five: Whole, place: OriginDir) -> list[Line]:
    lines, _ = delivered(place)
    return [line for line in lines if five.lines[line.seq] == line]


def test_a_single_line_that_was_changed_is_damage_and_the_others_are_delivered(mine: OriginDir) -> None:
    before, _ = delivered(mine)
    singles = json.loads((mine.directory / layout.EXCERPT).read_bytes())["lines"]
    singles[0]["line"] = singles[0]["line"].replace('"cut":0', '"cut":7')
    changed(mine, lines=singles)

    lines, (damage,) = delivered(mine)
    assert lines == before[1:]
    assert "line 0: its path does not prove it" in damage.why
    assert damage.file.endswith(layout.EXCERPT)


def test_without_the_head_nothing_is_proven(mine: OriginDir) -> None:
    assert mine.checkpoints is not None
    sorted(mine.checkpoints.glob("*.txt"))[-1].unlink()
    lines, damage = delivered(mine)

    assert lines == []
    assert all("there is no checkpoint of" in one.why for one in damage)


def test_a_checkpoint_of_another_tree_proves_nothing(mine: OriginDir) -> None:
    """Its own path would fit it: what does not is the way from it to the head."""
    found, lines = excerpt.load(mine)
    assert mine.checkpoints is not None
    first = found.lines[0]
    path = next(p for p in mine.checkpoints.glob("*.txt") if f"\n{first.size}\n".encode() in p.read_bytes())
    forged = first.line.replace('"cut":0', '"cut":7')
    root = leaf_hash(forged.encode())
    for sibling in first.path:  # line 0: every sibling is on the right
        root = merkle.node_hash(root, bytes.fromhex(sibling))
    body = path.read_bytes().split(b"\n")
    body[2] = b64encode(root)
    path.write_bytes(b"\n".join(body))
    singles = json.loads((mine.directory / layout.EXCERPT).read_bytes())["lines"]
    singles[0]["line"] = forged
    changed(mine, lines=singles)

    delivered_lines, damage = delivered(mine)
    assert lines[0].seq not in {line.seq for line in delivered_lines}
    assert "not proven to be of the same tree" in damage[0].why


def test_reading_goes_on_after_a_position(mine: OriginDir) -> None:
    parts = [part for part in read(mine) if isinstance(part, Batch)]
    whole_ = [line for part in parts for line in part.lines]
    for part in parts:
        rest = [line for p in read(mine, part.position) if isinstance(p, Batch) for line in p.lines]
        assert rest == [line for line in whole_ if line.seq >= part.position.size]
