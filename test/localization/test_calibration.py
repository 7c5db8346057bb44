# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a map's calibration does to a covariance, and what it must not touch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import RigFix, View
from neumap_ros.localization.calibration import KEY, Calibration, read_calibration, trust
from neumap_ros.localization.fix import Evidence, Reason
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.rig import localize_views
from neumap_ros.localization.solver import move_covariance
from neumap_ros.localization.tracker import Tracker, TrackerSettings
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map

CALM = Evidence(guided_inliers=200, chance_inliers=0.0, residual_px=1.18)


def test_the_noise_of_keypoints_scales_with_what_the_residuals_show():
    # The solver assumes three times what they show.
    assert Calibration(3.0, 0.0).scale(CALM) == pytest.approx(1.0)
    assert Calibration(1.5, 0.0).scale(CALM) == pytest.approx(0.5)
    # It never assumes less than half a pixel; a calibrated covariance believes sharper residuals.
    assert Calibration(3.0, 0.0).scale(replace(CALM, residual_px=0.295)) == pytest.approx(0.5)
    assert Calibration(3.0, 0.0).scale(replace(CALM, residual_px=0.0)) > 0


def test_what_inliers_have_in_common_does_not_average_out():
    shared = Calibration(0.0, 0.3)
    few, many = (shared.scale(replace(CALM, guided_inliers=n)) for n in (100, 400))
    # The solver's standard deviation halves from 100 to 400 inliers.
    assert many == pytest.approx(2 * few)
    both = Calibration(2.0, 0.3).scale(CALM)
    assert both == pytest.approx(math.hypot(Calibration(2.0, 0.0).scale(CALM), shared.scale(CALM)))


def test_inliers_by_chance_and_few_inliers_are_trusted_less():
    assert trust(CALM) == 1
    by_chance = [trust(replace(CALM, chance_inliers=c)) for c in (0, 20, 60, 120, 1000)]
    assert by_chance == sorted(by_chance)
    assert by_chance[1] > 1
    assert math.isfinite(by_chance[-1])
    by_count = [trust(replace(CALM, guided_inliers=n)) for n in (200, 60, 30, 6, 0)]
    assert by_count == sorted(by_count)
    assert by_count[1] == 1 < by_count[2]
    assert math.isfinite(by_count[-1])


def calibrated(stored, **numbers):
    """The same map with a calibration."""
    values = {'images': 40, 'noise': 2.0, 'shared': 0.1, **numbers}
    return replace(stored, manifest=replace(stored.manifest, build={**stored.manifest.build, KEY: values}))


def uncalibrated(stored):
    """The same map as an older version wrote it."""
    build = {key: value for key, value in stored.manifest.build.items() if key != KEY}
    return replace(stored, manifest=replace(stored.manifest, build=build))


def test_a_calibration_comes_back_from_the_manifest(demo_map):
    stored = open_map(demo_map)
    written = Calibration(1.87654, 0.0123456, 36).to_manifest()
    assert read_calibration(calibrated(stored, **written).manifest) == Calibration(1.88, 0.0123, 36)
    assert read_calibration(uncalibrated(stored).manifest) is None


@pytest.mark.parametrize(
    'numbers',
    [{'noise': -1.0}, {'noise': 'two'}, {'noise': 0, 'shared': 0}, {'shared': None}, {'images': True}],
    ids=str,
)
def test_a_calibration_that_is_none_is_refused(demo_map, numbers):
    with pytest.raises(MapError, match=r'covariance calibration .* expected images, noise, shared as numbers'):
        Localizer(calibrated(open_map(demo_map), **numbers))


@pytest.fixture(scope='module')
def queries(demo_folder):
    source = open_poses_json(demo_folder, 'query')
    return [(source.read(image), image) for image in source.images[:3]]


def test_a_calibration_changes_the_covariance_and_nothing_else(demo_map, queries):
    stored = open_map(demo_map)
    plain, wide = Localizer(uncalibrated(stored)), Localizer(calibrated(stored, noise=900.0))
    for pixels, image in queries:
        before, after = plain.localize(pixels, image.camera), wide.localize(pixels, image.camera)
        # So wide that the gate would refuse the pose if it went by it.
        assert before.accepted
        assert after.accepted
        assert after.evidence == before.evidence
        assert after.confidence == before.confidence
        assert (after.T_map_cam.matrix_44 == before.T_map_cam.matrix_44).all()
        scale = Calibration(900.0, 0.1).scale(after.evidence)
        np.testing.assert_allclose(after.covariance_66, scale**2 * before.covariance_66, rtol=1e-9)


def test_a_robot_gets_the_calibrated_covariance_and_its_tracker_the_solver_s(demo_map, queries):
    stored = open_map(demo_map)
    mount = Pose(np.eye(3), (0.3, -0.2, 1.0))
    (pixels, image), *_ = queries
    view = View('front', pixels, image.camera, mount)
    before = localize_views(Localizer(uncalibrated(stored)), [view])
    after = localize_views(Localizer(calibrated(stored)), [view])
    assert (before.covariance_66 == before.solver_covariance_66).all()
    assert (after.solver_covariance_66 == before.solver_covariance_66).all()
    scale = Calibration(2.0, 0.1).scale(after.evidence)
    np.testing.assert_allclose(after.covariance_66, scale**2 * before.covariance_66, rtol=1e-9)
    # The base's covariance is the camera's, moved by the lever arm.
    camera = Localizer(calibrated(stored)).localize(pixels, image.camera)
    lever_3 = after.T_map_base.translation_3 - camera.T_map_cam.translation_3
    np.testing.assert_allclose(after.covariance_66, move_covariance(camera.covariance_66, lever_3), rtol=1e-6)


def test_two_cameras_are_calibrated_together(demo_map, queries):
    stored = open_map(demo_map)
    (pixels, image), *_ = queries
    other = Pose(np.eye(3), (0.0, 0.0, 0.0))
    # The same picture twice is a rig whose cameras agree.
    views = [View('left', pixels, image.camera, other), View('right', pixels, image.camera, other)]
    before = localize_views(Localizer(uncalibrated(stored)), views)
    after = localize_views(Localizer(calibrated(stored)), views)
    assert after.reason is before.reason
    assert after.T_map_base is not None
    scale = Calibration(2.0, 0.1).scale(after.evidence)
    np.testing.assert_allclose(after.covariance_66, scale**2 * before.covariance_66, rtol=1e-9)


def test_a_tracker_accepts_the_same_fixes_whatever_the_calibration_says():
    def verdicts(noise):
        tracker = Tracker(TrackerSettings())
        solver_66 = np.diag([0.02**2] * 3 + [0.01**2] * 3)
        answers = []
        for second in range(12):
            # The last fixes lie 0.9 m off: too far for such standard deviations, not for a hundred times wider ones.
            at = Pose(np.eye(3), (0.9 if second > 7 else 0.0, 0.0, 0.0))
            fix = RigFix(Reason.OK, at, noise * solver_66, confidence=0.99, solver_covariance_66=solver_66)
            verdict = tracker.update(fix, second * 100_000_000, Pose.identity())
            answers.append((verdict.reason, verdict.state, verdict.confirmations))
        return answers

    assert verdicts(1.0) == verdicts(1e4) == verdicts(1e-4)
    assert {reason for reason, _, _ in verdicts(1.0)} > {Reason.OK}, 'some are not accepted at once'
