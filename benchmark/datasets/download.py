"""Fetching a published file, or noticing soon that there is no network."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from benchmark.datasets.base import DataMissingError

CONNECT_SECONDS = 6.0
_READ_SECONDS = 20.0


def reachable(url: str, *, seconds: float = CONNECT_SECONDS) -> bool:
    """Whether the host of `url`, or the proxy in front of it, accepts a connection within `seconds`."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme, "")
    if proxy and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    address = (parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 443))
    connected = threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=seconds).close()
        except (OSError, UnicodeError):
            return
        connected.set()

    # In a thread, because looking up a name knows no timeout, and a host with many addresses gets one for each.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return connected.is_set()


def fetch(url: str, target: Path, *, md5: str, remedy: str) -> None:
    """Download `url` to `target`, which appears only when it is complete and has the checksum `md5`.

    Raises:
        DataMissingError: No network, no such file, a damaged transfer, or a folder that cannot be written.
    """
    where = str(target)
    if not reachable(url):
        raise DataMissingError(f"not there, and {urlsplit(url).hostname} cannot be reached", where=where, remedy=remedy)
    from torchvision.datasets.utils import download_url

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as folder, _patience(_READ_SECONDS):
            download_url(url, folder, target.name, md5)
            (Path(folder) / target.name).replace(target)
    except (OSError, RuntimeError, ValueError) as error:
        raise DataMissingError(f"not there, and the download failed ({error})", where=where, remedy=remedy) from error


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    # The downloader takes no timeout of its own; without one a stalled transfer would hang for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
