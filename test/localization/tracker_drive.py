# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A drive that feeds a tracker, for its tests."""

import numpy as np
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import RigFix, TrackingState
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.tracker import Tracker, TrackerSettings

S = 1_000_000_000
UNLOCALIZED, CONFIRMING, LOCALIZED, LOST = TrackingState
OK, INCONSISTENT, WAIT = Reason.OK, Reason.INCONSISTENT_WITH_ODOMETRY, Reason.CONFIRMING


def pose(x=0.0, y=0.0, deg=0.0):
    return Pose(Rotation.from_euler('z', deg, degrees=True).as_matrix(), (x, y, 0))


def fix(at, sigma_m=0.0, sigma_rad=0.0):
    return RigFix(OK, T_map_base=at, covariance_66=np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3), confidence=0.99)


NONE = RigFix(Reason.FEW_INLIERS)


class Drive:
    """Feeds a tracker at 10 Hz; the map frame lies 10 m and 90 degrees off the odometry frame."""

    T_map_odom = pose(10, 0, 90)

    def __init__(self, **settings):
        self.tracker = Tracker(TrackerSettings(**settings))
        self.odom = pose()
        self.now = 100 * S

    @property
    def truth(self):
        return self.T_map_odom @ self.odom

    def step(self, outcome='true', forward=0.0, seconds=0.1, odometry=True):
        self.odom = self.odom @ pose(forward)
        self.now += round(seconds * S)
        at = self.truth if isinstance(outcome, str) else outcome
        seen = NONE if isinstance(outcome, str) and outcome == 'none' else fix(at)
        return self.tracker.update(seen, self.now, self.odom if odometry else None)

    def localized(self):
        for _ in range(3):
            self.step(forward=0.1)
        assert self.tracker.state is LOCALIZED
        return self

    def localized_blind(self):
        for _ in range(3):
            self.step(odometry=False)
        assert self.tracker.state is LOCALIZED
        return self


def close(a, b, metres=1e-9):
    return a.error_to(b)[0] <= metres and a.error_to(b)[1] <= 1e-6
