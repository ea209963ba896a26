"""Fetching a published file, or noticing soon that nobody answers."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, build_opener, getproxies, proxy_bypass

from benchmark import __version__
from benchmark.core.harmless import tell
from benchmark.datasets.base import DataMissingError

PATIENCE_SECONDS = 10.0
"""For all that happens before the first bytes: the name, the proxy, the connection, the headers, every redirection."""

LEAST_BYTES = 2**16
"""What must arrive in that time, from the beginning on; a server that drips is given up like one that is silent."""

_CHUNK_BYTES = 2**14


def fetch(url: str, target: Path, *, digest: str, algorithm: str, most: int, remedy: str) -> None:
    """Download `url` to `target`, which appears only when it is complete and its hash begins with `digest`.

    What is waited for is told on standard error.

    Args:
        url: The published address.
        target: The file.
        digest: The published hash, or its beginning, in hexadecimal digits.
        algorithm: Of the hash, as `hashlib` names it.
        most: Bytes; a longer answer is given up.
        remedy: For the error.

    Raises:
        DataMissingError: Nobody answers in ten seconds, the transfer stalls, is refused or damaged, or the folder
            cannot be written.
    """
    where = str(target)
    tell(
        f"downloading {target.name} from {_whom(url)}; given up after {PATIENCE_SECONDS:.0f} seconds without an answer"
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-", ignore_cleanup_errors=True) as folder:
            transfer = _Transfer(url, Path(folder) / target.name, hashlib.new(algorithm, usedforsecurity=False), most)
            transfer.run()
            if not transfer.hash.hexdigest().startswith(digest):
                raise OSError(f"what arrived is not the published file ({algorithm} {transfer.hash.hexdigest()})")
            transfer.path.replace(target)
    except OSError as error:
        raise DataMissingError(
            f"not there, and the download failed ({_whom(url)}: {error})", where=where, remedy=remedy
        ) from error


@dataclass
class _Transfer:
    """A download in a thread of its own, because looking up a name, for one, knows no timeout."""

    url: str
    path: Path
    hash: Any
    most: int
    received: int = 0
    problem: Exception | None = None
    given_up: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Raise OSError where it did not come to its end."""
        thread = threading.Thread(target=self._try, daemon=True)
        thread.start()
        try:
            for before in self._watched(thread):
                if self.received - before < LEAST_BYTES:
                    waited = f"{PATIENCE_SECONDS:.0f} seconds"
                    stalled = f"no more than {self.received - before:,} bytes in {waited}"
                    raise TimeoutError(stalled if self.received else f"no answer within {waited}")
        finally:
            self.given_up.set()
        if self.problem is not None:
            raise OSError(f"{type(self.problem).__name__}: {self.problem}") from self.problem

    def _watched(self, thread: threading.Thread) -> Iterator[int]:
        """How much had arrived when the patience began, each time that it ends before the transfer does."""
        while True:
            before, end = self.received, time.monotonic() + PATIENCE_SECONDS
            while thread.is_alive() and time.monotonic() < end:
                thread.join(0.1)
            if not thread.is_alive():
                return
            yield before

    def _try(self) -> None:
        try:
            self._transfer()
        except Exception as error:  # a proxy's address alone can be wrong in ways that are no OSError
            self.problem = error

    def _transfer(self) -> None:
        request = Request(self.url, headers={"User-Agent": f"medrobust/{__version__}"})  # noqa: S310 - published
        # Not `urlopen`, which remembers the proxies of its first call.
        with build_opener().open(request, timeout=PATIENCE_SECONDS) as answer, self.path.open("wb") as file:
            length = answer.headers.get("Content-Length", "")
            while chunk := answer.read1(_CHUNK_BYTES):
                if self.given_up.is_set():
                    return
                self.received += len(chunk)
                if self.received > self.most:
                    raise OSError(f"more than {self.most:,} bytes")
                self.hash.update(chunk)
                file.write(chunk)
            if length.isdecimal() and self.received < int(length):
                raise OSError(f"cut short after {self.received:,} of {int(length):,} bytes")


def _whom(url: str) -> str:
    """Who is asked. The proxy's address is not told, which may hold a password."""
    parts = urlsplit(url)
    host = parts.hostname or url
    proxied = bool(getproxies().get(parts.scheme))
    with suppress(OSError, ValueError):
        proxied = proxied and not proxy_bypass(host)
    return f"{host} through the proxy of {parts.scheme}_proxy" if proxied else host
