import re

import numpy as np
import pytest

from vtt_emotion.core.labels import (
    AFFECTNET,
    AFFECTNET_DROPPED,
    CHARACTERS,
    CK,
    COLOURS,
    EMOTIONS,
    FERPLUS,
    FRIENDS,
    INKS,
    RAF,
    RAF_COMPOUND,
    RAF_MULTI,
)
from vtt_emotion.page.html import WEB

# How a colour-blind eye sees linear RGB: Machado, Oliveira and Fernandes, 2009, severity 1.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour):
    """Linear RGB in [0, 1] of "#rrggbb"."""
    value = np.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """OKLab (Ottosson, 2020) of linear RGB (K, 3)."""
    cones = np.cbrt(rgb @ np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                                    [0.2119034982, 0.6806995451, 0.1073969566],
                                    [0.0883024619, 0.2817188376, 0.6299787005]]).T)
    return cones @ np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                             [0.0259040371, 0.7827717662, -0.8086757660]]).T


def least_distance(colours, sight):
    """Of any two colours, as seen with `sight`, in OKLab, where white is 1 from black."""
    seen = oklab(np.clip(np.array([linear(colour) for colour in colours]) @ np.array(sight).T, 0, 1))
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    return distances[np.triu_indices(len(seen), 1)].min()


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_told_apart(sight):
    assert least_distance(COLOURS.values(), SIGHT[sight]) > 0.12


def test_red_and_green_would_not_be():
    """The measure itself: a red and an olive green are far apart, but not to a deuteranope."""
    pair = ("#c72827", "#7a6a00")
    assert least_distance(pair, SIGHT["usual"]) > 0.15 > 0.05 > least_distance(pair, SIGHT["deuteranopia"])


def test_colours_are_seen_on_white_and_on_dark():
    light = {emotion: linear(colour) @ [0.2126, 0.7152, 0.0722] for emotion, colour in COLOURS.items()}
    dark = linear("#1c1e22") @ [0.2126, 0.7152, 0.0722]
    assert min(1.05 / (value + 0.05) for value in light.values()) > 1.6
    assert min((value + 0.05) / (dark + 0.05) for value in light.values()) > 2.5
    assert len(set(linear(COLOURS["neutral"]).round(6))) == 1                # neutral is grey


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_the_page(scheme):
    """3:1 on every ground, 4.5:1 with the letters on them, and told apart with each kind of colour blindness."""
    style = (WEB / "report.css").read_text().split("@media screen and (prefers-color-scheme: dark)")[scheme == "dark"]
    table = {}
    for name, colour in re.findall(r"--([\w-]+): (#[0-9a-f]+)", style):
        table.setdefault(name, colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:]))

    def ratio(one, other):
        a, b = (linear(table[name]) @ [0.2126, 0.7152, 0.0722] + 0.05 for name in (one, other))
        return max(a, b) / min(a, b)

    for emotion in EMOTIONS:
        assert min(ratio(emotion, "ground"), ratio(emotion, "panel")) >= 3, emotion
        assert ratio(emotion, f"on-{emotion}") >= 4.5, emotion
    for sight in SIGHT.values():
        assert least_distance([table[emotion] for emotion in EMOTIONS], sight) > 0.1


def test_text_on_colours_is_read():
    for emotion, ink in INKS.items():
        value = linear(COLOURS[emotion]) @ [0.2126, 0.7152, 0.0722] + 0.05
        assert (1.05 / value if ink == "white" else value / 0.05) > 4.5, emotion


def test_order():
    assert EMOTIONS == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def test_every_dataset_reaches_all_seven():
    for table in (AFFECTNET, RAF, FERPLUS, CK):
        assert sorted(table.values()) == list(range(7))
    assert sorted(RAF_MULTI) == list(range(6))
    assert set(FRIENDS.values()) == set(range(7))


def test_codes_against_the_datasets_documentation():
    names = {code: EMOTIONS[emotion] for code, emotion in AFFECTNET.items()}
    assert names == {0: "neutral", 1: "happy", 2: "sad", 3: "surprise", 4: "fear", 5: "disgust", 6: "angry"}
    assert set(AFFECTNET_DROPPED) == {7, 8, 9, 10}
    assert [EMOTIONS[RAF[code]] for code in range(1, 8)] == \
        ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]
    assert [EMOTIONS[CK[code]] for code in (0, 1, 3, 4, 5, 6, 7)] == \
        ["neutral", "angry", "disgust", "fear", "happy", "sad", "surprise"]
    pairs = {code: tuple(EMOTIONS[emotion] for emotion in pair) for code, pair in RAF_COMPOUND.items()}
    assert pairs[1] == ("happy", "surprise") and pairs[7] == ("fear", "angry") and pairs[11] == ("disgust", "surprise")
    assert len(pairs) == 11 and len(CHARACTERS) == 6
