# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The class `CvBridge`."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from cv_bridge._encodings import NUMPY_DEPTHS, Encoding, UnknownEncodingError, conversion, parse

# Of what an image file holds, by the number of its channels.
_FILE_COLORS = {1: 'mono', 3: 'bgr', 4: 'bgra'}


class CvBridgeError(TypeError):
    """An image cannot be converted."""


class CvBridge:
    """Converts between messages and arrays of height x width or height x width x channels."""

    def imgmsg_to_cv2(self, img_msg: Any, desired_encoding: str = 'passthrough') -> np.ndarray[Any, Any]:
        """The image of a message.

        Args:
            img_msg: The message, sensor_msgs/msg/Image.
            desired_encoding: For example `bgr8`, which gives a copy. With `passthrough` the array may be a view of the
                message's data, which cannot be written to if the message was received.

        Raises:
            CvBridgeError: The encoding is unknown, the message has too little data, or the conversion makes no sense.
        """
        source = _parse(img_msg.encoding)
        image = _view(img_msg, source)
        if desired_encoding == 'passthrough':
            return image
        return _convert(image, source, _parse(desired_encoding))

    def cv2_to_imgmsg(self, cvim: np.ndarray[Any, Any], encoding: str = 'passthrough', header: Any = None) -> Any:
        """The message of an image.

        Args:
            cvim: The image.
            encoding: What its values mean; `passthrough` names only their type, for example 8UC3.
            header: For the message.

        Raises:
            CvBridgeError: The image has other channels or other numbers than the encoding says.
        """
        kind = _type_of(cvim)
        message = Image(height=cvim.shape[0], width=cvim.shape[1], encoding=kind)
        if header is not None:
            message.header = header
        if encoding != 'passthrough':
            wanted = _parse(encoding)
            if wanted.type_name != kind:
                raise CvBridgeError(f'an image of encoding {encoding} has the type {wanted.type_name}, got {kind}')
            message.encoding = encoding
        big_endian = cvim.dtype.byteorder == '>' or (cvim.dtype.byteorder == '=' and sys.byteorder == 'big')
        message.is_bigendian = int(big_endian)
        message.data = np.ascontiguousarray(cvim).reshape(-1).view(np.uint8)
        message.step = len(message.data) // message.height if message.height else 0
        return message

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: Any, desired_encoding: str = 'passthrough'
    ) -> np.ndarray[Any, Any]:
        """The image of a compressed message.

        Args:
            cmprs_img_msg: The message, sensor_msgs/msg/CompressedImage.
            desired_encoding: For example `bgr8`; `passthrough` leaves the image as OpenCV reads it.

        Raises:
            CvBridgeError: The data are no image, or the conversion makes no sense.
        """
        data = np.frombuffer(cmprs_img_msg.data, np.uint8)
        image: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if image is None:
            kind = cmprs_img_msg.format
            raise CvBridgeError(f'{data.size} bytes of format "{kind}" are no image that OpenCV can read')
        if desired_encoding == 'passthrough':
            return np.asarray(image)
        channels = 1 if image.ndim == 2 else image.shape[2]
        bits = image.dtype.itemsize * 8
        return _convert(image, _parse(f'{_FILE_COLORS[channels]}{bits}'), _parse(desired_encoding))

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray[Any, Any], dst_format: str = 'jpg') -> Any:
        """The compressed message of an image.

        Args:
            cvim: The image; if it has colors, blue comes first.
            dst_format: For example `jpg` or `png`.

        Raises:
            CvBridgeError: OpenCV cannot write such an image in that format.
        """
        kind = _type_of(cvim)
        try:
            written, data = cv2.imencode(f'.{dst_format}', cvim)
        except cv2.error:
            written = False
        if not written:
            raise CvBridgeError(f'OpenCV cannot write an image of type {kind} as "{dst_format}"')
        return CompressedImage(format=dst_format, data=data.reshape(-1))


def _parse(encoding: str) -> Encoding:
    try:
        return parse(encoding)
    except UnknownEncodingError as error:
        raise CvBridgeError(str(error)) from None


def _type_of(image: np.ndarray[Any, Any]) -> str:
    if not isinstance(image, np.ndarray):
        raise TypeError(f'expected a numpy array, got {type(image).__name__}')
    if image.dtype.name not in NUMPY_DEPTHS or image.ndim not in (2, 3):
        raise CvBridgeError(f'expected an image of 2 or 3 dimensions, got {image.dtype} of shape {image.shape}')
    return f'{NUMPY_DEPTHS[image.dtype.name]}C{1 if image.ndim == 2 else image.shape[2]}'


def _view(message: Any, encoding: Encoding) -> np.ndarray[Any, Any]:
    dtype = encoding.dtype.newbyteorder('>' if message.is_bigendian else '<')
    pixel = dtype.itemsize * encoding.channels
    if message.step < message.width * pixel or len(message.data) < message.height * message.step:
        raise CvBridgeError(
            f'an image of {message.width} x {message.height} in {message.encoding} needs {message.width * pixel} bytes '
            f'per row, got a step of {message.step} and {len(message.data)} bytes'
        )
    shape: tuple[int, ...] = (message.height, message.width)
    strides: tuple[int, ...] = (message.step, pixel)
    if encoding.channels > 1:
        shape, strides = (*shape, encoding.channels), (*strides, dtype.itemsize)
    image: np.ndarray[Any, Any] = np.ndarray(shape, dtype, message.data, strides=strides)
    return np.ascontiguousarray(image, encoding.dtype)


def _convert(image: np.ndarray[Any, Any], source: Encoding, target: Encoding) -> np.ndarray[Any, Any]:
    if source == target:
        return image.copy()
    try:
        code = conversion(source, target)
    except ValueError as error:
        raise CvBridgeError(str(error)) from None
    if code is not None:
        image = np.asarray(cv2.cvtColor(image, code))
    if source.dtype == target.dtype:
        return image if code is not None else image.copy()
    depths = (source.dtype.name, target.dtype.name)
    # Between 8 and 16 bits white stays white.
    factor = {('uint8', 'uint16'): 65535 / 255, ('uint16', 'uint8'): 255 / 65535}.get(depths)
    if factor is None:
        return image.astype(target.dtype)
    return np.rint(image * factor).astype(target.dtype)
