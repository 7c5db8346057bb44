# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from neumap_ros.errors import ImageError
from neumap_ros.geometry import Camera
from neumap_ros.images import check_image_size, decode_image, read_image


@pytest.fixture(scope='module')
def picture():
    noise = np.random.default_rng(0).integers(0, 255, (60, 90), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (5, 5), 0)


def encoded(picture, suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, picture, options)[1].tobytes()


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.pgm', '.tiff'])
def test_lossless_pictures_come_back(tmp_path, picture, suffix):
    (tmp_path / f'a{suffix}').write_bytes(encoded(picture, suffix))
    image = read_image(tmp_path / f'a{suffix}')
    assert image.dtype == np.uint8
    assert (image == picture).all()


def test_colour_becomes_grey(picture):
    colour = np.dstack([picture, picture // 2, np.zeros_like(picture)])
    expected = 0.114 * picture + 0.587 * (picture // 2)
    assert decode_image(encoded(colour, '.png'), 'a') == pytest.approx(expected, abs=1)


def test_sixteen_bits_become_eight():
    deep = (np.arange(256, dtype=np.uint16) * 257).reshape(16, 16)
    assert (decode_image(encoded(deep, '.png'), 'a') == (deep >> 8)).all()


def test_the_rotation_in_the_file_is_ignored(picture):
    # An APP1 segment with one EXIF entry: orientation 6, "rotate by 90 degrees".
    tiff = b'MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00'
    body = b'Exif\x00\x00' + tiff
    jpeg = encoded(picture, '.jpg')
    rotated = jpeg[:2] + b'\xff\xe1' + (len(body) + 2).to_bytes(2, 'big') + body + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(rotated, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (90, 60), 'EXIF is in effect'
    assert decode_image(rotated, 'a').shape == (60, 90)


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(ImageError, match=r'gone\.png cannot be read \(No such file'):
        read_image(tmp_path / 'gone.png')
    with pytest.raises(ImageError, match='cannot be read'):
        read_image(tmp_path)


def test_an_empty_image_is_named(tmp_path):
    (tmp_path / 'empty.jpg').touch()
    with pytest.raises(ImageError, match=r'empty\.jpg is empty'):
        read_image(tmp_path / 'empty.jpg')


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.pgm', '.webp'])
@pytest.mark.parametrize('part', [0.05, 0.5, 0.97])
def test_truncated_pictures_are_refused(picture, suffix, part):
    data = encoded(picture, suffix)
    with pytest.raises(ImageError, match=rf'a{suffix} (is truncated|cannot be decoded)'):
        decode_image(data[: int(len(data) * part)], f'a{suffix}')


def test_a_truncated_jpeg_with_a_whole_thumbnail_is_refused(picture):
    # The thumbnail in the EXIF segment ends with an end marker of its own, close before the cut.
    thumbnail = encoded(cv2.resize(picture, (16, 16)), '.jpg')
    jpeg = encoded(picture, '.jpg', cv2.IMWRITE_JPEG_QUALITY, 95)
    segment = b'\xff\xe1' + (len(thumbnail) + 2).to_bytes(2, 'big') + thumbnail
    whole = jpeg[:2] + segment + jpeg[2:]
    assert decode_image(whole, 'a.jpg').shape == picture.shape
    with pytest.raises(ImageError, match='truncated'):
        decode_image(whole[: len(segment) + 900], 'a.jpg')


@pytest.mark.parametrize('progressive', [0, 1])
@pytest.mark.parametrize('trailer', [b'\x00' * 5000, b'SEFT' * 2000])
def test_bytes_after_a_whole_jpeg_are_allowed(picture, progressive, trailer):
    # V4L2 buffers are padded, telephones append videos.
    data = encoded(picture, '.jpg', cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    assert (decode_image(data + trailer, 'a.jpg') == decode_image(data, 'a.jpg')).all()


@pytest.mark.parametrize('data', [b'\x89PNG\r\n\x1a\n' + b'garbage' * 40, b'hello', b'\xff\xd8\xff\xd9', b'\x00' * 100])
def test_garbage_is_refused(data):
    with pytest.raises(ImageError, match=r'a\.png (cannot be decoded|is truncated)'):
        decode_image(data, 'a.png')


def test_a_size_that_contradicts_the_camera_is_refused(picture):
    check_image_size(picture, Camera.from_opencv(90, 60, 50, 50, 45, 30), 'a')
    check_image_size(np.dstack([picture] * 3), Camera.from_opencv(90, 60, 50, 50, 45, 30), 'a')
    for width, height in ((60, 90), (180, 120)):
        with pytest.raises(ImageError, match=f'a is 90x60, expected {width}x{height}'):
            check_image_size(picture, Camera.from_opencv(width, height, 50, 50, 45, 30), 'a')
