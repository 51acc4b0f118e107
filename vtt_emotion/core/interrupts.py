"""Ctrl-C while a script still imports its parts: it ends then as it does later, in "stopped" and status 130."""
import signal
import sys
from pathlib import Path
from types import TracebackType

PROJECT = Path(__file__).resolve().parents[2]


def watch_imports() -> None:
    """Have Ctrl-C end one of this project's scripts quietly before `run_script` sees to it; else change nothing."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "").resolve()
    if script.parent in (PROJECT, PROJECT / "tools"):
        sys.excepthook = say_uncaught


def say_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception hook: Python's own word on what ends a script, but for Ctrl-C."""
    stopped: BaseException | None = error
    while stopped is not None and not isinstance(stopped, KeyboardInterrupt):
        stopped = stopped.__context__
    if stopped is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print("stopped", file=sys.stderr)
        sys.exit(128 + getattr(stopped, "number", signal.SIGINT))
