"""A script's command line: its options parsed, its errors said in one sentence, its stops by signal."""
import argparse
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from numbers import Integral, Real
from pathlib import Path
from types import FrameType, NoneType, UnionType
from typing import Any, Literal, TextIO, TypeVar, Union, get_args, get_origin

from ops import Limit
from vtt_emotion import __version__
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.interrupts import PROJECT

Options = TypeVar("Options")
STOPS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
OUT_OF_MEMORY = re.compile("out of memory|can.t allocate memory|insufficient memory|bad.alloc", re.IGNORECASE)


def parse(options_class: type[Options], argv: Sequence[str] | None, doc: str | None) -> Options:
    """The options of a script from its command line (`argv`, None for sys.argv), paths joined to root."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--version"]:
        print(f"vtt_emotion {__version__}")
        raise SystemExit
    import tyro

    print_log()
    by_recipe = getattr(options_class, "by_recipe", None)
    defaults = by_recipe(_recipe(argv)) if by_recipe else options_class()
    about = f"{doc or ''}\n--version, as the only option, says which version of the project this is."
    return settle(tyro.cli(options_class, args=_with_values(argv, defaults), description=about, default=defaults,
                           config=(tyro.conf.OmitArgPrefixes,)))


def _with_values(argv, defaults):
    """A command line on which a bare `--link`, or another option of true and false, is `--link true`."""
    switches = {f"--{name.replace('_', '-')}" for concern in vars(defaults).values() if is_dataclass(concern)
                for name, value in vars(concern).items() if value in ("true", "false")}
    pairs = zip(argv, [*argv[1:], "--"])
    return [part for one, after in pairs for part in ([one, "true"] if one in switches and after[:1] == "-" else [one])]


def _recipe(argv):
    """The recipe that a command line names, whose defaults the other options have; None where it names none."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", nargs="?")
    return first.parse_known_args(argv)[0].recipe


def _refuse_url(name, path):
    """Refuse a URL where a path is asked for; a Path keeps one of its two slashes."""
    if re.match("[A-Za-z][A-Za-z0-9+.-]+:/", str(path)) and not path.exists():
        raise InputError(f"--{name.replace('_', '-')} {str(path).replace(':/', '://', 1)}: expected a path of this "
                         "machine; create_results.py takes URLs as --videos and --results-path")


def settle(options: Any) -> Any:
    """The options, with paths joined to root; an InputError where a number is out of its limits."""
    root = options.place.root
    for concern in (getattr(options, item.name) for item in fields(options)):
        if is_dataclass(concern):
            for item in fields(concern):
                value = getattr(concern, item.name)
                if isinstance(value, Path):
                    _refuse_url(item.name, value)
                if isinstance(value, Path) and item.name != "root":
                    setattr(concern, item.name, root / value)
                for limit in getattr(item.type, "__metadata__", ()):
                    if isinstance(limit, Limit) and value is not None and not limit.least <= value <= limit.most:
                        raise InputError(f"--{item.name.replace('_', '-')} {value}: expected {limit}")
    return options


def fitting(value: Any, kind: Any) -> Any:
    """A value given in Python for an option of type `kind`, as the command line would give it.

    kind: bool, int, float, str, Path, a Literal, a tuple of these, or one of these or None. A bool does for a Literal
    of "true" and "false".

    Raises:
        ValueError: it does not fit; the message says what is expected.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None and NoneType in parts else fitting(value, parts[0])
    if origin is tuple and isinstance(value, tuple | list):
        kinds = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        if len(kinds) == len(value):
            return tuple(fitting(one, part) for one, part in zip(value, kinds))
    if origin is Literal:
        value = str(value).lower() if isinstance(value, bool) else value
        if isinstance(value, str | int) and value in parts:
            return value
        raise ValueError(f"one of {', '.join(map(repr, parts))}")
    wanted: Any = {int: Integral, float: Real, str: (str, Path), Path: (str, Path)}.get(kind, kind)
    if origin is None and isinstance(value, wanted) and (kind is bool or not isinstance(value, bool)):
        return kind(value)
    if origin is tuple:
        raise ValueError("a list" if parts[-1] is Ellipsis else f"{len(parts)} values")
    raise ValueError({int: "a whole number", float: "a number", bool: "True or False"}.get(kind, "text"))


class _Printer(logging.Handler):
    """What the rooms log, as scripts print it: warnings on stderr, all above any progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm
        warns = record.levelno >= logging.WARNING
        tqdm.write("warning: " * warns + record.getMessage(), file=sys.stderr if warns else sys.stdout)


def print_log() -> None:
    """Print from here on what the rooms log, which in a user's own program `logging` handles."""
    log = logging.getLogger("vtt_emotion")
    if not log.handlers:
        log.addHandler(_Printer())
        log.setLevel(logging.INFO)
        log.propagate = False


class Stopped(KeyboardInterrupt):
    """The script was asked to stop, by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def stop(number: int, _: FrameType | None) -> None:
    """A signal's handler: stop here, through whatever cleans up."""
    raise Stopped(number)


class Heard:
    """A standard stream that may go away, its pipe closed or its disk full: the work goes on, `error` tells it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.error = stream, None
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")        # a file's name may be no text

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int | None:
        return self._say(self.stream.write, text)

    def flush(self) -> None:
        return self._say(self.stream.flush)

    def _say(self, say, *text):
        try:
            return say(*text)
        except OSError as error:                 # what is said from here on, the buffer's rest too, goes nowhere
            self.error = error
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.stream.fileno())


def run_script(main: Callable[[], object]) -> None:
    """Run a script's `main`; bad input ends in one sentence and status 1, not in a traceback.

    Asked to stop by Ctrl-C, SIGTERM or SIGHUP, it says so and exits as a shell expects it: 130, 143 or 129. Where what
    it says cannot be written, it does all else; status 1 where that is a disk's fault, not a reader's that has left.
    """
    for number in STOPS:
        if signal.getsignal(number) != signal.SIG_IGN:           # as nohup has SIGHUP
            signal.signal(number, stop)
    sys.stdout, sys.stderr = Heard(sys.stdout), Heard(sys.stderr)
    try:
        import cv2
        cv2.setNumThreads(1)                     # crops are small, and scripts share work out by thread and process
        main()
        sys.stdout.flush()
        if sys.stdout.error and not isinstance(sys.stdout.error, BrokenPipeError):     # a reader that has read enough
            sys.exit(f"error: standard output: {sys.stdout.error.strerror}")
    except (InputError, OSError) as error:
        ignore_sigterm()
        if isinstance(error, OSError) and error.filename is not None and error.strerror:
            sys.exit(f"error: {error.filename}: {error.strerror}")
        sys.exit(f"error: {error}")
    except ModuleNotFoundError as error:
        if (PROJECT / f"{str(error.name).split('.')[0]}.py").exists():
            raise
        sys.exit(f"error: this needs {error.name}, which is not installed: pip install -r requirements.txt")
    except KeyboardInterrupt as asked:
        ignore_sigterm()
        print("stopped", file=sys.stderr)
        sys.exit(128 + getattr(asked, "number", signal.SIGINT))
    except Exception as error:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
            sys.exit("error: out of memory")
        raise


def ignore_sigterm() -> None:
    """Let SIGTERM pass from here on: torchrun's follows an error, and would cut its sentence short."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def torchrun_places() -> tuple[int, ...]:
    """(rank, processes, rank on this machine, processes on it) as torchrun says; 0, 1, 0, 1 where it started none."""
    names = (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0), ("LOCAL_WORLD_SIZE", 1))
    return tuple(int(os.environ.get(name, default)) for name, default in names)
