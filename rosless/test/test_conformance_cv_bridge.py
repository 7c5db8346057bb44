# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""cv_bridge, on rosless and on ROS 2 alike."""

import sys

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

DTYPES = {
    '8U': 'uint8',
    '8S': 'int8',
    '16U': 'uint16',
    '16S': 'int16',
    '32S': 'int32',
    '32F': 'float32',
    '64F': 'float64',
}


@pytest.fixture
def bridge():
    return CvBridge()


def picture(dtype, channels, size=(6, 8)):
    rng = np.random.default_rng(1)
    shape = size if channels == 1 else (*size, channels)
    return rng.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize('channels', [1, 2, 3, 4])
@pytest.mark.parametrize('depth', DTYPES)
def test_numbers_survive(bridge, depth, channels):
    image = picture(DTYPES[depth], channels)
    message = bridge.cv2_to_imgmsg(image, header=Header(frame_id='camera'))
    assert message.encoding == f'{depth}C{channels}'
    assert message.header.frame_id == 'camera'
    assert (message.height, message.width, message.step) == (6, 8, 8 * channels * image.itemsize)
    again = bridge.imgmsg_to_cv2(message)
    assert (again.dtype, again.shape) == (image.dtype, image.shape)
    assert (again == image).all()


@pytest.mark.parametrize(
    ('encoding', 'dtype', 'channels'),
    [
        ('mono8', 'uint8', 1),
        ('mono16', 'uint16', 1),
        ('bgr8', 'uint8', 3),
        ('rgb8', 'uint8', 3),
        ('bgra8', 'uint8', 4),
        ('rgba8', 'uint8', 4),
        ('rgb16', 'uint16', 3),
        ('bgra16', 'uint16', 4),
        ('bayer_rggb8', 'uint8', 1),
        ('bayer_grbg16', 'uint16', 1),
        ('yuv422', 'uint8', 2),
        ('8UC3', 'uint8', 3),
        ('32FC1', 'float32', 1),
    ],
)
def test_encodings_are_checked(bridge, encoding, dtype, channels):
    image = picture(dtype, channels)
    message = bridge.cv2_to_imgmsg(image, encoding)
    assert message.encoding == encoding
    assert (bridge.imgmsg_to_cv2(message) == image).all()
    with pytest.raises(CvBridgeError):
        bridge.cv2_to_imgmsg(picture(dtype, channels % 4 + 1), encoding)
    with pytest.raises(CvBridgeError):
        bridge.cv2_to_imgmsg(picture('float64', channels), encoding)


@pytest.mark.parametrize(
    ('source', 'target', 'code'),
    [
        ('rgb8', 'bgr8', cv2.COLOR_RGB2BGR),
        ('bgr8', 'mono8', cv2.COLOR_BGR2GRAY),
        ('rgb8', 'mono8', cv2.COLOR_RGB2GRAY),
        ('mono8', 'bgr8', cv2.COLOR_GRAY2BGR),
        ('mono8', 'rgba8', cv2.COLOR_GRAY2RGBA),
        ('bgra8', 'rgb8', cv2.COLOR_BGRA2RGB),
        ('rgba8', 'bgra8', cv2.COLOR_RGBA2BGRA),
        ('bgr16', 'rgb16', cv2.COLOR_BGR2RGB),
        ('yuv422', 'bgr8', cv2.COLOR_YUV2BGR_UYVY),
        ('yuv422_yuy2', 'mono8', cv2.COLOR_YUV2GRAY_YUY2),
        ('bayer_rggb8', 'bgr8', cv2.COLOR_BayerBG2BGR),
        ('bayer_bggr8', 'rgb8', cv2.COLOR_BayerRG2RGB),
        ('bayer_gbrg8', 'mono8', cv2.COLOR_BayerGR2GRAY),
        ('bayer_grbg16', 'bgr16', cv2.COLOR_BayerGB2BGR),
    ],
)
def test_colors(bridge, source, target, code):
    channels = {'mono8': 1, 'yuv422': 2, 'yuv422_yuy2': 2, 'rgba8': 4, 'bgra8': 4}.get(source, 3)
    channels = 1 if source.startswith('bayer') else channels
    image = picture('uint16' if source.endswith('16') else 'uint8', channels)
    converted = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(image, source), target)
    expected = cv2.cvtColor(image, code)
    assert (converted.dtype, converted.shape) == (expected.dtype, expected.shape)
    assert (converted == expected).all()


def test_depths(bridge):
    dark = np.array([[0, 128, 255]], np.uint8)
    bright = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(dark, 'mono8'), '16UC1')
    assert bright.tolist() == [[0, 32896, 65535]]
    wide = np.array([[0, 32896, 65535]], np.uint16)
    assert bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(wide, '16UC1'), '8UC1').tolist() == [[0, 128, 255]]
    colors = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(wide, 'mono16'), 'bgr8')
    assert colors.tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
    metres = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(wide, '16UC1'), '32FC1')
    assert metres.tolist() == [[0.0, 32896.0, 65535.0]]


@pytest.mark.parametrize(
    ('source', 'target'),
    [('8UC3', 'bgr8'), ('bgr8', '8UC1'), ('8UC1', '8UC3'), ('bgr8', 'bayer_rggb8'), ('bgr8', 'xyz')],
)
def test_conversions_that_make_no_sense(bridge, source, target):
    message = bridge.cv2_to_imgmsg(picture('uint8', 1 if source == '8UC1' else 3), source)
    with pytest.raises(CvBridgeError):
        bridge.imgmsg_to_cv2(message, target)


def test_unknown_encoding(bridge):
    with pytest.raises(CvBridgeError):
        bridge.imgmsg_to_cv2(Image(height=1, width=1, step=1, encoding='xyz', data=[0]))
    with pytest.raises(CvBridgeError):
        bridge.cv2_to_imgmsg(picture('uint8', 1), 'xyz')
    with pytest.raises(TypeError):
        bridge.cv2_to_imgmsg([[1]])


def test_padded_rows(bridge):
    message = Image(height=2, width=3, step=5, encoding='mono8', data=bytes(range(10)))
    assert bridge.imgmsg_to_cv2(message).tolist() == [[0, 1, 2], [5, 6, 7]]
    message = Image(height=2, width=1, step=6, encoding='rgb8', data=bytes(range(12)))
    assert bridge.imgmsg_to_cv2(message).tolist() == [[[0, 1, 2]], [[6, 7, 8]]]
    assert bridge.imgmsg_to_cv2(message, 'bgr8').tolist() == [[[2, 1, 0]], [[8, 7, 6]]]


def test_too_little_data(bridge):
    with pytest.raises(TypeError):
        bridge.imgmsg_to_cv2(Image(height=2, width=3, step=3, encoding='mono8', data=bytes(5)))


def test_parts_of_an_image(bridge):
    image = picture('uint8', 3)[1:5, ::2]
    assert (bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(image, 'bgr8')) == image).all()


def test_a_converted_image_belongs_to_the_caller(bridge):
    message = bridge.cv2_to_imgmsg(picture('uint8', 3), 'bgr8')
    before = bytes(message.data)
    for encoding in ('bgr8', 'rgb8', 'mono8'):
        bridge.imgmsg_to_cv2(message, encoding)[:] = 0
    assert bytes(message.data) == before


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_compressed(bridge, channels):
    image = picture('uint8', channels)
    message = bridge.cv2_to_compressed_imgmsg(image, 'png')
    assert isinstance(message, CompressedImage)
    assert message.format == 'png'
    assert (bridge.compressed_imgmsg_to_cv2(message) == image).all()


def test_compressed_colors(bridge):
    image = picture('uint8', 3)
    message = bridge.cv2_to_compressed_imgmsg(image, 'png')
    assert (bridge.compressed_imgmsg_to_cv2(message, 'rgb8') == image[:, :, ::-1]).all()
    assert (bridge.compressed_imgmsg_to_cv2(message, 'bgr8') == image).all()
    gray = bridge.compressed_imgmsg_to_cv2(message, 'mono8')
    assert (gray == cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)).all()
    smooth = np.full((16, 16, 3), (10, 100, 200), np.uint8)
    jpeg = bridge.cv2_to_compressed_imgmsg(smooth)
    assert jpeg.format == 'jpg'
    assert np.abs(bridge.compressed_imgmsg_to_cv2(jpeg).astype(int) - smooth).max() < 5


@pytest.mark.skipif(sys.byteorder == 'big', reason='the other order is meant')
def test_big_endian_images_are_named_so(bridge):
    message = bridge.cv2_to_imgmsg(np.array([[1, 258]], '>u2'), 'mono16')
    assert message.is_bigendian == 1
    assert bytes(message.data) == b'\0\x01\x01\x02'
