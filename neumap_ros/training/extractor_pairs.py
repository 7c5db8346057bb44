# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of views with exact correspondences: a photograph warped twice, or two frames of a simulated world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neumap_ros.training.extractor_frames import SAME_PX, Float32, Frame
from neumap_ros.training.extractor_light import FIRST_VIEW, SECOND_VIEW, relight

Float64 = NDArray[np.float64]

# Corners: 1,400 in 640 x 480 pixels, not below 0.2 % of the clearest one.
CORNER_DENSITY, CORNER_QUALITY, CORNER_SMOOTHING_PX = 1400 / (640 * 480), 0.002, 0.8
# Points this near to the border of a view are not asked for, pixels: the network does not see around them.
MARGIN_PX = 6.0
# A point of one frame is seen in another if the depth there agrees within 2 % and 2 cm.
DEPTH_SHARE, DEPTH_M = 0.02, 0.02
# Frames of a world are paired if they share so many keypoints; at most so many partners each.
SHARED_KEYPOINTS, PARTNERS = 60, 12


@dataclass(frozen=True)
class View:
    """One of the two pictures of a pair.

    Attributes:
        image: grey values 0..1 (S, S).
        keypoints_K2: where corners are in good light, pixels, COLMAP's convention, best first.
        seen: pixels that show the photograph and not what fills its surroundings (S, S), bool.
    """

    image: Float32
    keypoints_K2: Float32
    seen: NDArray[np.bool_]


@dataclass(frozen=True)
class Pair:
    """Two views of the same points.

    Attributes:
        first: often in good light, as images of a map are.
        second: often in poor light.
        points_first_P2: points that both views show, in the first, pixels.
        points_second_P2: the same points in the second.
        descriptors_PT: the teacher's descriptors of them in good light, zeros where it has none.
        warp_33: homography from the first view to the second, both in our pixels; None if there is depth.
    """

    first: View
    second: View
    points_first_P2: Float32
    points_second_P2: Float32
    descriptors_PT: Float32
    warp_33: Float64 | None = None


@dataclass(frozen=True)
class Partners:
    """Frames of a world that look at the same things.

    Attributes:
        frames: all frames.
        pairs: numbers of two frames.
    """

    frames: Sequence[Frame]
    pairs: Sequence[tuple[int, int]]

    @staticmethod
    def of(frames: Sequence[Frame]) -> Partners:
        """Find the pairs through the depth of the first frame's keypoints."""
        centres = np.stack([f.T_map_cam.translation_3 for f in frames if f.T_map_cam is not None])
        axes = np.stack([f.T_map_cam.matrix_44[:3, 2] for f in frames if f.T_map_cam is not None])
        pairs = []
        for number, frame in enumerate(frames):
            distance = np.linalg.norm(centres - centres[number], axis=1)
            facing = axes @ axes[number]
            found = 0
            for other in np.argsort(distance + 4 * (1 - facing), kind='stable')[1:60]:
                if found == PARTNERS or facing[other] < 0.6:
                    continue
                _, seen = _into(frame, frame.keypoints_N2, frames[int(other)])
                if seen.sum() >= SHARED_KEYPOINTS:
                    pairs.append((number, int(other)))
                    found += 1
        return Partners(frames, pairs)


def photograph_pair(frame: Frame, size: int, rng: np.random.Generator) -> Pair:
    """Two random views of a photograph, (size, size) pixels each."""
    image = frame.images[0]
    height, width = image.shape
    centre = rng.uniform(0.3, 0.7, 2) * [width, height]
    zoom = np.exp(rng.uniform(np.log(0.55), np.log(1.8)))
    ratio = np.exp(np.clip(rng.normal() * 0.35, -0.9, 0.9))
    first_33 = _random_warp(centre, zoom * ratio**0.5, size, rng, 0.06)
    second_33 = _random_warp(centre + rng.normal(size=2) * 15, zoom / ratio**0.5, size, rng, 0.17)
    warp_33 = second_33 @ _inverse(first_33)
    first = _view(image, image, first_33, size, rng, FIRST_VIEW)
    second = _view(image, image, second_33, size, rng, SECOND_VIEW)
    points_a, points_b = first.keypoints_K2, mapped(first.keypoints_K2, warp_33)
    # What only the second view shows as a corner is a point of both all the same.
    back = mapped(second.keypoints_K2, _inverse(warp_33))
    if len(points_a) and len(back):
        new = cKDTree(points_a).query(back)[0] > SAME_PX
        points_a = np.concatenate([points_a, back[new]])
        points_b = np.concatenate([points_b, second.keypoints_K2[new]])
    both = _inside(points_a, size) & _inside(points_b, size)
    descriptors = frame.descriptors_near(mapped(points_a[both], _inverse(first_33)))
    return Pair(first, second, points_a[both], points_b[both], descriptors, warp_33)


def world_pair(partners: Partners, size: int, rng: np.random.Generator) -> Pair:
    """Two views of a world's frames that share keypoints, (size, size) pixels each, in any of its lights."""
    a, b = partners.pairs[int(rng.integers(len(partners.pairs)))]
    one, other = partners.frames[a], partners.frames[b]
    forth, seen = _into(one, one.keypoints_N2, other)
    focus = int(rng.choice(np.flatnonzero(seen)))
    zoom, ratio = np.exp(rng.uniform(np.log(0.6), np.log(1.5))), np.exp(rng.normal() * 0.15)
    first_33 = _random_warp(one.keypoints_N2[focus], zoom * ratio, size, rng, 0.03)
    second_33 = _random_warp(forth[focus], zoom / ratio, size, rng, 0.08)
    image_a = one.images[int(rng.integers(len(one.images))) if rng.random() < 0.3 else 0]
    image_b = other.images[int(rng.integers(len(other.images)))]
    first = _view(image_a, one.images[0], first_33, size, rng, (0.8, 0.15, 0.05))
    second = _view(image_b, other.images[0], second_33, size, rng, (0.6, 0.25, 0.15))
    places = mapped(first.keypoints_K2, _inverse(first_33))
    there, seen = _into(one, places, other)
    points_b = mapped(there, second_33)
    both = seen & _inside(first.keypoints_K2, size) & _inside(points_b, size)
    return Pair(first, second, first.keypoints_K2[both], points_b[both], one.descriptors_near(places[both]))


def corners(image: NDArray[np.uint8]) -> Float32:
    """The clearest corners (K, 2) of an image, between pixels, best first, top-left pixel's centre at (0.5, 0.5).

    Minimal eigenvalue of the structure tensor (Shi and Tomasi, CVPR 1994). On views of photographs without noise they
    come back more often than the keypoints of SIFT or of networks (74, 59, 65 % within 3 pixels), and a few
    convolutions can express them.
    """
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), CORNER_SMOOTHING_PX)
    response = np.maximum(cv2.cornerMinEigenVal(smooth, blockSize=3, ksize=3), 0)
    largest = cv2.dilate(response, np.ones((5, 5), np.uint8))
    peaks = (response == largest) & (response > CORNER_QUALITY * response.max())
    peaks[[0, -1]] = False
    peaks[:, [0, -1]] = False
    rows, columns = np.nonzero(peaks)
    best = np.argsort(-response[rows, columns], kind='stable')[: round(CORNER_DENSITY * image.size)]
    rows, columns = rows[best], columns[best]
    root = np.sqrt(response)  # rounder hills than those of the squares
    here = root[rows, columns]

    def offset(before: Float32, after: Float32) -> Float32:
        step = 0.5 * (after - before) / np.maximum(2 * here - before - after, 1e-9)
        return np.asarray(np.clip(step, -0.5, 0.5), np.float32)

    x = columns + 0.5 + offset(root[rows, columns - 1], root[rows, columns + 1])
    y = rows + 0.5 + offset(root[rows - 1, columns], root[rows + 1, columns])
    return np.stack([x, y], axis=1).astype(np.float32).reshape(-1, 2)


def _into(frame: Frame, points_N2: Float32, other: Frame) -> tuple[Float32, NDArray[np.bool_]]:
    """Where another frame sees points of a frame, and whether it does."""
    if frame.depth is None or other.depth is None or frame.camera is None or other.camera is None:
        raise ValueError('frames without depth have no points')
    if frame.T_map_cam is None or other.T_map_cam is None:
        raise ValueError('frames without poses have no points')
    depth_N = _at(frame.depth, points_N2)
    rays = frame.camera.normalize(points_N2.astype(np.float64))
    points_cam = np.concatenate([rays, np.ones((len(rays), 1))], axis=1) * depth_N[:, None]
    T_other_frame = other.T_map_cam.inverse() @ frame.T_map_cam
    points_other = T_other_frame.transform(points_cam)
    pixels, valid = other.camera.project(points_other)
    inside = (pixels >= 0).all(axis=1) & (pixels < [other.camera.width, other.camera.height]).all(axis=1)
    ok = valid & inside & (depth_N > 0) & (points_other[:, 2] > 0.05)
    there = np.zeros(len(pixels))
    there[ok] = _at(other.depth, pixels[ok])
    ok &= (there > 0) & (np.abs(there - points_other[:, 2]) < DEPTH_M + DEPTH_SHARE * points_other[:, 2])
    return pixels.astype(np.float32), ok


def _at(depth: Float32, pixels_N2: NDArray[np.floating]) -> Float64:
    height, width = depth.shape
    columns = np.clip(pixels_N2[:, 0].astype(int), 0, width - 1)
    rows = np.clip(pixels_N2[:, 1].astype(int), 0, height - 1)
    return np.asarray(depth[rows, columns], np.float64)


def _inverse(matrix_33: Float64) -> Float64:
    return np.asarray(np.linalg.inv(matrix_33), np.float64)


def _random_warp(
    centre: NDArray[np.floating], zoom: float, size: int, rng: np.random.Generator, tilt: float
) -> Float64:
    """Homography from an image to a view of it, both in COLMAP's pixels."""
    # Cameras on robots hang upright: mostly small turns, now and then a large one.
    angle = rng.normal() * (0.15 if rng.random() < 0.8 else 0.5)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn @ np.diag(np.exp(rng.normal(size=2) * tilt * 0.8))
    similar = np.eye(3)
    similar[:2, :2] = turn
    similar[:2, 2] = size / 2 - turn @ centre
    corners = np.array([[0, 0], [size, 0], [size, size], [0, size]], np.float32)
    moved = corners + rng.uniform(-tilt, tilt, (4, 2)).astype(np.float32) * size
    return np.asarray(cv2.getPerspectiveTransform(corners, moved), np.float64) @ similar


def mapped(points_N2: Float32, warp_33: Float64) -> Float32:
    """Points under a homography; those behind it far outside."""
    if not len(points_N2):
        return np.zeros((0, 2), np.float32)
    homogeneous = points_N2.astype(np.float64) @ warp_33[:, :2].T + warp_33[:, 2]
    scale = homogeneous[:, 2:]
    return np.where(scale > 1e-6, homogeneous[:, :2] / np.where(scale > 1e-6, scale, 1.0), -1e3).astype(np.float32)


def _inside(points_N2: Float32, size: int) -> NDArray[np.bool_]:
    return np.asarray(((points_N2 > MARGIN_PX) & (points_N2 < size - MARGIN_PX)).all(axis=1))


def _view(
    image: NDArray[np.uint8],
    clear: NDArray[np.uint8],
    warp_33: Float64,
    size: int,
    rng: np.random.Generator,
    shares: tuple[float, float, float],
) -> View:
    """A warped image in some light, with the corners that it has in good light."""
    # OpenCV's pixels have their centres at whole numbers, half a pixel from ours.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = _inverse(half) @ warp_33 @ half
    inside = cv2.warpPerspective(np.full(image.shape, 255, np.uint8), matrix, (size, size)) == 255
    warped = _warped(image, matrix, size)
    found = corners(warped if clear is image else _warped(clear, matrix, size))
    columns, rows = found.astype(int).T
    return View(relight(warped, rng, shares), found[inside[rows, columns]], inside)


def _warped(image: NDArray[np.uint8], matrix_33: Float64, size: int) -> NDArray[np.uint8]:
    shrink = np.sqrt(abs(np.linalg.det(matrix_33[:2, :2])))
    if shrink < 0.8:  # else fine texture would turn into patterns that no camera shows
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5 * np.sqrt(max(1 / shrink**2 - 1, 0.1))), np.uint8)
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT
    return np.asarray(cv2.warpPerspective(image, matrix_33, (size, size), flags=flags, borderMode=border), np.uint8)
