"""What the labels of people's own lists say (docs/datasets.md), as votes for emotions.

A row's label is one emotion, votes (or probabilities) by emotion, or a first and a second choice of one or several
readers. Words are matched in any case; numbers mean what the table that the caller names says, and are never guessed.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.labels import (
    AFFECTNET,
    AFFECTNET_DROPPED,
    CONTEMPT,
    CONTEMPT_NAMES,
    FER2013,
    FRIENDS,
    RAF,
    WITH_CONTEMPT,
)

CODES: dict[str, dict] = {"raf": RAF, "fer2013": FER2013, "affectnet": AFFECTNET | AFFECTNET_DROPPED}
LEFT_OUT = (*CONTEMPT_NAMES, "none", "unknown", "uncertain", "unreadable", "nf", "no face", "left-out")
LABEL = ("label", "emotion")
SECOND = 0.4                                     # of a vote: another emotion that is nearly as fitting


@dataclass
class Wording:
    """How labels are read.

    words: {word: emotion's name, or "left-out"}, before the project's own; codes: a key of `CODES`, or ""; contempt:
    whether it is an emotion, and not left out.
    """
    words: dict[str, str]
    codes: str = ""
    contempt: bool = False

    def __post_init__(self) -> None:
        self.words = {word.lower(): emotion for word, emotion in self.words.items()}

    def __call__(self, text: str) -> int | str:
        """The emotion (0-7) of a label, or the name of what is left out. ValueError where it is neither."""
        named = self._named(text)
        return CONTEMPT if self.contempt and named in CONTEMPT_NAMES else named

    def _named(self, text):
        word = text.strip().lower()
        number = word.removesuffix(".0")         # pandas saves 3 as 3.0 where a cell of its column is empty
        word = self.words.get(word) or self.words.get(number, number)
        if word in FRIENDS:
            return FRIENDS[word]
        if word in LEFT_OUT:
            return word
        if word.isdecimal():
            if not self.codes:
                raise InputError(f"label {word} is a number; --codes {', '.join(CODES)} says whose it is")
            if int(word) in CODES[self.codes]:
                return CODES[self.codes][int(word)]
        raise ValueError(f"expected an emotion ({', '.join(WITH_CONTEMPT)}), found {text!r}; --words maps others"[:300])


def soft_label(votes: list[tuple[int | str, float]]) -> tuple[np.ndarray | None, str]:
    """Votes [(emotion or what is left out, weight)] as (shares (8,), ""), or (None, why the face is dropped)."""
    em = np.zeros(len(WITH_CONTEMPT))
    others: dict[str, float] = {}
    for named, weight in votes:
        if isinstance(named, str):
            others[named] = others.get(named, 0) + weight
        else:
            em[named] += weight
    most = max(others, key=others.__getitem__, default=None)
    if most is not None and others[most] > em.max():
        return None, most
    return (em / em.sum(), "") if em.any() else (None, "no label")


def read_number(row: dict, name: str) -> float:
    """The number of a row's column. ValueError where it is none; a comma may mean thousands, and is not guessed."""
    try:
        return float(row[name])
    except ValueError:
        hint = "; decimals want a point" if "," in row[name] else ""
        raise ValueError(f"expected a number as {name}, found {row[name]!r}{hint}"[:200]) from None


def label_reader(columns: list[str], wording: Wording) -> tuple[list[str], Callable[[dict], list[list]]]:
    """The columns that are labels, and a function from a row to the votes, as of `soft_label`, of each of its readers.

    InputError where no column is a label.
    """
    readers = [name for name in columns if name == "first" or name.startswith("first_")]
    if readers:
        others = [name for name in (name.replace("first", "second", 1) for name in readers) if name in columns]

        def choices(row):
            return [[(wording(row[name]), weight) for name, weight in ((first, 1.0), (second, SECOND))
                     if name == first or row.get(name)]
                    for first, second in ((name, name.replace("first", "second", 1)) for name in readers)]
        return [*readers, *others], choices
    label = next((name for name in LABEL if name in columns), None)
    if label:
        return [label], lambda row: [[(wording(row[label]), 1.0)]]
    known = {}
    for name in columns:
        try:
            known[name] = wording(name)
        except (ValueError, InputError):         # a column of something else
            continue
    if not any(isinstance(emotion, int) for emotion in known.values()):
        hint = "; between columns commas are expected" if len(columns) == 1 else ""
        raise InputError(f"expected a column {' or '.join(LABEL)}, first, or one an emotion, found "
                         f"{', '.join(columns)[:200]}{hint}")

    def votes(row):
        counts = [(emotion, read_number(row, name) if row[name] else 0.0) for name, emotion in known.items()]
        if not all(0 <= count < math.inf for _, count in counts):
            raise ValueError(f"expected votes or probabilities, found {[count for _, count in counts]}")
        return [[(emotion, count) for emotion, count in counts if count]]
    return list(known), votes
