"""A task's threads held to as many cores as it was given: Ray counts cores, but keeps nobody to them.

FFmpeg, ONNX Runtime and reading's own threads would each take what the machine has; on cores that are theirs alone
they find no more. Which cores are free, a machine's tasks tell each other by locks on files, that end with a process.
"""
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any


class Cores:
    """Keeps all threads of this process, and those that it starts, on `count` cores that no other task has.

    Where there are none left, or the system is not Linux, they stay where they were.
    """

    def __init__(self, count: int) -> None:
        self.count, self.locks = count, ExitStack()
        self.own: Any = None
        self.former: Any = None

    def __enter__(self) -> "Cores":
        if hasattr(os, "sched_setaffinity"):
            self.own, self.former = _take(self.count, self.locks), os.sched_getaffinity(0)
            if self.own:
                _move(self.own)
        return self

    def __exit__(self, *_: object) -> None:
        if self.own:
            _move(self.former)
        self.locks.close()

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave them to others while this task only waits."""
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


def _take(count, locks):
    """`count` of the cores that this process may use, locked until `locks` closes; None where fewer are free."""
    import fcntl

    folder, taken = Path(tempfile.gettempdir()) / f"archive-cores-{os.getuid()}", set()
    folder.mkdir(exist_ok=True)
    for core in sorted(os.sched_getaffinity(0)):
        file = os.open(folder / str(core), os.O_CREAT | os.O_RDWR)
        locks.callback(os.close, file)
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken.add(core)
        if len(taken) == count:
            return taken
    locks.close()
    return None


def _move(cores):
    """Keep every thread of this process on some cores."""
    for thread in os.listdir("/proc/self/task"):
        with suppress(ProcessLookupError):       # it has ended since
            os.sched_setaffinity(int(thread), cores)
