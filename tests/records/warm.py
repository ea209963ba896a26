"""What every fork of a warm process takes over: the plug-ins, and one server of verdicts for all."""

from __future__ import annotations

from benchmark.core.discovery import load_plugins
from benchmark.verdicts import fresh

load_plugins()
fresh.serving()
