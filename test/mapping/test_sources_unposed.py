# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images without poses."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from test_sources_base import HEIGHT, WIDTH, write_pictures

from neumap_ros.errors import ImageError, MappingError, SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources import reconstruct_images

SIZE = (320, 240)
CAMERA = Camera.from_opencv(*SIZE, 300.0, 300.0, 159.5, 119.5)


def texture(rng: np.random.Generator) -> np.ndarray:
    """Blobs of many sizes, which SIFT likes."""
    image = np.full((500, 700), 128, np.uint8)
    for _ in range(900):
        centre = tuple(int(value) for value in rng.integers(0, (700, 500)))
        cv2.circle(image, centre, int(rng.integers(2, 14)), int(rng.integers(0, 255)), -1, cv2.LINE_AA)
    return image


def render_corner(count: int) -> tuple[list[np.ndarray], list[Pose]]:
    """Two textured walls that meet in a corner, seen from a sideways walk."""
    rng = np.random.default_rng(0)
    walls = [
        (texture(rng), np.array([[-3.5, -2.5, 7.0], [0, -2.5, 4.5], [0, 2.5, 4.5], [-3.5, 2.5, 7.0]])),
        (texture(rng), np.array([[0, -2.5, 4.5], [3.5, -2.5, 7.0], [3.5, 2.5, 7.0], [0, 2.5, 4.5]])),
    ]
    k = np.array([[300.0, 0, 159.5], [0, 300.0, 119.5], [0, 0, 1]])
    images, poses = [], []
    for x in np.linspace(-0.9, 0.9, count):
        pose = Pose(cv2.Rodrigues(np.array([0.05 * x, -0.15 * x, 0.02]))[0], (x, 0.1 * x, 0.0))
        canvas = np.zeros(SIZE[::-1], np.uint8)
        for picture, corners in walls:
            height, width = picture.shape
            source = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
            in_camera = pose.inverse().transform(corners)
            target = (in_camera / in_camera[:, 2:]) @ k.T
            homography = cv2.getPerspectiveTransform(source, target[:, :2].astype(np.float32))
            warped = cv2.warpPerspective(picture, homography, SIZE, flags=cv2.INTER_AREA)
            mask = cv2.warpPerspective(np.full_like(picture, 255), homography, SIZE) > 250
            canvas[mask] = warped[mask]
        images.append(canvas)
        poses.append(pose)
    return images, poses


@pytest.mark.slow
def test_reconstructs_a_walk_up_to_scale(tmp_path, caplog):
    pictures, truth = render_corner(8)
    (tmp_path / 'images').mkdir()
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f'images/{index}.png'), picture)
    with caplog.at_level(logging.WARNING):
        source = reconstruct_images(tmp_path / 'images', tmp_path / 'work', CAMERA)
    assert source.metric is False
    assert 'arbitrary' in caplog.text
    assert [image.name for image in source.images] == [f'{index}.png' for index in range(8)]
    found = np.array([image.T_map_cam.translation_3 for image in source.images])
    expected = np.array([pose.translation_3 for pose in truth])
    scale = np.linalg.norm(expected[-1] - expected[0]) / np.linalg.norm(found[-1] - found[0])
    first = truth[0].rotation_33 @ source.images[0].T_map_cam.rotation_33.T
    aligned = scale * (found - found[0]) @ first.T + expected[0]
    assert np.abs(aligned - expected).max() < 0.05
    assert source.images[0].camera == CAMERA

    again = reconstruct_images(tmp_path / 'images', tmp_path / 'work', CAMERA)
    assert again.fingerprint() == source.fingerprint()


def test_refuses_images_that_give_no_model(tmp_path):
    write_pictures(tmp_path / 'images')
    with pytest.raises(MappingError, match='registered 0 of the 4 images'):
        reconstruct_images(tmp_path / 'images', tmp_path / 'work')


def test_refuses_missing_images_and_other_sizes(tmp_path):
    with pytest.raises(SourceError, match='is no folder'):
        reconstruct_images(tmp_path / 'images', tmp_path / 'work')
    (tmp_path / 'images').mkdir()
    with pytest.raises(SourceError, match='has no images'):
        reconstruct_images(tmp_path / 'images', tmp_path / 'work')
    write_pictures(tmp_path / 'images')
    with pytest.raises(ImageError, match=f'{WIDTH}x{HEIGHT}, expected 320x240'):
        reconstruct_images(tmp_path / 'images', tmp_path / 'work', CAMERA)
