# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pixels of sensor_msgs/Image as a grey array; numpy and OpenCV only."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.errors import ImageError

# Names of sensor_msgs/image_encodings.hpp -> (channels of 8 bit, conversion to grey or None).
# OpenCV names a Bayer pattern after the second and third pixel of its second row, ROS after its first four pixels.
_ENCODINGS_8_BIT: dict[str, tuple[int, int | None]] = {
    'mono8': (1, None),
    '8UC1': (1, None),
    'bgr8': (3, cv2.COLOR_BGR2GRAY),
    '8UC3': (3, cv2.COLOR_BGR2GRAY),
    'rgb8': (3, cv2.COLOR_RGB2GRAY),
    'bgra8': (4, cv2.COLOR_BGRA2GRAY),
    '8UC4': (4, cv2.COLOR_BGRA2GRAY),
    'rgba8': (4, cv2.COLOR_RGBA2GRAY),
    'bayer_rggb8': (1, cv2.COLOR_BayerBG2GRAY),
    'bayer_bggr8': (1, cv2.COLOR_BayerRG2GRAY),
    'bayer_gbrg8': (1, cv2.COLOR_BayerGR2GRAY),
    'bayer_grbg8': (1, cv2.COLOR_BayerGB2GRAY),
}
# Two bytes per pixel, one of them luma: its offset.
_LUMA_OFFSETS = {'yuv422': 1, 'uyvy': 1, 'yuv422_yuy2': 0, 'yuyv': 0}
_ENCODING_16_BIT = 'mono16'

SUPPORTED_ENCODINGS = (*_ENCODINGS_8_BIT, *_LUMA_OFFSETS, _ENCODING_16_BIT)


def grey_from_ros(
    height: int,
    width: int,
    encoding: str,
    step: int,
    data: ArrayLike,
    *,
    is_bigendian: bool = False,
    name: str = 'image',
) -> NDArray[np.uint8]:
    """Convert the fields of sensor_msgs/Image to grey.

    Args:
        height: rows.
        width: columns.
        encoding: one of :data:`SUPPORTED_ENCODINGS`; mono16 keeps its upper byte.
        step: bytes per row, padding included.
        data: at least ``height * step`` bytes, uint8.
        is_bigendian: byte order of mono16.
        name: what to call the image in an error.

    Returns:
        Grey, uint8 (H, W), a copy.

    Raises:
        ImageError: unknown encoding, or fewer bytes than the size needs.
    """
    if encoding in _ENCODINGS_8_BIT:
        bytes_per_pixel = _ENCODINGS_8_BIT[encoding][0]
    elif encoding in _LUMA_OFFSETS or encoding == _ENCODING_16_BIT:
        bytes_per_pixel = 2
    else:
        raise ImageError(
            f'image {name} has the encoding {encoding!r}, expected one of {", ".join(SUPPORTED_ENCODINGS)}; '
            'record the camera in one of these (depth images cannot be mapped)'
        )
    row = width * bytes_per_pixel
    step = step or row
    raw = np.ascontiguousarray(data, dtype=np.uint8).reshape(-1)
    if height <= 0 or width <= 0 or step < row or len(raw) < (height - 1) * step + row:
        raise ImageError(
            f'image {name} is truncated: {len(raw)} bytes with a step of {step}, expected {height} rows of {row} bytes '
            f'for {width}x{height} {encoding}; record it again'
        )
    rows = np.lib.stride_tricks.as_strided(raw, (height, row), (step, 1))

    if encoding in _LUMA_OFFSETS:
        return np.ascontiguousarray(rows[:, _LUMA_OFFSETS[encoding] :: 2])
    if encoding == _ENCODING_16_BIT:
        return np.ascontiguousarray(rows[:, (0 if is_bigendian else 1) :: 2])
    channels, conversion = _ENCODINGS_8_BIT[encoding]
    if conversion is None:
        return np.array(rows)
    pixels = np.ascontiguousarray(rows).reshape((height, width, channels) if channels > 1 else (height, width))
    return np.asarray(cv2.cvtColor(pixels, conversion), dtype=np.uint8)
