# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of cases with chosen outcomes, by way of a run, as the suite makes them."""

import dataclasses
import math

import numpy as np

from benchmarks.regression.results import result_of_run
from neumap_ros.evaluation.run_rows import judged
from neumap_ros.evaluation.run_types import AttemptRow, MapFacts, Run
from neumap_ros.geometry import Pose

TIMES = {'build_s': 20.0, 'build_cpu_s': 19.0, 'queries_s': 3.0, 'query_cpu_ms': 100.0}


def make_case(name, errors_m, *, metric=True, sigma_m=0.02, queries=None, pictures='p', times=TIMES, robot_m=None):
    """A case whose queries have these errors, None for no pose.

    Args:
        name: scene/condition/method.
        errors_m: of each query, along x.
        metric: whether a map unit is a metre.
        sigma_m: standard deviation that every fix claims.
        queries: names of the queries; default: their numbers.
        pictures: digest of the pixels.
        times: of the case.
        robot_m: of a drive, how far TF is from the truth at each query, None while there is no pose; None: no drive.
    """
    rows = []
    for number, error_m in enumerate(errors_m):
        truth = Pose(np.eye(3), np.array([float(number), 0.0, 0.0]))
        row = AttemptRow(name=f'{number}.jpg', stamp_ns=number * 10**9, reason='few_inliers', latency_ms=100.0)
        if error_m is not None:
            row = dataclasses.replace(
                row,
                reason='ok',
                accepted=True,
                estimate=Pose(np.eye(3), np.array([number + error_m, 0.0, 0.0])),
                covariance_66=np.diag([sigma_m**2] * 3 + [1e-4] * 3),
            )
        if robot_m is not None and robot_m[number] is not None:
            row = dataclasses.replace(row, robot=Pose(np.eye(3), np.array([number + robot_m[number], 0.0, 0.0])))
        rows.append(judged(row, truth))
    kind = 'images' if robot_m is None else 'replay'
    run = Run(name=name, kind=kind, source='a test', attempts=tuple(rows), metric=metric, extent=10.0,
              map=MapFacts(bytes=100_000))  # fmt: skip
    names = queries or [f'q{number}' for number in range(len(rows))]
    return result_of_run(name, 'key', run, names, pictures, 1000, times)


def with_times(case, **changed):
    return dataclasses.replace(case, times={**case.times, **changed})


NO_POSE = None
INFINITE = math.inf
