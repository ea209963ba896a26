"""Fetching a file from a server of our own, and giving up on one that never answers."""

from __future__ import annotations

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import medmnist
import numpy as np
import pytest

from benchmark.datasets.base import DataMissingError
from benchmark.datasets.download import reachable
from benchmark.datasets.pneumoniamnist import PneumoniaMNIST
from benchmark.errors import UserError


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


def test_closed_port_is_unreachable_and_says_what_to_put_where(publish, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        publish(f"http://127.0.0.1:{taken.getsockname()[1]}/pneumoniamnist.npz", "0" * 32)
        with pytest.raises(DataMissingError, match=r"127\.0\.0\.1 cannot be reached") as caught:
            PneumoniaMNIST().load(root=tmp_path / "root")
    assert "put pneumoniamnist.npz (http://127.0.0.1" in caught.value.remedy
    assert not (tmp_path / "root").exists()


def test_name_server_that_never_answers_is_given_up_on(monkeypatch):
    answer = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: answer.wait() and [])
    try:
        assert not reachable("https://zenodo.org/records", seconds=0.1)
    finally:
        answer.set()


def test_proxy_is_what_must_be_reachable(serve, monkeypatch):
    proxy = serve(b"")
    monkeypatch.delenv("no_proxy")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{urlsplit(proxy).netloc}")
    assert reachable("https://nowhere.invalid/file", seconds=2)
