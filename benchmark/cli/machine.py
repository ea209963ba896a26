"""What the machine offers: processor, memory, disk, accelerators."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        # Not every system can say which cores are ours.
        return os.cpu_count() or 1


def free_memory() -> int | None:
    """Bytes of memory that can be had without swapping, or None where the system does not say."""
    limits = [_meminfo("MemAvailable"), _container_limit()]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def free_disk(folder: Path) -> int:
    """Bytes free where `folder` is, or will be."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def accelerators() -> list[str]:
    """The GPUs that torch can use, with their memory."""
    import torch

    found = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        found.append(f"cuda:{index} {properties.name}, {gibibytes(properties.total_memory)}")
    if torch.backends.mps.is_available():
        found.append("mps (Apple GPU)")
    return found


def gibibytes(count: int) -> str:
    """A number of bytes, for people."""
    return f"{count / 2**30:.1f} GiB"


def _meminfo(key: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), None)


def _container_limit() -> int | None:
    """What a container's memory limit leaves (control groups, version 2)."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text(encoding="ascii").strip()
        used = (folder / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return max(0, int(limit) - int(used)) if limit.isdecimal() and used.isdecimal() else None
