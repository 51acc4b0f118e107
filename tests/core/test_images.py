"""Images of all kinds that are read, and those that are refused in a sentence."""
import os

import numpy as np
import pytest
from PIL import Image

from vtt_emotion.core.errors import InputError
from vtt_emotion.core.images import IMAGE_SUFFIXES, image_size, is_image, read_image, read_reduced

GREY = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
GREY[0, :2] = 0, 255


@pytest.mark.parametrize("name,values", [
    ("a.png", GREY.astype(np.uint16) * 257), ("a.tif", GREY.astype(np.uint16) * 257),
    ("twelve_bits.png", GREY.astype(np.uint16) * 16), ("eight_bits.tif", GREY.astype(np.uint16)),
    ("whole.tif", GREY.astype(np.int32) * 257), ("below_0.tif", GREY.astype(np.int32) - 128),
    ("float.tif", (GREY / 255).astype(np.float32)), ("float_255.tif", GREY.astype(np.float32))])
def test_grey_of_more_than_8_bits_is_scaled_by_its_range(tmp_path, name, values):
    Image.fromarray(values).save(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.shape == (24, 32, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - GREY[..., None]).max() <= 1


def test_numbers_that_are_not_finite_are_said(tmp_path):
    values = (GREY / 255).astype(np.float32)
    values[3, 3] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif: not a readable image \(it holds numbers that are not finite\)"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_photos_of_all_kinds_are_read(tmp_path, suffix):
    smooth = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None], 24, 0)
    (tmp_path / "b.heic").write_bytes(b"")
    assert not is_image(tmp_path / "b.heic")     # Pillow knows of phones' photos from here on
    Image.fromarray(np.dstack([smooth] * 3)).save(tmp_path / f"a{suffix}")
    assert is_image(tmp_path / f"a{suffix}")
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - smooth[..., None]).mean() < 3


def test_scripts_are_no_images(tmp_path):
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "a.eps")
    assert not is_image(tmp_path / "a.eps")


@pytest.mark.parametrize("read", [read_image, image_size, lambda path: read_reduced(path, 8, 8)])
def test_pipes_and_devices_are_refused(tmp_path, read):
    os.mkfifo(tmp_path / "a.jpg")
    for path in (tmp_path / "a.jpg", "/dev/zero"):
        with pytest.raises(InputError, match="expected a file, found a pipe"):
            read(path)
