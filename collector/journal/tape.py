"""The lines of an origin from a place on, file after file, as they lie there: not decoded, not judged."""

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

from collector.errors import JournalError
from collector.journal import layout
from collector.journal.layout import OriginDir

_BLOCK = 1 << 17
"""Bytes read at once. Memory for more would come from the system anew each time, page by page."""


class Place(NamedTuple):
    """Between two lines: the file, its bytes before, and the number of the line after (from 1)."""

    file: str
    offset: int
    line: int


@dataclass(slots=True)
class _Piece:
    """Lines that follow each other in one file: the first one's number (from 1) and offset."""

    file: str
    line: int
    offset: int
    lines: list[bytes]


class Tape:
    """A buffer of lines that were read and not dropped, filled by `more` and emptied by `drop`.

    Ends before a torn last line: the writer may be in the middle of it. In a file that is not the newest it
    counts as a line. An archive was whole when it got its name, so one that breaks off is `broken`.
    """

    def __init__(
        self, origin: OriginDir, names: list[str], place: Place, begun: Callable[[str], None]
    ) -> None:
        """Lines of the files `names` from `place` on; `begun` is called with each file as it is opened."""
        self._origin, self._begun = origin, begun
        self._names = names
        self._pieces: deque[_Piece] = deque()
        self.place = place
        """Where the last line dropped ends."""
        self._blocks = self._read()
        self.buffered = 0
        self.broken: dict[str, str] = {}
        """Files that could not be read to their end, and why."""

    def more(self) -> bool:
        """Read some more lines; False at the end of what there is."""
        piece = next(self._blocks, None)
        if piece is None:
            return False
        self._pieces.append(piece)
        self.buffered += len(piece.lines)
        return True

    def look(self, count: int) -> list[bytes]:
        """The next lines, `count` of them or as many as are buffered; they stay."""
        if self._pieces and len(self._pieces[0].lines) >= count:
            return self._pieces[0].lines[:count]
        return list(islice(chain.from_iterable(piece.lines for piece in self._pieces), count))

    def drop(self, count: int) -> None:
        """Be done with the next `count` lines, which must be buffered."""
        self.buffered -= count
        while count:
            piece = self._pieces[0]
            part = piece.lines[:count]
            del piece.lines[:count]
            piece.line += len(part)
            piece.offset += sum(map(len, part)) + len(part)
            count -= len(part)
            self.place = Place(piece.file, piece.offset, piece.line)
            if not piece.lines:
                self._pieces.popleft()

    def next_place(self) -> Place:
        """Where the next line is; where it would be, if there is none."""
        if not self._pieces:
            return self.place
        piece = self._pieces[0]
        return Place(piece.file, piece.offset, piece.line)

    def _read(self) -> Iterator[_Piece]:
        _, offset, line = self.place
        for name in [name for name in self._names if name >= self.place.file]:
            self._begun(name)
            for lines in self._file(name, offset):
                piece = _Piece(name, line, offset, lines)
                line += len(lines)
                offset += sum(map(len, lines)) + len(lines)
                yield piece
            offset, line = 0, 1

    def _file(self, name: str, offset: int) -> Iterator[list[bytes]]:
        rest = b""
        try:
            with layout.opened(self._origin, name) as stream:
                stream.seek(offset)
                while block := stream.read(_BLOCK):
                    *lines, rest = (rest + block).split(b"\n")
                    if lines:
                        yield lines
                packed = isinstance(stream, gzip.GzipFile)
        except (PermissionError, FileNotFoundError) as error:
            raise JournalError(
                f"{self._origin.directory / name}: expected to read lines, got: {error}"
            ) from error
        except (OSError, EOFError, zlib.error) as error:
            # A bad sector or a damaged archive: what follows is missing, and half a line is none.
            self.broken[name] = str(error)
            return
        if rest and name != self._names[-1]:
            yield [rest]
        elif rest and packed:
            self.broken[name] = "it ends in the middle of a line"
