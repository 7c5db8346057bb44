# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs for tests of reports: a robot drives through two rooms and is localized as well as one asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from neumap_ros.evaluation.run_folder import write_run
from neumap_ros.evaluation.run_types import AttemptRow, MapFacts, Run
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Evidence

START_NS = 1_700_000_000_000_000_000
FLOOR = (
    ((0.0, 0.0), (14.0, 0.0), (14.0, 9.0), (0.0, 9.0)),
    ((16.0, 0.0), (26.0, 0.0), (26.0, 9.0), (16.0, 9.0)),
    ((14.0, 4.0), (16.0, 4.0), (16.0, 5.2), (14.0, 5.2)),
)


def floor_pose(x: float, y: float, yaw: float) -> Pose:
    return Pose.from_quaternion((np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)), (x, y, 0.3))


def drive(
    seed: int = 0,
    *,
    count: int = 240,
    sigma_m: float = 0.02,
    claimed_m: float = 0.02,
    missing: float = 0.06,
    false: int = 2,
    truth: bool = True,
    stamps: bool = True,
    robot: bool = True,
    pictures: int = 0,
    latency_ms: float = 60.0,
    **run: Any,
) -> tuple[Run, dict[str, bytes]]:
    """A run and its pictures.

    Args:
        seed: of everything.
        count: of the images.
        sigma_m: of the position error, each axis.
        claimed_m: what the covariance says.
        missing: share of images without a pose; they come in stretches.
        false: fixes that are metres off.
        truth: whether true poses are known.
        stamps: whether images have stamps.
        robot: whether TF is known.
        pictures: how many failures have one.
        latency_ms: median.
        run: more fields of the run.
    """
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, count)
    x, y = 13 + 11 * np.cos(angle), 4.6 + 3.5 * np.sin(2 * angle)
    yaw = np.arctan2(7 * np.cos(2 * angle), -11 * np.sin(angle))
    lost = np.convolve(rng.random(count) < missing / 5, np.ones(5), 'full')[:count] > 0
    wrong = set(rng.choice(np.flatnonzero(~lost), min(false, int((~lost).sum())), replace=False).tolist())
    rows: list[AttemptRow] = []
    encoded: dict[str, bytes] = {}
    for index in range(count):
        true = floor_pose(x[index], y[index], yaw[index])
        error = rng.normal(0, sigma_m, 3)
        if index in wrong:
            heading = rng.uniform(0, 2 * np.pi)
            error += rng.uniform(1.5, 6.0) * np.array([np.cos(heading), np.sin(heading), 0])
        turn = rng.normal(0, 0.004)
        pose = floor_pose(*(true.translation_3 + error)[:2], yaw[index] + turn)
        accepted = not lost[index]
        distance, degrees = pose.error_to(true)
        reason = 'ok' if accepted else str(rng.choice(['few_inliers', 'few_keypoints', 'ambiguous', 'confirming']))
        failed = not accepted or index in wrong
        picture = ''
        if failed and len(encoded) < pictures:
            picture = f'pictures/{index:06d}.jpg'
            encoded[picture] = query_picture(rng)
        inliers = int(rng.integers(60, 300)) if accepted else int(rng.integers(0, 25))
        pose_error = pose.translation_3 - true.translation_3
        rows.append(
            AttemptRow(
                name=f'front/{index:06d}.jpg',
                stamp_ns=START_NS + index * 100_000_000 if stamps else None,
                reason=reason,
                detail='' if accepted else f'{inliers} inliers found, at least 25 expected',
                state='localized' if accepted else 'lost',
                accepted=accepted,
                condition='night' if index > count // 2 else 'day',
                map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
                revision=17 + (index > 2 * count // 3),
                map_sha256='ab' * 32,
                estimate=pose if accepted or inliers > 10 else None,
                robot=floor_pose(*(true.translation_3 + 0.03 * np.sin(index / 20))[:2], yaw[index]) if robot else None,
                truth=true if truth else None,
                error_m=(distance if accepted else np.inf) if truth else np.nan,
                error_deg=(degrees if accepted else np.inf) if truth else np.nan,
                estimate_error_m=distance if truth and (accepted or inliers > 10) else np.nan,
                estimate_error_deg=degrees if truth and (accepted or inliers > 10) else np.nan,
                robot_error_m=0.03 if truth and robot else np.nan,
                robot_error_deg=0.1 if truth and robot else np.nan,
                covariance_66=np.diag([claimed_m**2] * 3 + [0.004**2] * 3) if accepted else None,
                sigmas=float(np.linalg.norm(pose_error) / claimed_m) if accepted and truth else np.nan,
                confidence=0.97 if accepted else 0.4,
                evidence=Evidence(keypoints=800, matches=500, inliers=inliers, guided_inliers=inliers),
                latency_ms=float(latency_ms * rng.lognormal(0, 0.25)),
                stages_ms={'features_ms': 0.5 * latency_ms, 'matching_ms': 0.3 * latency_ms, 'solving_ms': 5.0},
                picture=picture,
            )
        )
    known = [row.stamp_ns for row in rows if row.stamp_ns is not None]
    facts: dict[str, Any] = {
        'name': 'drive',
        'kind': 'replay' if stamps else 'images',
        'source': 'bag night_2',
        'map': MapFacts(
            '5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001', 17, 'ab' * 32, 'dpqed', 248_300, {17: 248_300, 18: 251_000}
        ),
        'extent': 22.0,
        'body': 'base_link',
        'start_ns': min(known, default=None),
        'end_ns': max(known, default=None),
        'settings': {'min_confidence': 0.85, 'search': {'radius_px': 12.0, 'rounds': 2}},
        'floor': FLOOR,
        **run,
    }
    return Run(attempts=tuple(rows), **facts), encoded


def query_picture(rng: np.random.Generator) -> bytes:
    """A picture as evaluations write them: an image with rings."""
    coarse = rng.integers(30, 220, (12, 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (960, 720), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(20, 700, 2))
        cv2.circle(picture, (x, y), 6, (60, 220, 60), 2, cv2.LINE_AA)
    return cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def write_drive(folder: Path, seed: int = 0, **fields: Any) -> Path:
    """Write a run and its pictures; gives the folder."""
    run, pictures = drive(seed, **fields)
    write_run(run, folder, pictures)
    return folder
