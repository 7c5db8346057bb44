# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records made up by hand: no map is needed to test what is counted and written."""

import numpy as np
import pytest

from neumap_ros.evaluation import run
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Evidence, Fix, Reason
from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.maps.types import Manifest

TRUTH = Pose.from_quaternion([0.5, 0.5, -0.5, 0.5], [1, 2, 3])


def make_record(index=0, error=0.0, reason=Reason.OK, guess=None, truth=TRUTH, time_s=None, **fields):
    """A record whose pose is off by ``error`` along x; ``guess`` is the error of a pose that was not accepted."""
    off = error if guess is None else guess
    hypothesis = Pose(TRUTH.rotation_33, TRUTH.translation_3 + np.array([off, 0, 0]))
    accepted = reason is Reason.OK
    fix = Fix(
        reason,
        T_map_cam=hypothesis if accepted else None,
        covariance_66=np.eye(6) * 0.01 if accepted else None,
        evidence=Evidence(keypoints=100),
        hypothesis=hypothesis if accepted or guess is not None else None,
        time_s=time_s,
        timings_ms=fields.pop('timings_ms', {'features': 10.0, 'pose': 2.0}),
    )
    return run._record(f'{index:04d}.jpg', index, fix, truth)


@pytest.fixture
def new_record():
    return make_record


@pytest.fixture
def new_result():
    def make(records, metric=True, extent=10.0):
        manifest = Manifest('5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001', 3, 'dpqed', 'map', '', metric, {}, {}, (), ())
        summary = run.summarize(records, metric=metric, extent=extent, map_bytes=1234)
        return run.EvaluationResult(
            tuple(records), summary, extent, metric, 'made [up]', manifest, 'ab' * 32, LocalizerSettings()
        )

    return make
