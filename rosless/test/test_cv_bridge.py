# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where cv_bridge of rosless does more than that of ROS 2 Jazzy."""

import cv2
import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import CompressedImage, Image

from rosless import interfaces


def test_big_endian():
    """Jazzy's needs a numpy before 2.0 for it."""
    image = np.array([[1, 258]], '>u2')
    bridge = CvBridge()
    again = bridge.imgmsg_to_cv2(bridge.cv2_to_imgmsg(image, 'mono16'))
    assert again.dtype == np.uint16
    assert again.tolist() == [[1, 258]]


def test_received_images_are_not_copied():
    sent = CvBridge().cv2_to_imgmsg(np.zeros((480, 640, 3), np.uint8), 'rgb8')
    buffer = bytes(interfaces.serialize(sent))
    image = CvBridge().imgmsg_to_cv2(interfaces.deserialize(buffer, Image))
    assert np.shares_memory(image, np.frombuffer(buffer, np.uint8))


def test_gray_files_become_what_was_asked_for():
    gray = np.arange(16, dtype=np.uint8).reshape(4, 4)
    message = CvBridge().cv2_to_compressed_imgmsg(gray, 'png')
    assert CvBridge().compressed_imgmsg_to_cv2(message, 'bgr8').tolist() == cv2.merge([gray] * 3).tolist()
    wide = CvBridge().cv2_to_compressed_imgmsg(gray.astype(np.uint16) * 257, 'png')
    assert (CvBridge().compressed_imgmsg_to_cv2(wide, 'mono8') == gray).all()


@pytest.mark.parametrize('data', [b'', b'no image'])
def test_files_that_are_none(data):
    with pytest.raises(CvBridgeError, match=f'{len(data)} bytes of format "jpeg" are no image'):
        CvBridge().compressed_imgmsg_to_cv2(CompressedImage(format='jpeg', data=data))


def test_images_that_cannot_be_written():
    with pytest.raises(CvBridgeError, match='cannot write an image of type 8UC1 as "unheard"'):
        CvBridge().cv2_to_compressed_imgmsg(np.zeros((2, 2), np.uint8), 'unheard')
    with pytest.raises(CvBridgeError, match='got bool of shape'):
        CvBridge().cv2_to_imgmsg(np.zeros((2, 2), bool))


def test_errors_say_what_is_wrong():
    with pytest.raises(CvBridgeError, match='3 x 2 in mono16 needs 6 bytes per row, got a step of 5 and 12 bytes'):
        CvBridge().imgmsg_to_cv2(Image(height=2, width=3, step=5, encoding='mono16', data=bytes(12)))
