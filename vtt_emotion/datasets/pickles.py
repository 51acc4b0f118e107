"""Reading a pickle of plain data without running what it asks for.

A pickle is a small program: it may call any function by name, and NumPy's own functions, called with made-up
arguments, write where they should not. So nothing of NumPy's is given to it: arrays and their types are first noted
as `_Array` and `_Dtype`, checked, and then made here. And before it runs its operations are looked through for those
that ask for memory which the file does not fill: a length beyond its end, a memo of a billion places.
"""
import collections
import functools
import io
import math
import pickle
import re
from typing import Any

import numpy as np

PLAIN_TYPE = re.compile(r"([<>=|]?)(\?|[biufc]\d*|[SU]\d+|O\d*)")
NEVER_TOO_DEEP = 50                              # containers within containers
MANY_EMPTY = 1_000_000                           # texts without a letter in one array
# Operations by what follows them: nothing; so many bytes; bytes whose length stands in so many bytes; lines of text.
BARE = b"(01e2bNQRt)u}aldos]\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98"
FIXED = {1: b"Kqh\x80", 2: b"M", 4: b"Jj", 8: b"G\x95"}
COUNTED = {1: b"U\x8c\x8aC", 4: b"TXB\x8b", 8: b"\x8e\x8d\x96"}
LINES = {b"I": 1, b"L": 1, b"F": 1, b"S": 1, b"V": 1, b"g": 1, b"c": 2, b"i": 2}


def _class_of(operations):
    return b"[" + b"".join(re.escape(operations[at:at + 1]) for at in range(len(operations))) + b"]"


@functools.cache
def _short_operations(blocks):
    """A pattern of up to 2,000 operations: all that are not long, and of a memo's places the first `blocks` of 65,536.

    A loop over ten million operations takes Python ten seconds, and this a few tenths.
    """
    counted = [b"%s(?:%s)" % (_class_of(operations), b"|".join(
        re.escape(length.to_bytes(width, "little")) + b".{%d}" % length for length in range(256)))
        for width, operations in ((1, COUNTED[1]), (4, b"TXB"))]
    fixed = [_class_of(operations) + b".{%d}" % width for width, operations in FIXED.items()]
    most = (blocks - 1, 0) if blocks <= 256 else (255, min(blocks >> 8, 255))
    third, fourth = (re.escape(bytes([value])) for value in most)
    memo = b"r..[\\x00-" + third + b"][\\x00-" + fourth + b"]"
    return re.compile(b"(?:" + b"|".join([_class_of(BARE), memo, *fixed, *counted]) + b"){1,2000}", re.DOTALL)


def check_operations(data: bytes) -> None:
    """Refuse a pickle (bytes) that asks for more memory than a small multiple of its length.

    Raises:
        pickle.UnpicklingError: it does, or is cut short, or holds an operation that no plain data needs.
    """
    pattern, place = _short_operations((len(data) >> 16) + 1), 0
    counts = {bytes([operation]): width for width, operations in COUNTED.items() for operation in operations}
    while True:
        match = pattern.match(data, place)
        place = match.end() if match else place
        operation = data[place:place + 1]
        if operation == b".":
            return
        if operation in counts:
            start = place + 1 + counts[operation]
            place = start + int.from_bytes(data[place + 1:start], "little")
        elif operation in LINES or operation == b"p":
            for _ in range(LINES.get(operation, 1)):
                start, place = place + 1, data.find(b"\n", place + 1)
                if place < 0:
                    raise pickle.UnpicklingError("it is cut short")
            if operation == b"p" and not 0 <= int(data[start:place]) <= len(data):
                raise pickle.UnpicklingError("it asks for more memory than it fills")
            place += 1
        elif not match:
            raise pickle.UnpicklingError("it is cut short, or asks for more memory than it fills" if operation else
                                         "it is cut short")
        if place > len(data):
            raise pickle.UnpicklingError("it is cut short")


class _Dtype:
    """An array's type as a pickle tells it: a code ("f8"), and then the order of its bytes."""
    __slots__ = ("dtype",)

    def __init__(self, code):
        code = code.decode("latin1") if isinstance(code, bytes) else code
        if not isinstance(code, str) or not PLAIN_TYPE.fullmatch(code):
            kind = repr(code[:20]) if isinstance(code, str) else type(code).__name__
            raise pickle.UnpicklingError(f"it holds an array of type {kind}")
        self.dtype = np.dtype(object if "O" in code else code)

    def __setstate__(self, state):
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        if order in ("<", ">") and not self.dtype.hasobject:
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array as a pickle tells it: shape, type, order, and its bytes, or the list of its objects."""
    __slots__ = ("shape", "dtype", "fortran", "data")

    def __setstate__(self, state):
        if not isinstance(state, tuple):
            raise pickle.UnpicklingError("it holds an array that is none")
        self.shape, self.dtype, self.fortran, self.data = state[-4:]


class _Call:
    """A function that a pickle may call, and not change."""
    __slots__ = ("function",)

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __setstate__(self, _):
        raise pickle.UnpicklingError("it would change the program")


def _bytes_of(data):
    if isinstance(data, str):
        return data.encode("utf-8", "surrogateescape")
    if not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError(f"it passes {type(data).__name__} for an array's bytes")
    return data


def _array_of_bytes(data, dtype, shape, order="C"):
    """The array of plain numbers or text that `data` holds; a ValueError where its size is another."""
    if dtype.dtype.hasobject:
        raise pickle.UnpicklingError("it passes bytes for objects")
    _check_shape(shape)
    if dtype.dtype.itemsize == 0:                # empty text
        if math.prod(shape) > MANY_EMPTY:
            raise pickle.UnpicklingError("it asks for more memory than it fills")
        return np.zeros(shape, dtype.dtype)
    return np.frombuffer(_bytes_of(data), dtype.dtype).reshape(shape, order=order).copy(order)


def _check_shape(shape):
    if not isinstance(shape, tuple) or len(shape) > 32 or not all(type(side) is int and side >= 0 for side in shape):
        raise pickle.UnpicklingError("it holds an array whose shape is none")


class PlainUnpickler(pickle.Unpickler):
    """An unpickler of dicts, lists, tuples, sets, numbers, text and NumPy arrays of these, from Python 2 and 3.

    `read` raises pickle.UnpicklingError for anything else, and other exceptions for a damaged file. Text of Python 2
    is read as file names are, so that `os.fsencode` gives its bytes.
    """

    def __init__(self, data: bytes) -> None:
        check_operations(data)
        super().__init__(io.BytesIO(data), encoding="utf-8", errors="surrogateescape")
        self.arrays = 0

    def read(self) -> Any:
        """What the pickle holds."""
        return self._made(self.load(), {})

    def find_class(self, module: str, name: str) -> Any:
        """What the pickle may call."""
        module = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")
        known = {
            ("numpy", "ndarray"): self._new_array, ("numpy", "dtype"): self._new_dtype,
            ("numpy.core.multiarray", "_reconstruct"): self._new_array,
            ("numpy.core.multiarray", "scalar"): self._scalar,
            ("numpy.core.numeric", "_frombuffer"): self._from_buffer,
            ("_codecs", "encode"): self._encode, ("builtins", "bytes"): self._no_bytes,
            ("builtins", "set"): set, ("builtins", "frozenset"): frozenset,
            ("collections", "OrderedDict"): collections.OrderedDict,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        function = known[module, name]
        return function if isinstance(function, type) else _Call(function)

    def _new_array(self, *_):
        self.arrays += 1
        return _Array()

    def _new_dtype(self, code, *_):
        return _Dtype(code)

    def _scalar(self, dtype, data):
        return _array_of_bytes(data, dtype, ())[()]

    def _from_buffer(self, data, dtype, shape, order, *_):
        return _array_of_bytes(data, dtype, shape, order)

    def _encode(self, text, encoding):           # how Python 3 writes bytes for Python 2
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it asks for {encoding} text")
        return text.encode("latin1")

    def _no_bytes(self):
        return b""

    def _made(self, value, made, depth=0):
        """`value` with its noted arrays made; dicts and lists are changed in place. `made`: {id: what became of it}."""
        if depth > NEVER_TOO_DEEP:
            raise pickle.UnpicklingError("its containers are nested too deeply")
        if not isinstance(value, (dict, list, tuple, _Array)):
            return value
        if id(value) not in made:
            made[id(value)] = value
            if isinstance(value, dict):
                for key in value:
                    value[key] = self._made(value[key], made, depth + 1)
            elif isinstance(value, list):
                value[:] = (self._made(item, made, depth + 1) for item in value)
            elif isinstance(value, tuple):
                made[id(value)] = tuple(self._made(item, made, depth + 1) for item in value)
            else:
                made[id(value)] = self._array(value, made, depth)
        return made[id(value)]

    def _array(self, noted, made, depth):
        order = "F" if noted.fortran else "C"
        _check_shape(noted.shape)
        if not noted.dtype.dtype.hasobject:
            return _array_of_bytes(noted.data, noted.dtype, noted.shape, order)
        if math.prod(noted.shape) != len(noted.data):
            raise ValueError(f"an array of shape {noted.shape} with {len(noted.data)} objects")
        array = np.empty(len(noted.data), object)
        inside = self.arrays > 1                 # an index of 420,000 entries without arrays need not be looked through
        array[:] = [self._made(item, made, depth + 1) for item in noted.data] if inside else noted.data
        return array.reshape(noted.shape, order=order)
