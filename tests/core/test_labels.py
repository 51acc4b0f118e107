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


def lab(rgb):
    """CIELAB of linear sRGB (K, 3), white D65."""
    xyz = rgb @ np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                          [0.0193339, 0.1191920, 0.9503041]]).T / (0.95047, 1, 1.08883)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * root[:, 1] - 16, 500 * (root[:, 0] - root[:, 1]), 200 * (root[:, 1] - root[:, 2])], -1)


def least_difference(colours, sight):
    """Of any two colours, as seen with `sight`: CIE76, the distance in CIELAB, where white is 100 from black."""
    seen = lab(np.clip(np.array([linear(colour) for colour in colours]) @ np.array(sight).T, 0, 1))
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    return distances[np.triu_indices(len(seen), 1)].min()


def light_of(colour):
    return linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05


def ratio(one, other):
    """Contrast, WCAG 2."""
    a, b = light_of(one), light_of(other)
    return max(a, b) / min(a, b)


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_told_apart(sight):
    assert least_difference(COLOURS.values(), SIGHT[sight]) >= 20


def test_red_and_green_would_not_be():
    """The measure itself: a red and an olive green are far apart, but not to a deuteranope."""
    pair = ("#c72827", "#7a6a00")
    assert least_difference(pair, SIGHT["usual"]) > 50 > 15 > least_difference(pair, SIGHT["deuteranopia"])
    assert least_difference(("#000000", "#ffffff"), SIGHT["usual"]) == pytest.approx(100, abs=0.1)


def test_colours_are_seen_on_the_page_light_and_dark():
    grounds = re.findall(r"--(?:ground|panel): (#[0-9a-f]{6})", (WEB / "report.css").read_text())
    assert len(set(grounds)) == 4
    for emotion, colour in COLOURS.items():
        assert min(ratio(colour, ground) for ground in grounds) >= 3, emotion
    assert len(set(linear(COLOURS["neutral"]).round(6))) == 1                # neutral is grey


def test_text_on_colours_is_read():
    for emotion, ink in INKS.items():
        assert ratio(COLOURS[emotion], {"white": "#ffffff", "black": "#000000"}[ink]) >= 4.5, emotion


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
