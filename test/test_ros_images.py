# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Encodings of sensor_msgs/Image."""

from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.errors import ImageError
from neumap_ros.ros_images import grey_from_ros


def test_encodings_with_padded_rows():
    red, green, blue = 200, 100, 50
    grey = round(0.299 * red + 0.587 * green + 0.114 * blue)
    colours = {
        'rgb8': (red, green, blue),
        'bgr8': (blue, green, red),
        '8UC3': (blue, green, red),
        'rgba8': (red, green, blue, 7),
        'bgra8': (blue, green, red, 7),
        'mono8': (grey,),
        '8UC1': (grey,),
        'uyvy': (9, grey),
        'yuv422': (9, grey),
        'yuyv': (grey, 9),
        'yuv422_yuy2': (grey, 9),
        'mono16': (9, grey),
    }
    for encoding, pixel in colours.items():
        rows = np.full((4, 6 * len(pixel) + 3), 255, np.uint8)
        rows[:, :-3] = pixel * 6
        found = grey_from_ros(4, 6, encoding, rows.shape[1], rows.reshape(-1))
        assert found.shape == (4, 6) and found.dtype == np.uint8
        assert np.abs(found.astype(int) - grey).max() <= 1, encoding
    big = np.tile(np.array([grey, 9], np.uint8), 24)
    assert (grey_from_ros(4, 6, 'mono16', 12, big, is_bigendian=True) == grey).all()


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns(pattern):
    colour = {'r': 200, 'g': 100, 'b': 50}
    cell = np.array([colour[letter] for letter in pattern], np.uint8).reshape(2, 2)
    raw = np.tile(cell, (6, 6))
    found = grey_from_ros(12, 12, f'bayer_{pattern}8', 12, raw.reshape(-1))[3:-3, 3:-3]
    assert np.abs(found.astype(int) - 124).max() <= 2


def test_pixels_that_are_missing_or_unknown():
    with pytest.raises(ImageError, match=r"encoding '32FC1', expected one of"):
        grey_from_ros(2, 2, '32FC1', 8, np.zeros(16, np.uint8))
    with pytest.raises(ImageError, match='truncated: 5 bytes'):
        grey_from_ros(2, 3, 'mono8', 3, np.zeros(5, np.uint8))
