"""nginx, serving one small page that says which backend it is."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.servers.process import Server, listens

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {host}:{port};
        location / {{
            add_header X-Backend {name};
            return 200 "served by {name}\\n";
        }}
    }}
}}
"""


class Nginx(Server):
    """Answers every path with 200, the text "served by NAME" and the header X-Backend."""

    def __init__(
        self, directory: Path, port: int, name: str, *, host: str = "127.0.0.1", prefix: Sequence[str] = ()
    ) -> None:
        super().__init__(directory)
        self.port = port
        self.name = name
        self.host = host
        self.prefix = list(prefix)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    def command(self) -> list[str]:
        file = self.directory / "nginx.conf"
        file.write_text(
            CONFIGURATION.format(directory=self.directory, host=self.host, port=self.port, name=self.name)
        )
        program = shutil.which("nginx", path="/usr/sbin") or "nginx"
        return [
            *self.prefix,
            program,
            "-p",
            str(self.directory),
            "-e",
            str(self.directory / "error.log"),
            "-c",
            str(file),
        ]

    def answers(self) -> bool:
        return listens(self.port, self.host)
