import shutil

import numpy as np
import pytest
import torch

import create_results
import parse_taught
from ops import Margins, StaticTrainOps
from parse_taught import with_surroundings
from resnet_tsm import resnet18
from vtt_emotion.core.command_line import parse
from vtt_emotion.core.crop import crop_face, square_around, xyxy_to_xywh
from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import read_image, write_image
from vtt_emotion.datasets.npy import read_index
from vtt_emotion.training.clips import FaceClips
from vtt_emotion.training.samples import read_held_out, read_mixture
from vtt_emotion.video import batch
from vtt_emotion.video.detection import framing_of, make_detector
from vtt_emotion.video.faces import make_faces
from vtt_emotion.video.faces_file import read_faces
from vtt_emotion.video.frames import Frame, read_frames
from vtt_emotion.video.unlabelled import soft_labels

TEACHERS = ("runs/static/best.pt", "runs/tsm/best.pt")


def run(root, *more, dicts="dicts"):
    """The index that parse_taught makes with the two small networks, in PyTorch."""
    parse_taught.main(["--root", str(root), "--backend", "torch", "--device", "cpu", "--weights", *TEACHERS,
                       *map(str, more)])
    return read_index(root / dicts / "taught_parsed.npy")


@pytest.fixture(scope="module")
def site(trained, tmp_path_factory):
    """Root with networks, and photos: eight drawn faces in two folders, one of no face, and one that is no image."""
    root = tmp_path_factory.mktemp("taught")
    (root / "runs").symlink_to(trained / "runs")
    (root / "press/more").mkdir(parents=True)
    detector, found = make_detector("centerface"), 0
    for path in sorted((trained / "datasets/AffectNet").rglob("*.jpg")):
        try:
            image = read_image(path)
        except InputError:
            continue
        if len(detector.find(image)) == 1 and found < 8:
            shutil.copy(path, root / ("press" if found % 2 else "press/more") / f"{found}.jpg")
            found += 1
    assert found == 8
    write_image(root / "press/empty.jpg", np.full((200, 200, 3), 90, np.uint8))
    (root / "press/broken.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def taught(site):
    return run(site, "--images", "press", "--sure", 0)


def test_photos_become_an_index_as_of_raf(site, taught):
    assert list(taught) == list(range(8)) and {entry["split"] for entry in taught.values()} == {"train"}
    assert sorted(entry["file"] for entry in taught.values()) == sorted(
        f"{'' if number % 2 else 'more/'}{number}.jpg" for number in range(8))
    assert {path.name for path in (site / "taught_faces/press").iterdir()} == {
        entry["img"].split("/")[1] for entry in taught.values()}
    for entry in taught.values():
        image, (x, _, width, height) = read_image(site / "taught_faces" / entry["img"]), entry["gt"]
        assert entry["em"].shape == (7,) and entry["em"].sum() == pytest.approx(1) and width == height
        assert max(image.shape) <= parse_taught.LARGEST and 0 <= x + width / 2 <= image.shape[1]


def test_a_label_is_the_mean_of_what_the_networks_say_of_that_crop(site, taught):
    nets = [resnet18(site / weights).eval() for weights in TEACHERS]
    detector, framing = make_detector("centerface"), framing_of("centerface", Margins())
    for entry in list(taught.values())[:3]:
        photo = read_image(site / "press" / entry["file"])
        scale = max(photo.shape) / 480
        frame = Frame(0, 0.0, site / "press" / entry["file"])
        box = detector.find(detector.prepare(frame), scale)["box_xyxy"][0]
        crop = torch.from_numpy(crop_face(photo, xyxy_to_xywh(box), 64, *framing).copy()).permute(2, 0, 1)[None] / 255
        with torch.inference_mode():
            said = torch.stack([net(crop[None])[0, 0].softmax(0) for net in nets]).mean(0)
        np.testing.assert_allclose(entry["em"], said, atol=1e-3)
        again = read_image(site / "taught_faces" / entry["img"])       # a JPEG again, in which the face lies as before
        assert np.abs(crop_face(again, entry["gt"], 64).astype(int) - crop_face(
            photo, xyxy_to_xywh(box), 64, *framing)).mean() < 3


def test_only_the_sure_are_kept_and_of_them_the_surest(site, taught, capsys):
    by_file = {entry["file"]: entry["em"] for entry in taught.values()}
    sure = float(np.median([em.max() for em in by_file.values()]))
    kept = run(site, "--images", "press", "--sure", sure)
    assert {entry["file"] for entry in kept.values()} == {file for file, em in by_file.items() if em.max() >= sure}
    out = capsys.readouterr().out
    assert "dropped 1: photo without a face" in out and "dropped 1: photo unreadable" in out
    assert f"dropped 4: less sure than {sure:g}" in out
    kept = run(site, "--images", "press", "--sure", 0, "--most", 1)
    emotions = {int(em.argmax()) for em in by_file.values()}
    assert {int(entry["em"].argmax()): entry["em"].max() for entry in kept.values()} == {
        emotion: max(em.max() for em in by_file.values() if em.argmax() == emotion) for emotion in emotions}
    assert len(list((site / "taught_faces/press").iterdir())) == len(kept) == len(emotions)
    assert f"dropped {8 - len(emotions)}: not among the 1 surest of its emotion" in capsys.readouterr().out
    run(site, "--images", "press", "--sure", 0)                        # as the other tests want it


def test_it_is_trained_on_and_never_validated_on(site, taught):
    options = parse(StaticTrainOps, ["--root", str(site), "--mixture", "fer", "0.8", "taught", "0.2"], "")
    assert dict(options.data.mixture) == {"fer": 0.8, "taught": 0.2}
    roots, margins = options.datasets.roots(), options.margins.by_source()
    sources, shares = read_mixture({"taught": 0.2}, options.place.dicts_path, roots, margins, ())
    nothing = dict.fromkeys(("shift", "flip", "noise", "blur", "level"), 0)
    clip, target, reason = FaceClips(sources, 64, 4, nothing)[0, (0,)]
    assert clip.shape == (4, 3, 64, 64) and not reason and shares == [0.2]
    np.testing.assert_allclose(target, taught[0]["em"], atol=1e-6)
    with pytest.raises(InputError, match="--valid-on taught: its labels are what a network said"):
        read_held_out("taught", options.place.dicts_path, roots, margins, ())


def test_what_surrounds_a_face_is_written_with_it():
    image = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    for square in ((100.3, 80.6, 90.0), (-10.2, 250.4, 60.0), (380.0, -5.0, 41.5)):
        part, box = with_surroundings(image, square)
        x, y, side = square
        np.testing.assert_array_equal(crop_face(part, box, 64), crop_face(image, (x, y, side, side), 64))
        assert part.shape[0] <= 1.6 * side + 2
    part, box = with_surroundings(np.repeat(np.repeat(image, 5, 0), 5, 1), (500.0, 400.0, 450.0))
    assert max(part.shape) == parse_taught.LARGEST and box[2] == pytest.approx(400 / 1.6, abs=2)


def test_a_face_that_fills_its_photo_is_looked_for_again(site, monkeypatch):
    """In a smaller picture, where the first look finds nothing."""
    real, widths = batch.make_detector, []

    def blind(name, detect_width, *least):
        detector = real(name, detect_width, *least)
        widths.append(detect_width)
        if detect_width is None:
            monkeypatch.setattr(detector, "find", lambda picture, scale: make_faces([]))
        return detector

    monkeypatch.setattr(batch, "make_detector", blind)
    index = run(site, "--images", "press", "--sure", 0, "--dicts-path", "again", "--taught-faces-path", "again",
                dicts="again")
    assert widths == [None, batch.NEAR] and len(index) >= 6


def test_softmax_of_large_logits_is_a_share():
    def step(frames, state, fresh):
        assert frames.shape[1:] == (3, 8, 8) and fresh.all() and state is None
        return np.float32([[500, 0, 0, 0, 0, 0, 0]] * len(frames)), ()

    step.size = 8
    labels = soft_labels([step, step], np.zeros((50, 50, 3), np.uint8), [(0, 0, 20), (5, 5, 30)])
    np.testing.assert_allclose(labels, np.eye(7)[[0, 0]], atol=1e-12)


@pytest.fixture(scope="module")
def video(site, sample):
    """A drawn interview, and its results."""
    path = next((sample / "datasets/Coded").glob("*.mp4"))
    create_results.main(["--root", str(site), "--video", str(path), "--weights", TEACHERS[0], "--backend", "torch",
                         "--device", "cpu"])
    return path


def test_faces_that_were_followed_in_a_video(site, video):
    index = run(site, "--videos", video, "--sure", 0, "--taught-apart", "0.4", "--taught-faces-path", "faces")
    _, faces, _ = read_faces(site / f"results/{video.stem}.faces.npz")
    seconds = [entry["seconds"] for entry in index.values()]
    assert len(index) > 4 and min(np.diff(seconds)) >= 0.399 and {entry["file"] for entry in index.values()} == {
        video.name}
    framing = framing_of("centerface", Margins())
    frames = {round(frame.seconds, 3): frame for frame in read_frames(video)}
    for entry in list(index.values())[::3]:
        frame = frames[entry["seconds"]]
        rows = faces[faces["frame"] == frame.number]
        crops = [crop_face(frame.rgb, xyxy_to_xywh(row["box_xyxy"]), 64, *framing).astype(int) for row in rows]
        seen = crop_face(read_image(site / "faces" / entry["img"]), entry["gt"], 64)
        assert min(np.abs(crop - seen).mean() for crop in crops) < 3
        assert square_around(entry["gt"])[2] == pytest.approx(entry["gt"][2])


def test_errors(site, video, run_main, capsys, tmp_path):
    def said(*argv):
        return run_main(parse_taught.main, ["--root", site, "--backend", "torch", "--device", "cpu", "--weights",
                                            TEACHERS[0], *argv], capsys)[0]

    index = run(site, "--images", "press", "--sure", 0)
    assert "expected --images FOLDER, --videos" in said()
    assert "no such folder" in said("--images", "nowhere")
    assert "holds no photo" in said("--images", "runs/tsm")
    assert "knows no emotion" in said("--images", "press", "--weights", "none")
    assert "no usable face as sure as 1; dropped 8: less sure than 1" in said("--images", "press", "--sure", 1)
    assert "would be written over others" in said("--images", "taught_faces/press")
    other = tmp_path / "other.mp4"
    shutil.copy(video, other)
    assert "other.faces.npz: no such file; create_results.py --video" in said("--videos", other)
    shutil.copy(site / f"results/{video.stem}.faces.npz", site / "results/other.faces.npz")
    with open(other, "ab") as file:
        file.write(b"more")
    assert "other.faces.npz: of another video than" in said("--videos", other)
    for entry in index.values():                 # what was there is there still
        assert (site / "taught_faces" / entry["img"]).is_file()
    assert len(list((site / "taught_faces").iterdir())) == 1 and len(read_index(site / "dicts/taught_parsed.npy")) == 8
