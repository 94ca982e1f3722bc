"""Where the read side listens is written in one way, in the settings and on the command line."""

import pytest

from collector.settings.listen import Listen, listen_of


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:9617", "127.0.0.1", 9617, True),
        ("127.8.0.1:0", "127.8.0.1", 0, True),
        ("[::1]:80", "::1", 80, True),
        ("::1:80", "::1", 80, True),
        ("localhost:65535", "localhost", 65535, True),
        ("0.0.0.0:1", "0.0.0.0", 1, False),
        ("[::]:1", "::", 1, False),
        ("localhost.example:1", "localhost.example", 1, False),
    ],
)
def test_a_host_and_a_port_are_where_it_listens(text: str, host: str, port: int, loopback: bool) -> None:
    found = listen_of(text)

    assert found == Listen(host=host, port=port)
    assert found.loopback == loopback


@pytest.mark.parametrize(
    "text",
    ["", ":", "here", ":1", "a:", "a:65536", "a:-1", "a:x", "a:²", "a:१", "[::1:80", "::1]:80", "[]:1",
     "a b:1", "a:" + "9" * 5000],
)  # fmt: skip
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='expected "host:port" like'):
        listen_of(text)
