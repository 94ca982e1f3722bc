"""chrony as a time server on a loopback port; it never touches this machine's clock."""

import shutil
import socket
from pathlib import Path

from tests.servers.process import Server

REQUEST = bytes([0x23]) + bytes(47)


class Chrony(Server):
    """chronyd without clock control; unsynchronised it answers with leap indicator 3."""

    def __init__(self, directory: Path, port: int, *, synchronised: bool = True) -> None:
        super().__init__(directory)
        self.port = port
        self.synchronised = synchronised

    def command(self) -> list[str]:
        lines = [
            f"port {self.port}",
            "bindaddress 127.0.0.1",
            "allow 127.0.0.0/8",
            "cmdport 0",
            "bindcmdaddress /",
            f"pidfile {self.directory}/chronyd.pid",
            *(["local stratum 8"] if self.synchronised else []),
        ]
        file = self.directory / "chrony.conf"
        file.write_text("\n".join(lines) + "\n")
        return [
            shutil.which("chronyd", path="/usr/sbin") or "chronyd",
            "-x",
            "-d",
            "-u",
            "root",
            "-f",
            str(file),
        ]

    def answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            try:
                client.connect(("127.0.0.1", self.port))
                client.send(REQUEST)
                return len(client.recv(512)) >= 48
            except OSError:
                return False
