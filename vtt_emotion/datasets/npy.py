"""Reading and writing the `.npy` indexes, safely.

An index is a NumPy object array that holds one dict (docs/formats.md). NumPy stores such an array as a pickle, and a
pickle can run code, so `read_index` goes by `pickles`, which refuses all but plain data.
"""
import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ops import SOURCES
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.files import whole_file
from vtt_emotion.core.labels import EMOTIONS
from vtt_emotion.datasets.pickles import PlainUnpickler

BUFFER = 4                                       # images of an entry that is no still: what the network sees at once
FILES = {source: row.index for source, row in SOURCES.items()}


def kind_of(source: str) -> str:
    """The name of a source's row in SOURCES, `labelled` of `labelled:NAME`. InputError where there is none."""
    kind, colon, _ = source.partition(":")
    if kind not in FILES or (colon and kind != "labelled"):
        raise InputError(f"{source}: no such source; expected {', '.join(FILES)} or labelled:NAME")
    return kind


def writer_of(source: str) -> str:
    """The script, and its option, that writes a source's index."""
    return f"parse_clips.py --benchmark {source}" if SOURCES[source].clips else f"parse_{source}.py"


def index_file(source: str) -> str:
    """The name of a source's index."""
    kind, name = kind_of(source), source.partition(":")[2]
    return FILES[kind].replace("_", f"_{name}_") if name else FILES[kind]


def write_index(path: str | Path, index: dict) -> None:
    """Write `index` (dict) as a whole `.npy` file, or nothing."""
    holder = np.empty((), object)
    holder[()] = index
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.save(file, holder)


def read_index(path: str | Path) -> dict:
    """The dict in an index file.

    Raises:
        InputError: the file is missing, is not an index, or holds more than plain data.
    """
    path = Path(path)
    if not path.is_file():
        script = next((name for name, file in FILES.items() if file == path.name), None)
        hint = f"; python {writer_of(script)} writes it" if script else ""
        raise InputError(f"{path}: no such index{hint}")
    try:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if not dtype.hasobject or shape != ():
                raise ValueError(f"it holds {dtype} of shape {shape}")
            index = PlainUnpickler(file.read()).read().item()
    except PermissionError:
        raise
    except Exception as error:                   # whatever bytes that are no index may lead to
        raise InputError(f"{path}: not an index of this project, a .npy file holding one dict of plain data "
                         f"({str(error) or type(error).__name__})") from None
    if not isinstance(index, dict):
        raise InputError(f"{path}: expected a dict inside, found {type(index).__name__}")
    return index


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """{name: array} of a .npz file of plain arrays, as np.savez writes it.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or an array of it claims more than the file holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                    shape, _, dtype = read[np.lib.format.read_magic(file)](file)
                stored = member.file_size if member.compress_type == zipfile.ZIP_STORED else 0
                if math.prod(shape) * dtype.itemsize > min(stored, Path(path).stat().st_size):
                    raise ValueError(f"{member.filename} claims an array of shape {shape}, more than the file holds")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:                   # whatever bytes that are no archive may lead to
        raise ValueError(str(error) or type(error).__name__) from None


def write_arrays(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Write {name: array} as a whole .npz file, which `read_arrays` reads."""
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def by_emotion(entries: Iterable[dict]) -> dict[int, dict[int, dict]]:
    """Entries (each with `emo`) as `[emotion 0-6][example index]`, with [7] where there is contempt."""
    index = {emotion: {} for emotion in range(len(EMOTIONS))}
    for entry in entries:
        examples = index.setdefault(entry["emo"], {})
        examples[len(examples)] = entry
    return index
