"""What a file may ask of memory: a small multiple of its size, and then one sentence, under a limit of its process."""
import io
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from vtt_emotion.core.errors import InputError
from vtt_emotion.datasets.npy import read_arrays, read_index
from vtt_emotion.datasets.pickles import check_operations

HERE = Path(__file__).resolve().parents[2]
LIMIT = 1_500_000_000                            # bytes of address space, of which the imports take two thirds
READ = """
import sys
from pathlib import Path
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, read_reduced
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.video.names import read_gallery
ways = {".npy": [read_index], ".npz": [read_gallery]}.get(Path(sys.argv[1]).suffix,
                                                         [read_image, lambda path: read_reduced(path, 0, 64)])
for read in ways:
    try:
        read(Path(sys.argv[1]))
    except InputError as error:
        print(error)
"""


def index(pickled):
    """An index's file around a pickle."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + pickled


def png(width, height):
    """A PNG whose header claims these sides, and that holds next to nothing."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) \
        + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def archive(shape, compression=zipfile.ZIP_STORED, data=b"x" * 100):
    """A .npz whose one array claims a shape."""
    header, file = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(file, "w", compression) as made:
        made.writestr("bert.npy", header.getvalue() + data)
    return file.getvalue()


GREEDY = {
    "memo.npy": (index(b"\x80\x02}r\xff\xff\xff\x7f."), "more memory than it fills"),
    "memo in text.npy": (index(b"(dp1999999999\n."), "more memory than it fills"),
    "text.npy": (index(b"\x80\x04\x8d" + struct.pack("<Q", 10 ** 10) + b"a."), "cut short"),
    "bytes.npy": (index(b"\x80\x05\x96" + struct.pack("<Q", 10 ** 10) + b"a."), "cut short"),
    "number.npy": (index(b"\x80\x02\x8b" + struct.pack("<i", 2 ** 31 - 1) + b"a."), "cut short"),
    "picture.png": (png(30000, 30000), "not a readable image"),
    "smaller picture.png": (png(9000, 9000), "claims 9000x9000 pixels, in"),
    "array.npz": (archive((10 ** 8, 128)), "more than the file holds"),
    "packed array.npz": (archive((10 ** 8,), zipfile.ZIP_DEFLATED, bytes(8 * 10 ** 8)), "more than the file holds"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_small_file_that_asks_for_much_memory_is_refused(tmp_path, name):
    content, reason = GREEDY[name]
    (tmp_path / name).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", READ, str(tmp_path / name)], capture_output=True, text=True, cwd=HERE,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)))
    said = done.stdout.splitlines()
    assert done.returncode == 0 and said and not done.stderr, done.stderr
    assert all(line.startswith(str(tmp_path / name)) and reason in line for line in said), said


@pytest.mark.parametrize("protocol", range(6))
def test_sound_pickles_of_all_protocols_pass(protocol):
    value = {"text": "x" * 300, "short": "é笑", "bytes": b"y" * 300, "numbers": [1, -5, 2 ** 40, 2 ** 3000, 0.5, None],
             "many": [{str(number): number} for number in range(3000)], "set": {1}, "flags": (True, False)}
    check_operations(pickle.dumps(value, protocol))
    with pytest.raises(pickle.UnpicklingError, match="cut short"):
        check_operations(pickle.dumps(value, protocol)[:-5])


def test_an_index_of_the_first_protocol_is_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(index(pickle.dumps(np.array({"a": [1]}, object), 0)))
    assert read_index(tmp_path / "a.npy") == {"a": [1]}


def test_arrays_are_read_back_and_damage_is_said(tmp_path):
    np.savez(tmp_path / "a.npz", bert=np.arange(6.0).reshape(2, 3), text=np.array("about"), none=np.zeros((0, 4)))
    read = read_arrays(tmp_path / "a.npz")
    assert read["bert"].tolist() == [[0, 1, 2], [3, 4, 5]] and str(read["text"]) == "about" and not len(read["none"])
    data = (tmp_path / "a.npz").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            damaged[place] = rng.integers(256)
        (tmp_path / "a.npz").write_bytes(damaged[:rng.integers(1, len(data))] if rng.random() < 0.3 else damaged)
        try:
            read_arrays(tmp_path / "a.npz")
        except (ValueError, OSError) as error:
            assert str(error) and not isinstance(error, InputError)
