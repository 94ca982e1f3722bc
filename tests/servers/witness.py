"""A minimal C2SP witness (tlog-witness) on a loopback port, in this process: it cosigns what only grows."""

import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from collector.journal import checkpoint, note
from collector.journal.merkle import extends
from collector.journal.note import COSIGNATURE, Signature, Vkey

TIME = 1_795_176_000


class WitnessServer:
    """Knows some logs by their keys, and of each what it cosigned last; it trusts nothing it is told."""

    def __init__(self, name: str = "witness.example") -> None:
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.vkey = Vkey(name, COSIGNATURE, public)
        self.logs: dict[str, Vkey] = {}
        self.seen: dict[str, tuple[int, bytes]] = {}
        self.answered: list[int] = []
        """The status of each answer."""
        self.instead: bytes | None = None
        """What it answers with 200, whatever it is asked."""
        self.hangs = threading.Event()
        self.hangs.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "WitnessServer":
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 (the name http.server asks for)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                witness.hangs.wait()
                status, answer = (404, b"") if self.path != "/add-checkpoint" else witness.asked(body)
                witness.answered.append(status)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.hangs.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, body: bytes) -> tuple[int, bytes]:
        """The answer to one add-checkpoint, as C2SP's tlog-witness says."""
        head, _, data = body.partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        word, _, size = first.partition(" ")
        if word != "old" or not size.isdigit() or len(lines) > 63:
            return 400, b""
        old, path = int(size), [b64decode(line, validate=True) for line in lines]
        found = note.parse(data)
        made = checkpoint.of(found)
        key = self.logs.get(made.origin)
        if key is None:
            return 404, b""
        try:
            if key not in found.signers([key]):
                return 403, b""
        except ValueError:
            return 403, b""
        if old > made.size:
            return 400, b""
        last, root = self.seen.get(made.origin, (0, b""))
        if old != last or (made.size == last and made.root != root):
            return 409, b"%d\n" % last
        if last and not extends(last, root, made.size, made.root, path):
            return 422, b""
        self.seen[made.origin] = (made.size, made.root)
        if self.instead is not None:
            return 200, self.instead
        return 200, self.cosignature(found.text).line()

    def cosignature(self, text: bytes) -> Signature:
        signature = self._private.sign(note.cosigned(TIME, text))
        return Signature(self.vkey.name, self.vkey.id, TIME.to_bytes(8, "big") + signature)
