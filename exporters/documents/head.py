"""The daily head: the newest signed checkpoint of each origin, as files and as a mail that others keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from collector.journal import checkpoint, layout, note
from collector.journal.layout import OriginDir

VOUCHING = (".tsr", ".cosig")
"""What others made of a checkpoint: responses of authorities, and signatures of witnesses."""

TEXT = """\
Constat: état signé du journal de mesures, à conserver. Il engage son auteur : chaque ligne écrite jusqu'ici
est fixée, et ne peut plus être changée ni retirée sans que cela se voie. Aucune réponse n'est attendue.

Constat: the signed state of the journal of measurements, to be kept. It binds its author: every line written
so far is fixed, and can no longer be changed or removed without being noticed. No answer is expected.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A checkpoint of an origin, with what others made of it."""

    origin: str
    size: int
    files: dict[str, bytes]
    """By name: the signed note first, then stamps and cosignatures of it."""


def newest(place: OriginDir) -> Head | None:
    """The newest checkpoint that its origin signed; None where there is none yet."""
    if place.checkpoints is None:
        return None
    for number in reversed(layout.checkpoint_numbers(place.checkpoints)):
        path = layout.checkpoint_path(place.checkpoints, number)
        data = path.read_bytes()
        try:
            found = note.parse(data)
            made = checkpoint.of(found)
        except ValueError:  # damage: told by whoever reads the journal
            continue
        if place.name in {signature.name for signature in found.signatures}:
            stem = f"{place.name}-{made.size}"
            files = {f"{stem}.txt": data}
            for beside in sorted(place.checkpoints.glob(f"{path.stem}.*")):
                if beside.suffix in VOUCHING:
                    files[stem + beside.name.removeprefix(path.stem)] = beside.read_bytes()
            return Head(origin=place.name, size=made.size, files=files)
    return None


def keep(heads: Sequence[Head], directory: Path) -> list[Path]:
    """Put heads into a directory, which is made where there is none; the notes."""
    directory.mkdir(parents=True, exist_ok=True)
    for one in heads:
        for name, data in one.files.items():
            layout.replace(directory / name, data)
    return [directory / next(iter(one.files)) for one in heads]


def message(heads: Sequence[Head], sender: str, to: Sequence[str]) -> EmailMessage:
    """Heads as a mail: the notes to be read in it, and all files attached as they are."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = "Constat: " + ", ".join(f"{one.origin} {one.size}" for one in heads)
    notes = (next(iter(one.files.values())).decode() for one in heads)
    mail.set_content(TEXT + "".join(f"\n{text}" for text in notes), cte="8bit")
    for one in heads:
        for name, data in one.files.items():
            # As bytes, also what is text: on its way nobody may put other line ends into what is signed.
            mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return mail
