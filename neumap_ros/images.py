# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reading image files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ImageError
from neumap_ros.geometry import Camera

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.pgm', '.ppm', '.webp')

# A JPEG that ends before its end marker decodes to a picture with a grey lower part: worse than no picture.
_JPEG_START, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_JPEG_SCAN = 0xDA


def decode_image(data: bytes | NDArray[np.uint8], name: str, *, colour: bool = False) -> NDArray[np.uint8]:
    """Decode a compressed image to grey, uint8 (H, W).

    Args:
        data: the bytes of an image file.
        name: what to call it in an error.
        colour: keep the colours of an image that has some: (H, W, 3), blue first.

    Raises:
        ImageError: empty, truncated, or no image.
    """
    raw = bytes(data)
    if not raw:
        raise ImageError(f'image {name} is empty (0 bytes), expected a picture; copy it again')
    if raw.startswith(_JPEG_START) and not _is_whole_jpeg(raw):
        raise ImageError(f'image {name} is truncated: {len(raw)} bytes without a JPEG end marker; copy it again')
    # Stored EXIF rotations would contradict the calibration, which belongs to the sensor's pixels.
    flags = (cv2.IMREAD_ANYCOLOR if colour else cv2.IMREAD_GRAYSCALE) | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(raw, dtype=np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(f'image {name} cannot be decoded ({len(raw)} bytes), expected JPEG, PNG or another picture')
    return np.asarray(image, dtype=np.uint8)


def _is_whole_jpeg(raw: bytes) -> bool:
    """Whether the end marker follows the pixels (ITU T.81, annex B).

    Segments before the pixels are skipped, because thumbnails in them have end markers of their own. Anything may
    follow the end marker: driver buffers are padded, telephones append videos.
    """
    place = len(_JPEG_START)
    while raw[place : place + 1] == b'\xff' and place + 4 <= len(raw) and raw[place + 1] != _JPEG_SCAN:
        if raw[place + 1] == 0xFF:  # a fill byte
            place += 1
        else:
            place += 2 + int.from_bytes(raw[place + 2 : place + 4], 'big')
    return raw.find(_JPEG_END, place) >= 0


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read an image file as grey, uint8 (H, W).

    Raises:
        ImageError: missing, empty, truncated, or no image.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f'image {path} cannot be read ({error.strerror or error}); check the path') from None
    return decode_image(data, str(path))


def check_image_size(image: NDArray[np.uint8], camera: Camera, name: str) -> None:
    """Refuse an image whose size is not its camera's.

    Raises:
        ImageError: sizes differ.
    """
    height, width = image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise ImageError(
            f'image {name} is {width}x{height}, expected {camera.width}x{camera.height} as its camera says; '
            'give the calibration of this resolution'
        )
