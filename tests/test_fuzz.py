"""Files with mutated bytes, 10,000 in the long run, through every reader: sound entries come out, or InputError."""
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import parse_affectnet
import parse_ck
import parse_fer
import parse_raf
from tests.conftest import often
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, read_reduced, write_image
from vtt_emotion.core.labels import AFFECTNET, CK
from vtt_emotion.datasets import friends
from vtt_emotion.datasets.affectnet_2021 import read_example
from vtt_emotion.datasets.fer2013 import find_votes_and_faces
from vtt_emotion.datasets.npy import read_index, write_index
from vtt_emotion.datasets.parsing import Report
from vtt_emotion.datasets.raf import find_subsets
from vtt_emotion.results.records import read_results
from vtt_emotion.training.log import read_log

TOKENS = [b"", b"NaN", b"nan", b"inf", b"-1", b"1e999", b"9" * 400, b"99999999999999999999", b"0x10", b"\0", b"null",
          b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r", b",", b";", b'"', b"\\", b"/", b"../", b"{}", b"[", b"]" * 50,
          b"NULL", b" ", b"\t", "é笑".encode(), b"1_000", b"\xc2\xb2", "٣".encode(), b"true", b"1" + b"0" * 310 + b".5"]


def mutate(data, rng):
    """`data` with one to eight changes: bytes flipped, cut, doubled, moved, or replaced by an awkward token."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        at, to = sorted(int(place) for place in rng.integers(0, len(data) + 1, 2))
        to = min(to, at + int(rng.choice([1, 4, 40, 4000])))
        kind = rng.integers(6)
        if kind == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del data[at:to]
        elif kind == 2:
            data[at:at] = data[at:to]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data[at:to] = TOKENS[rng.integers(len(TOKENS))]
        else:
            data[at:at] = TOKENS[rng.integers(len(TOKENS))]
    return bytes(data)


def sound(entries):
    """Whether index entries hold what their readers rely on."""
    for entry in entries:
        box = np.asarray(entry.get("gt", entry.get("face_rect", (0, 0, 0, 0))), float)
        assert box.shape == (4,) and (np.abs(box) < 1e7).all(), entry
        if "em" in entry:
            assert entry["em"].shape == (7,) and abs(entry["em"].sum() - 1) < 1e-6 and (entry["em"] >= 0).all(), entry
        else:
            assert entry["emo"] in range(7), entry
        for name in [entry["img"]] if isinstance(entry.get("img"), str) else entry.get("img", ()):
            assert not name.startswith("/") and ".." not in name.split("/"), entry
        assert entry.get("split", "train") in ("train", "valid", "test"), entry


def metadata(path):
    report = Report()
    for row, period in enumerate(friends.read_metadata(path)):
        entries = list(friends.read_period(period, f"{path} period {row}", report))
        sound(entries)
        for entry in entries:
            first, end = friends.read_span(period, entry["frame"])
            assert first <= entry["frame"] < end


def results(path):
    for record in read_results(path):
        assert len(record["object"]["box"]) == 4


@pytest.fixture(scope="module")
def readers(parsed, trained, tmp_path_factory):
    """[(file to be mutated, what reads it, share of the cases)]."""
    root = tmp_path_factory.mktemp("fuzz")
    data = root / "datasets"
    data.symlink_to(parsed / "datasets")
    for name in ("AffectNet", "AffectNet2021", "RAF-DB", "FER2013", "CK+"):
        copy_of(data / name, root / name)
    raf, ck, fer, old, new = (root / name for name in ("RAF-DB", "CK+", "FER2013", "AffectNet", "AffectNet2021"))

    def subset(name):
        return lambda _: [sound(parse_raf.read_subset(raf, found, Report())) for found in find_subsets(raf, (name,))]

    def sequence(_):
        entry = parse_ck.read_sequence(ck, parse_ck.find_ck_folders(ck), label, Report(), CK)
        sound([entry] if entry else [])

    def lists(_):
        sound(parse_affectnet.read_2017(old, parse_affectnet.find_lists(old, False), Report(), AFFECTNET))

    def votes(_):
        names, _, folders = find_votes_and_faces(fer)
        sound(parse_fer.read_votes(fer, names, folders, Report(), False))

    def example(_):
        try:
            entry, _ = read_example(new, "train_set/images/0.jpg", "train", AFFECTNET)
        except (ValueError, OverflowError):      # what read_examples makes a defect of
            return
        sound([entry] if entry else [])

    label = sorted(ck.glob("Emotion/*/*/*_emotion.txt"))[0]
    peak = sorted((ck / "cohn-kanade-images").joinpath(*label.parts[-3:-1]).glob("*"))[-1].stem
    write_index(root / "raf_parsed.npy", {row: {"img": "a.jpg", "gt": [1, 2, 3, 4], "em": np.eye(7)[row % 7]}
                                          for row in range(20)})
    (root / "results.json").write_text(json.dumps([{"type": "emotion", "class": "sad", "seconds": row / 24, "object": {
        "id": 1, "name": None, "box": [1, 2, 3, 4], "confidence": 0.5}} for row in range(20)]))
    (root / "log.csv").write_bytes((trained / "runs/static/log.csv").read_bytes())
    write_image(root / "face.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8))
    notes = root / "s01_ep01_tag2_visual_Final_180809.json"
    periods = friends.read_metadata(first(parsed, "datasets/Friends/s01_ep01_*.json"))
    notes.write_text(json.dumps({"visual_results": periods[:12]}))
    return [
        (old / "training.csv", lists, 15),
        (next(new.glob("train_set/annotations/0_exp.npy")), example, 8),
        *[(first(raf, f"{kind}/EmoLabel/[ld]ist*.txt"), subset(kind), 6) for kind in ("basic", "compound", "multi")],
        (first(raf, "basic/Annotation/boundingbox/train_*.txt"), subset("basic"), 3),
        (first(raf, "multi/Annotation/manual/*_ldmk.txt"), subset("multi"), 3),
        (fer / "fer2013new.csv", votes, 12),
        (label, sequence, 5), (ck / "Landmarks" / Path(*label.parts[-3:-1]) / f"{peak}_landmarks.txt", sequence, 5),
        (notes, metadata, 30), (root / "raf_parsed.npy", read_index, 20), (root / "results.json", results, 10),
        (root / "log.csv", read_log, 8), (root / "face.jpg", partial(read_reduced, side=0, least=20), 4),
        (root / "face.jpg", read_image, 4),
    ]


def first(root, pattern):
    return sorted(root.glob(pattern))[0]


def copy_of(source, target):
    """A folder with its text files copied, to be mutated, and its images linked."""
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in (".txt", ".csv", ".npy"):
                place.write_bytes(path.read_bytes())
            else:
                place.symlink_to(path)


@often(600, 10_000)
def test_mutated_files(readers, capfd, times):
    whole, done, refused = sum(share for *_, share in readers), 0, 0
    for number, (path, read, share) in enumerate(readers):
        data = path.read_bytes()
        read(path)                               # as it is, it is read
        for case in range(-(-times * share // whole)):
            path.write_bytes(mutate(data, np.random.default_rng((number, case))))
            done += 1
            try:
                read(path)
            except InputError as error:
                refused += 1
                assert str(error) and "\n" not in str(error)[:80]
            except BaseException as error:
                raise AssertionError(f"case {case} of {path}: {path.read_bytes()[:3000]!r}") from error
        path.write_bytes(data)
    assert done >= times and times / 10 < refused < times * 0.9
