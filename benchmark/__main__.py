"""`python -m benchmark`, and the `medrobust` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

from benchmark.core.exit_status import ExitStatus

# Idle OpenMP threads spin for long, which makes two threads on a busy machine many times slower than one; where they
# sleep at once, waking them makes small kernels slow. It counts only when set before torch is imported.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (of `sys.argv` by default), and give the exit status.

    See `ExitStatus`.
    """
    from benchmark.core.errors import UserError
    from benchmark.core.termination import TerminatedError

    _tell_harmlessly()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            # A terminal or a log that cannot show ε gets "?" rather than a traceback.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except UserError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        # Whoever read the output (`| head`) has seen enough.
        _discard_output()
        return ExitStatus.DONE
    except OSError as error:
        # Python itself would try once more to write on its way out.
        _discard_output()
        return _refuse(_system_said(error))
    except TerminatedError as error:
        with suppress(OSError):
            sys.stderr.write(f"terminated ({error})\n")
        return error.status
    except KeyboardInterrupt:
        with suppress(OSError):
            sys.stderr.write("interrupted\n")
        return ExitStatus.INTERRUPTED
    return status


def _run(arguments: Sequence[str] | None) -> int:
    from benchmark.cli.app import app

    try:
        app(args=arguments, prog_name=_called(sys.argv if arguments is None else arguments))
    except SystemExit as leaving:
        # What typer makes of these two depends on its version; that they happened does not.
        cause = leaving.__context__
        while cause is not None:
            if isinstance(cause, (KeyboardInterrupt, BrokenPipeError)):
                raise cause from None
            cause = cause.__context__
        return leaving.code if isinstance(leaving.code, int) else ExitStatus.DONE
    return ExitStatus.DONE


def _called(words: Sequence[str]) -> str:
    """The name in messages; a shell completes the installed command, whichever way it is asked for."""
    completing = "_MEDROBUST_COMPLETE" in os.environ or {"--install-completion", "--show-completion"} & set(words)
    return "medrobust" if completing else "python -m benchmark"


def _tell_harmlessly() -> None:
    """What Python itself prints quotes files, plug-ins and exceptions too: warnings, and an error nobody caught."""
    import traceback
    import warnings

    from benchmark.core.harmless import harmless
    from benchmark.core.harmless import line as on_one_line

    def warning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        del line
        return on_one_line(f"{filename}:{lineno}: {category.__name__}: {message}") + "\n"

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(harmless("".join(traceback.format_exception(kind, error, trace))))

    warnings.formatwarning = warning
    sys.excepthook = uncaught


def _refuse(message: str) -> int:
    from benchmark.core.harmless import harmless

    with suppress(OSError):
        sys.stderr.write(f"error: {harmless(message)}\n")
    return ExitStatus.REFUSED


def _system_said(error: OSError) -> str:
    import errno

    from benchmark.core.harmless import line

    # No write to a stream ends in these.
    elsewhere = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
    where = error.filename or ("this process" if error.errno in elsewhere else "standard output")
    fewer = "let OMP_NUM_THREADS be smaller, so that fewer steps are computed at a time"
    remedies = {
        errno.EMFILE: "raise the limit on open files (ulimit -n)",
        errno.ENOMEM: fewer,
        errno.EAGAIN: f"raise the limit on processes (ulimit -u), or {fewer}",
    }
    remedy = f"\n  remedy: {remedies[error.errno]}" if error.errno in remedies else ""
    return f"{line(where)}: {error.strerror or error}{remedy}"


def _discard_output() -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
