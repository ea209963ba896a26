"""Fetching a file from a server of our own, and giving up on one that never answers."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import medmnist
import numpy as np
import pytest

from benchmark.core.errors import UserError
from benchmark.core.harmless import harmless
from benchmark.datasets.base import DataMissingError
from benchmark.datasets.medmnist import PneumoniaMNIST
from benchmark.datasets.reading import download


@pytest.fixture
def serve(monkeypatch):
    """Serve these bytes at an address of this machine."""
    monkeypatch.setenv("no_proxy", "*")
    servers = []

    def start(content: bytes, *, promised: int | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(promised or len(content)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/pneumoniamnist.npz"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def publish(monkeypatch):
    def publish(url: str, md5: str):
        monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "url", url)
        monkeypatch.setitem(medmnist.INFO["pneumoniamnist"], "MD5", md5)

    return publish


def content_of(arrays, path) -> bytes:
    np.savez(path, **arrays())
    return path.read_bytes()


def test_missing_file_is_fetched_into_the_root_and_official(serve, publish, arrays, tmp_path):
    content = content_of(arrays, tmp_path / "source.npz")
    publish(serve(content), hashlib.md5(content).hexdigest())
    root = tmp_path / "new" / "root"
    data = PneumoniaMNIST().load(root=root)
    assert not any("unofficial" in note for note in data.notes)
    assert PneumoniaMNIST().official(root=root) is True
    assert [p.name for p in root.iterdir()] == ["pneumoniamnist.npz"]


@pytest.mark.parametrize("fault", ["other content", "cut short"])
def test_damaged_transfer_leaves_nothing_behind(serve, publish, arrays, tmp_path, fault):
    content = content_of(arrays, tmp_path / "source.npz")
    url = serve(b"<html>", promised=None) if fault == "other content" else serve(content[:5000], promised=len(content))
    publish(url, hashlib.md5(content).hexdigest())
    root = tmp_path / "root"
    with pytest.raises(DataMissingError, match="download failed") as caught:
        PneumoniaMNIST().load(root=root)
    assert "pneumoniamnist.npz" in caught.value.remedy
    assert list(root.iterdir()) == []


def test_file_at_hand_is_never_replaced(serve, publish, arrays, tmp_path):
    content = content_of(arrays, tmp_path / "pneumoniamnist.npz")
    publish(serve(b"other"), hashlib.md5(b"other").hexdigest())
    data = PneumoniaMNIST().load(root=tmp_path)
    assert (tmp_path / "pneumoniamnist.npz").read_bytes() == content
    assert any("unofficial" in note for note in data.notes)


def test_root_that_cannot_be_made(serve, publish, tmp_path):
    publish(serve(b"content"), hashlib.md5(b"content").hexdigest())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="is a file, not a folder") as caught:
        PneumoniaMNIST().load(root=tmp_path / "file" / "root")
    assert not isinstance(caught.value, DataMissingError), "no phantom may stand in for it"


def test_closed_port_is_given_up_at_once_and_says_what_to_put_where(publish, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        publish(f"http://127.0.0.1:{taken.getsockname()[1]}/pneumoniamnist.npz", "0" * 32)
        with pytest.raises(DataMissingError, match=r"127\.0\.0\.1: .*refused") as caught:
            PneumoniaMNIST().load(root=tmp_path / "root")
    assert "put pneumoniamnist.npz (http://127.0.0.1" in caught.value.remedy
    assert list((tmp_path / "root").iterdir()) == []


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 1.0)


@pytest.fixture
def listen():
    """A server that speaks as `speak(connection)` says to whoever connects."""
    listeners = []

    def start(speak) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection = listener.accept()[0]
                    threading.Thread(target=speaking, args=(connection,), daemon=True).start()

        def speaking(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                speak(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in listeners:
        listener.close()


def silent(connection: socket.socket) -> None:
    connection.recv(1)
    time.sleep(30)


def drips_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X: y\r\n")
        time.sleep(0.1)


def drips_content(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def redirects(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def floods(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(bytes(2**20))


def is_no_http(connection: socket.socket) -> None:
    connection.sendall(b"\x1b[2J\x00" * 1000)


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize("speak", [silent, drips_headers, drips_content, redirects, floods, is_no_http])
def test_a_server_or_proxy_that_does_not_answer_is_given_up_in_time_with_a_word(
    speak, proxied, listen, publish, impatient, tmp_path, monkeypatch, capsys
):
    address = listen(speak)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, address if proxied else "")
    publish("http://zenodo.invalid/file.npz" if proxied else f"{address}/file.npz", "0" * 32)
    began = time.monotonic()
    with pytest.raises(DataMissingError, match="the download failed") as caught:
        PneumoniaMNIST().load(root=tmp_path / "root")
    assert time.monotonic() - began < 3
    assert harmless(str(caught.value)) == str(caught.value)
    assert list((tmp_path / "root").iterdir()) == []
    told = capsys.readouterr().err
    assert told.startswith("downloading pneumoniamnist.npz from ")
    assert ("through the proxy of http_proxy" in told) == proxied


def test_patience_is_ten_seconds():
    assert download.PATIENCE_SECONDS == 10


def test_a_slow_server_that_brings_enough_is_waited_for(listen, publish, impatient, arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    content = content_of(arrays, tmp_path / "source.npz") + bytes(300_000)

    def slow(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
        for start in range(0, len(content), 50_000):
            time.sleep(0.3)
            connection.sendall(content[start : start + 50_000])

    url = listen(slow)
    publish(f"{url}/pneumoniamnist.npz", hashlib.md5(content).hexdigest())
    began = time.monotonic()
    PneumoniaMNIST().locate(root=tmp_path / "root", download=True)
    assert time.monotonic() - began > 1.5
    assert (tmp_path / "root" / "pneumoniamnist.npz").read_bytes() == content


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:99999999",
        "::::",
        "http://[::1",
        "http://",
        "http://:0",
        "\x1b[2J",
        "http://a b:1",
        "x://y",
        "[",
        "//",
    ],
)
def test_a_proxy_that_is_no_address_is_no_network(proxy, publish, impatient, tmp_path, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", proxy)
    publish("https://zenodo.invalid/file.npz", "0" * 32)
    with pytest.raises(DataMissingError, match="download failed") as caught:
        PneumoniaMNIST().load(root=tmp_path / "root")
    assert len(str(caught.value).splitlines()) == 2


def test_a_proxys_password_is_not_told(publish, impatient, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("https_proxy", "http://somebody:hunter2@127.0.0.1:9")
    publish("https://zenodo.invalid/file.npz", "0" * 32)
    with pytest.raises(DataMissingError) as caught:
        PneumoniaMNIST().load(root=tmp_path / "root")
    assert "hunter2" not in str(caught.value) + capsys.readouterr().err


def test_name_server_that_never_answers_is_given_up_on(publish, impatient, tmp_path, monkeypatch):
    answer = threading.Event()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answer.wait() and [])
    publish("https://zenodo.invalid/file.npz", "0" * 32)
    try:
        with pytest.raises(DataMissingError, match="no answer within"):
            PneumoniaMNIST().load(root=tmp_path / "root")
    finally:
        answer.set()
