# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the encodings of images say, and which conversions there are between them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import cv2
import numpy as np

NUMPY_DEPTHS = {
    'uint8': '8U',
    'int8': '8S',
    'uint16': '16U',
    'int16': '16S',
    'int32': '32S',
    'float32': '32F',
    'float64': '64F',
}
_DEPTHS = {depth: name for name, depth in NUMPY_DEPTHS.items()}
_GENERIC = re.compile(r'(8U|8S|16U|16S|32S|32F|64F)(?:C(\d+))?')
_COLOR = re.compile(r'(mono|rgba?|bgra?|bayer_(?:rggb|bggr|gbrg|grbg))(8|16)')
_CHANNELS = {'mono': 1, 'rgb': 3, 'bgr': 3, 'rgba': 4, 'bgra': 4}
# Two bytes per pixel; each has an old and a new name.
_YUV = {'yuv422': 'UYVY', 'uyvy': 'UYVY', 'yuv422_yuy2': 'YUY2', 'yuyv': 'YUY2'}
# OpenCV names a pattern by the second row, from the second pixel on.
_BAYER = {'bayer_rggb': 'BayerBG', 'bayer_bggr': 'BayerRG', 'bayer_gbrg': 'BayerGR', 'bayer_grbg': 'BayerGB'}
_OPENCV_COLORS = {'mono': 'GRAY', 'rgb': 'RGB', 'bgr': 'BGR', 'rgba': 'RGBA', 'bgra': 'BGRA'}


class UnknownEncodingError(ValueError):
    """An encoding has no known name."""


class Encoding(NamedTuple):
    """What an encoding says.

    Attributes:
        name: As the message gives it.
        color: What the channels mean; empty where the encoding does not say it, as in 8UC3.
        dtype: Of the numbers.
        channels: How many per pixel.
    """

    name: str
    color: str
    dtype: np.dtype[Any]
    channels: int

    @property
    def type_name(self) -> str:
        """OpenCV's name for the type, for example 8UC3."""
        return f'{NUMPY_DEPTHS[self.dtype.name]}C{self.channels}'


def parse(name: str) -> Encoding:
    """What an encoding says.

    Raises:
        UnknownEncodingError: There is none of that name.
    """
    if match := _COLOR.fullmatch(name):
        return Encoding(name, match[1], np.dtype(f'uint{match[2]}'), _CHANNELS.get(match[1], 1))
    if name in _YUV:
        return Encoding(name, _YUV[name], np.dtype(np.uint8), 2)
    if match := _GENERIC.fullmatch(name):
        return Encoding(name, '', np.dtype(_DEPTHS[match[1]]), int(match[2] or 1))
    raise UnknownEncodingError(f'"{name}" is no encoding of images; expected one like bgr8, mono16 or 32FC1')


def conversion(source: Encoding, target: Encoding) -> int | None:
    """OpenCV's code for the conversion of colors; None if only the numbers change.

    Raises:
        ValueError: There is no such conversion.
    """
    if not source.color or not target.color:
        if target.color:
            raise ValueError(f'{source.name} does not say what its channels are, so it cannot become {target.name}')
        if source.channels != target.channels:
            raise ValueError(
                f'{source.name} has {source.channels} channels and {target.name} {target.channels}; '
                'without colors there is no conversion between them'
            )
        return None
    if source.color == target.color:
        return None
    from_name = _OPENCV_COLORS.get(source.color) or _BAYER.get(source.color) or 'YUV'
    to_name = _OPENCV_COLORS.get(target.color, target.color)
    suffix = f'_{source.color}' if from_name == 'YUV' else ''
    code = getattr(cv2, f'COLOR_{from_name}2{to_name}{suffix}', None)
    if code is None or (from_name == 'YUV' and target.dtype != np.uint8):
        raise ValueError(f'there is no conversion from {source.name} to {target.name}')
    return int(code)
