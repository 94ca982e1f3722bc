"""haproxy, balancing HTTP over two backends."""

import shutil
from pathlib import Path

from tests.servers.nginx import Nginx
from tests.servers.process import Server, listens

CONFIGURATION = """
global
    maxconn 256
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend in
    bind 127.0.0.1:{port}
    default_backend out
backend out
    balance roundrobin
{servers}
"""


class Haproxy(Server):
    """Round robin before `backends`."""

    def __init__(self, directory: Path, port: int, backends: list[Nginx]) -> None:
        super().__init__(directory)
        self.port = port
        self.backends = backends

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def command(self) -> list[str]:
        servers = "\n".join(f"    server {b.name} 127.0.0.1:{b.port}" for b in self.backends)
        file = self.directory / "haproxy.cfg"
        file.write_text(CONFIGURATION.format(port=self.port, servers=servers))
        return [shutil.which("haproxy", path="/usr/sbin") or "haproxy", "-db", "-f", str(file)]

    def answers(self) -> bool:
        return listens(self.port)
