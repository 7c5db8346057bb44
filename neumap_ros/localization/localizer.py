# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image in, fix out: extraction, regions, matching, pose, guided refinement, gate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.features import Extractor, Features, create_extractor, extractor_names
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import check_image_size
from neumap_ros.localization.compute import prepare_process
from neumap_ros.localization.decoder import Decoder, create_decoder
from neumap_ros.localization.evidence import weigh
from neumap_ros.localization.fix import Correspondences, Evidence, Fix, Reason
from neumap_ros.localization.gate import GateSettings, confidence, judge
from neumap_ros.localization.solver import (
    MINIMAL_MATCHES,
    Solution,
    SolverSettings,
    refine_pose,
    reprojection_errors,
    solve_pose,
    threshold_px,
)
from neumap_ros.maps.types import ReadableMap

MINIMAL_KEYPOINTS = 10


@dataclass(frozen=True)
class LocalizerSettings:
    """How images are localized; every field has a default that needs no tuning.

    Attributes:
        math_threads: threads of PyTorch and of numpy's BLAS on the CPU, for the whole process. The products here are
            small, and a thread that spins waiting for the next one takes its core from OpenCV, which then needs half
            as long again for the features.
        keep_memory: keep freed memory for the next image, for the whole process. Images of SIFT's scale space are
            large enough for glibc to return each of them to the system at once; fetching them anew took 20 to 30 ms of
            every query.
        max_keypoints: per query; time grows with it, recall in the dark too.
        points_per_attempt: a map with at most so many points is compared at once.
        points_near_prior: points of one place: compared first where a prior says so, and one place after the other,
            most likely first, when the whole map was too much or gave no pose.
        points_guided: points, the nearest in view, that the guided search projects into the image.
        max_attempts: how many such groups of regions are tried before giving up.
        alternatives: among so many points a keypoint may choose in the second attempt on the whole map.
        guided_radius_px: search radius around projected points, at 1,600 px image width, one pass each.
        solver: RANSAC settings.
        gate: acceptance thresholds.
    """

    math_threads: int = 1
    keep_memory: bool = True
    max_keypoints: int = 1500
    points_per_attempt: int = 150_000
    points_near_prior: int = 12_000
    points_guided: int = 60_000
    max_attempts: int = 5
    alternatives: int = 3
    guided_radius_px: tuple[float, ...] = (16.0, 8.0)
    solver: SolverSettings = field(default_factory=SolverSettings)
    gate: GateSettings = field(default_factory=GateSettings)


@dataclass(frozen=True)
class Prior:
    """Where the camera probably is.

    Attributes:
        T_map_cam: probable pose.
        radius: how far off it may be, map units.
    """

    T_map_cam: Pose
    radius: float


class Localizer:
    """Localizes images against one loaded map.

    Args:
        stored: the opened map; of one that is only partly in memory, the resident regions are searched.
        settings: see there.
        extractor: by default the one that the map was built with.
        reuse: another localizer, of the same map with other regions resident or of another revision. What did not
            change is taken from it instead of decoded again; the outcome is the same, bit for bit. It may be in use in
            another thread meanwhile.

    Raises:
        MapError: the map is damaged or was built with another extractor.
    """

    def __init__(
        self,
        stored: ReadableMap,
        settings: LocalizerSettings | None = None,
        extractor: Extractor | None = None,
        reuse: Localizer | None = None,
    ) -> None:
        self.settings = settings or LocalizerSettings()
        prepare_process(self.settings.math_threads, self.settings.keep_memory)
        self.manifest = stored.manifest
        self.map_sha256 = stored.manifest_sha256
        wanted = dict(stored.manifest.extractor)
        if extractor is None and wanted['name'] not in extractor_names():
            raise MapError(
                f'map {stored.name} was built with the extractor {wanted["name"]!r}, this version has '
                f'{", ".join(extractor_names())}; update neumap_ros or rebuild the map'
            )
        self.extractor = extractor or create_extractor(str(wanted['name']))
        info = self.extractor.info
        given = {'name': info.name, 'version': info.version, 'weights_sha256': info.weights_sha256}
        if any(wanted.get(key) != value for key, value in given.items()):
            raise MapError(
                f'map {stored.name} was built with the extractor {wanted.get("name")} version '
                f'{wanted.get("version")} (weights {str(wanted.get("weights_sha256"))[:12] or "none"}), this is '
                f'{info.name} version {info.version} (weights {info.weights_sha256[:12] or "none"}); '
                'use the same extractor or rebuild the map'
            )
        self.decoder: Decoder = create_decoder(stored, None if reuse is None else reuse.decoder)
        resident = stored.resident
        self.absent_regions = frozenset(i for i, r in enumerate(self.manifest.regions) if r.id not in resident)
        boxes_R23 = np.array([[r.box_min_3, r.box_max_3] for r in self.manifest.regions])
        corner_83 = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        self._boxes_R23 = boxes_R23
        self._corners_R83 = boxes_R23[:, corner_83, np.arange(3)]

    def localize(
        self,
        image: NDArray[np.uint8],
        camera: Camera,
        prior: Prior | None = None,
        time_s: float | None = None,
        name: str = 'image',
    ) -> Fix:
        """Localize one image.

        Args:
            image: grey (H, W) or BGR (H, W, 3), uint8.
            camera: intrinsics for this image size.
            prior: narrows the search; without it, or when nothing is found there, the whole map is searched.
            time_s: stamp of the image, copied to the fix.
            name: what to call the image in an error.

        Returns:
            A fix; its reason says why there is no pose.

        Raises:
            ImageError: not an image, or another size than its camera's.
        """
        check_image_size(image, camera, name)
        start = time.perf_counter()
        features = self.extractor.extract(image, self.settings.max_keypoints)
        elapsed = (time.perf_counter() - start) * 1e3
        fix = self.localize_features(features, camera, prior, time_s)
        return replace(fix, timings_ms={'features': elapsed, **fix.timings_ms})

    def localize_features(
        self, features: Features, camera: Camera, prior: Prior | None = None, time_s: float | None = None
    ) -> Fix:
        """As :meth:`localize`, from features that were extracted before."""
        clock = _Stopwatch()
        base = Fix(Reason.NO_REGIONS, map_id=self.manifest.map_id, revision=self.manifest.revision, time_s=time_s)
        if len(features) < MINIMAL_KEYPOINTS:
            return replace(base, reason=Reason.FEW_KEYPOINTS, evidence=Evidence(keypoints=len(features)))
        best: Fix | None = None
        groups = self._groups(features, camera, prior)
        for _ in range(self.settings.max_attempts):
            with clock('retrieval'):
                regions, alternatives = next(groups, (None, 1))
            if regions is None:
                break
            fix = self._attempt(features, camera, regions, alternatives, base, clock)
            if best is None or fix.accepted or fix.confidence > best.confidence:
                best = fix
            if fix.accepted:
                break
        return replace(best or base, timings_ms=dict(clock.timings_ms))

    def _groups(self, features: Features, camera: Camera, prior: Prior | None) -> Iterator[tuple[list[int], int]]:
        """Groups of regions and numbers of alternatives to try in turn; retrieval runs only if the first ones fail."""
        every = [r for r in range(len(self.manifest.regions)) if r not in self.absent_regions]
        if not every:
            return
        if prior is not None:
            near = self._near(prior.T_map_cam, camera, prior.radius, self.settings.points_near_prior)
            if near and near != every:
                yield near, 1
        whole = sum(self.decoder.points_in(r) for r in every) <= self.settings.points_per_attempt
        if whole:
            # Everything at once first: retrieval is the weak link in the dark. Single places only if that fails.
            yield every, 1
            yield every, self.settings.alternatives
            if len(every) == 1:
                return
        group: list[int] = []
        filled = 0
        for region in self.decoder.rank_regions(features):
            if region in self.absent_regions:
                continue
            if group and filled + self.decoder.points_in(region) > self.settings.points_near_prior:
                yield group, 1
                group, filled = [], 0
            group.append(region)
            filled += self.decoder.points_in(region)
        if len(group) < len(every) or not whole:
            yield group, 1

    def _near(self, T_map_cam: Pose, camera: Camera, slack: float, points: int) -> list[int]:
        """Resident regions that a camera near a pose can see, the nearest of them first, up to so many points.

        Walls hide what lies behind them, so that the nearest regions suffice.

        Args:
            T_map_cam: the pose.
            camera: its field of view.
            slack: how far off the pose may be, map units.
            points: the last region is the one that still fits; the first always does.
        """
        centre = T_map_cam.translation_3
        gap_R3 = np.maximum(np.maximum(self._boxes_R23[:, 0] - centre, centre - self._boxes_R23[:, 1]), 0)
        distance_R = np.linalg.norm(gap_R3, axis=1)
        near: list[int] = []
        filled = 0
        in_view = [r for r in self._in_view(T_map_cam, camera, slack) if r not in self.absent_regions]
        for region in sorted(in_view, key=lambda r: (distance_R[r], r)):
            filled += self.decoder.points_in(region)
            if near and filled > points:
                break
            near.append(region)
        return near

    def _in_view(self, T_map_cam: Pose, camera: Camera, slack: float = 0.0) -> list[int]:
        """Regions whose box a camera may see, or one up to ``slack`` (map units) away from it.

        A box is out of view when all its corners lie behind the camera or beyond one side of the image.
        """
        corners_R83 = T_map_cam.inverse().transform(self._corners_R83.reshape(-1, 3)).reshape(-1, 8, 3)
        out_R = (corners_R83[..., 2] < -slack).all(axis=1)
        low, high = camera.field_of_view
        for axis in (0, 1):
            for bound, sign in ((low[axis], -1.0), (high[axis], 1.0)):
                if np.isfinite(bound):
                    beyond_R8 = sign * (corners_R83[..., axis] - bound * corners_R83[..., 2]) / np.hypot(1.0, bound)
                    out_R |= (beyond_R8 > slack).all(axis=1)
        return [int(r) for r in np.flatnonzero(~out_R)]

    def _attempt(
        self,
        features: Features,
        camera: Camera,
        regions: Sequence[int],
        alternatives: int,
        base: Fix,
        clock: _Stopwatch,
    ) -> Fix:
        with clock('matching'):
            matches = nearest = self.decoder.match(features, regions)
            if alternatives > 1:
                matches = self.decoder.match(features, regions, alternatives)
        evidence = Evidence(keypoints=len(features), matches=len(matches))
        base = replace(base, regions=tuple(self.manifest.regions[r].id for r in regions))
        if len(matches) < MINIMAL_MATCHES:
            return replace(base, reason=Reason.FEW_MATCHES, evidence=evidence)
        with clock('pose'):
            solution = solve_pose(matches, camera, self.settings.solver)
        if solution is None:
            return replace(base, reason=Reason.FEW_INLIERS, evidence=evidence)
        # Matches that were chosen because they agree with each other prove less: only mutual nearest ones are counted.
        limit = threshold_px(camera, self.settings.solver.max_error_px)
        agree_C = reprojection_errors(solution.T_map_cam, camera, nearest) < limit
        # A keypoint with two orientations is one position: it must not count twice.
        inliers = len(np.unique(np.rint(nearest.pixels_C2[agree_C] * 4), axis=0))
        with clock('guided'):
            guided, chance, final = self._guide(features, camera, matches, solution)
        with clock('gate'):
            evidence, covariance = weigh(features, camera, nearest, inliers, guided, chance, final)
            reason = judge(evidence, self.settings.gate)
        support = guided.take(final.inliers_C)
        accepted = reason is Reason.OK
        return replace(
            base,
            reason=reason,
            T_map_cam=final.T_map_cam if accepted else None,
            covariance_66=covariance if accepted else None,
            evidence=evidence,
            confidence=confidence(evidence),
            hypothesis=final.T_map_cam,
            inliers=support,
        )

    def _guide(
        self,
        features: Features,
        camera: Camera,
        matches: Correspondences,
        solution: Solution,
    ) -> tuple[Correspondences, float, Solution]:
        """Search around the projected points of every region in view and refine the pose on what is found."""
        guided, final, searched = matches, solution, None
        for radius in self.settings.guided_radius_px:
            start, radius_px = final.T_map_cam, threshold_px(camera, radius)
            in_view = self._near(start, camera, 0.0, self.settings.points_guided)
            near = self.decoder.match_near(features, camera, start, radius_px, in_view)
            refined = refine_pose(start, near, camera, min(radius, self.settings.solver.max_error_px))
            if refined is None:
                break
            guided, final, searched = near, refined, (start, radius_px, in_view)
        if searched is None:
            return guided, 0.0, final
        return guided, self.decoder.chance_near(features, camera, *searched), final


class _Stopwatch:
    """Adds up wall time per stage in milliseconds."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3
