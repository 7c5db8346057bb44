# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Features of one camera or several in, a judged pose out: regions, matching, pose, guided refinement, gate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.attempt import RigFix
from neumap_ros.localization.calibration import read_calibration
from neumap_ros.localization.cross_check import admit, disagreement, widen
from neumap_ros.localization.decoder import Decoder
from neumap_ros.localization.evidence import count_positions, weigh
from neumap_ros.localization.fix import Correspondences, Evidence, Reason
from neumap_ros.localization.gate import GateSettings, confidence, judge
from neumap_ros.localization.regions import Group, RegionFinder
from neumap_ros.localization.rig_solver import RigSolution, evaluate, explains, refine_rig, solve_rig
from neumap_ros.localization.sight import Sight, together
from neumap_ros.localization.solver import (
    MINIMAL_MATCHES,
    Solution,
    SolverSettings,
    move_covariance,
    reprojection_errors,
    threshold_px,
)
from neumap_ros.maps.types import Manifest

MINIMAL_KEYPOINTS = 10
# A camera whose own pose is at least so probably right, and another one, contradicts the rig's.
CONTRADICTING_CONFIDENCE = 0.5


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
        points_per_attempt: a map with at most so many points is compared at once; so many in view of a prior first.
        points_near_prior: points of one place: one place after the other, most likely first, is compared when the
            whole map was too much or gave no pose.
        points_guided: points, the nearest in view, that the guided search projects into the image.
        max_attempts: how many such groups of regions are tried before giving up.
        alternatives: among so many points a keypoint may choose in the second attempt on the whole map.
        guided_radius_px: search radius around projected points, at 1,600 px image width, one pass each.
        solver: RANSAC settings.
        gate: acceptance thresholds.
        extractor_weights: file of the weights of the map's extractor; empty: those that ship. Its sha256 must be the
            one that the map records.
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
    extractor_weights: str = ''


@dataclass(frozen=True)
class RigPrior:
    """Where the rig probably is.

    Attributes:
        T_map_base: probable pose of its frame.
        radius: how far off it may be, map units.
    """

    T_map_base: Pose
    radius: float


class Search:
    """Localizes rigs in one loaded map; a camera alone is a rig of one.

    Args:
        manifest: of the map.
        decoder: of the same map.
        settings: see there.
    """

    def __init__(self, manifest: Manifest, decoder: Decoder, settings: LocalizerSettings) -> None:
        self.regions = RegionFinder(manifest, decoder)
        self._decoder = decoder
        self._settings = settings
        self._calibration = read_calibration(manifest)

    def localize(self, sights: Sequence[Sight], prior: RigPrior | None = None) -> RigFix:
        """Localize a rig from the features of its cameras.

        Args:
            sights: what each camera sees. Cameras that see too little to take part are left out.
            prior: narrows the search; without it, or when nothing is found there, the whole map is searched.

        Returns:
            A fix of the rig's frame, its inliers in the order of ``sights``.
        """
        useful = [i for i, sight in enumerate(sights) if len(sight.features) >= MINIMAL_KEYPOINTS]
        keypoints = sum(len(sight.features) for sight in sights)
        if not useful:
            return RigFix(Reason.FEW_KEYPOINTS, evidence=Evidence(keypoints=keypoints))
        if len(useful) == 1:
            fix = self._localize_one(sights[useful[0]], prior)
        else:
            fix = self._localize([sights[i] for i in useful], prior)
        inliers = None
        if fix.inliers is not None:
            found = dict(zip(useful, fix.inliers, strict=True))
            inliers = tuple(found.get(i, Correspondences.none()) for i in range(len(sights)))
        return replace(fix, evidence=replace(fix.evidence, keypoints=keypoints), inliers=inliers)

    def _localize_one(self, sight: Sight, prior: RigPrior | None) -> RigFix:
        """Judge the pose of the camera, for which the gate was made, and say it of the rig afterwards."""
        near = None if prior is None else RigPrior(prior.T_map_base @ sight.T_rig_cam, prior.radius)
        fix = self._localize([replace(sight, T_rig_cam=Pose.identity())], near)
        if fix.hypothesis is None:
            return fix
        hypothesis = fix.hypothesis @ sight.T_rig_cam.inverse()
        if fix.T_map_base is None or fix.covariance_66 is None or fix.solver_covariance_66 is None:
            return replace(fix, hypothesis=hypothesis)
        lever_3 = hypothesis.translation_3 - fix.hypothesis.translation_3
        return replace(
            fix,
            T_map_base=hypothesis,
            covariance_66=move_covariance(fix.covariance_66, lever_3),
            solver_covariance_66=move_covariance(fix.solver_covariance_66, lever_3),
            hypothesis=hypothesis,
        )

    def _localize(self, sights: Sequence[Sight], prior: RigPrior | None) -> RigFix:
        settings, clock = self._settings, _Stopwatch()

        @cache
        def ranking() -> list[int]:
            return self._decoder.rank_regions(together(sights))

        groups = self.regions.groups(
            sights,
            None if prior is None else (prior.T_map_base, prior.radius),
            ranking,
            settings.points_near_prior,
            settings.points_per_attempt,
            settings.alternatives,
        )
        best: RigFix | None = None
        for _ in range(settings.max_attempts):
            with clock('retrieval'):
                group = next(groups, None)
            if group is None:
                break
            fix = self._attempt(sights, group, clock)
            if best is None or fix.reason is Reason.OK or fix.confidence > best.confidence:
                best = fix
            if fix.reason is Reason.OK or fix.detail:
                # Cameras that contradict each other would only be searched on until one of them finds nothing.
                best = fix
                break
        with clock('retrieval'):
            tried = settings.max_attempts * settings.points_near_prior
            wanted = self.regions.wanted(ranking, tried, settings.max_attempts)
        return replace(best or RigFix(Reason.NO_REGIONS), wanted_regions=wanted, timings_ms=dict(clock.timings_ms))

    def _attempt(self, sights: Sequence[Sight], group: Group, clock: _Stopwatch) -> RigFix:
        searched = list(zip(sights, group.regions, strict=True))
        with clock('matching'):
            matches = nearest = [self._decoder.match(sight.features, regions) for sight, regions in searched]
            if group.alternatives > 1:
                matches = [self._decoder.match(s.features, regions, group.alternatives) for s, regions in searched]
        count = sum(map(len, matches))
        evidence = Evidence(keypoints=sum(len(sight.features) for sight in sights), matches=count)
        regions = self.regions.ids([r for of_camera in group.regions for r in of_camera])
        if count < MINIMAL_MATCHES:
            return RigFix(Reason.FEW_MATCHES, evidence=evidence, regions=regions)
        with clock('pose'):
            solution, own = solve_rig(sights, matches, self._settings.solver)
        if solution is None:
            return RigFix(Reason.FEW_INLIERS, evidence=evidence, regions=regions)
        fix = replace(self._conclude(sights, nearest, matches, solution, clock), regions=regions)
        if len(sights) == 1:
            return fix
        return self._cross_check(fix, sights, own, nearest, matches, clock)

    def _cross_check(
        self,
        fix: RigFix,
        sights: Sequence[Sight],
        own: Sequence[Solution | None],
        nearest: Sequence[Correspondences],
        matches: Sequence[Correspondences],
        clock: _Stopwatch,
    ) -> RigFix:
        """Hold the pose of each camera by itself against an accepted pose of the rig."""
        if fix.T_map_base is None or fix.covariance_66 is None or fix.solver_covariance_66 is None:
            return fix
        gate, max_error_px = self._settings.gate, self._settings.solver.max_error_px
        shifts, details = [], []
        joint = evaluate(fix.T_map_base, sights, matches, max_error_px)
        for sight, camera, alone, near, match in zip(sights, joint.cameras, own, nearest, matches, strict=True):
            if alone is None or alone.inliers_C.sum() < gate.min_inliers:
                continue
            shift = None
            if explains(camera, alone):
                shift = disagreement(fix.T_map_base, sight, alone, match)
                if shift is None:
                    continue
                shifts.append(shift)
            elif not self._is_convinced(sight, alone, near, match, clock):
                continue
            distance, degrees = (alone.T_map_cam @ sight.T_rig_cam.inverse()).error_to(fix.T_map_base)
            details.append(
                f'camera {sight.name} alone puts the robot {distance:.2f} (map units) and {degrees:.1f} deg away from '
                'where all cameras put it; check where it is mounted (its transform)'
            )
            if shift is None:
                # Which camera is right cannot be told; a pose that one of them denies is none.
                return _refused(replace(fix, detail=details[-1]), Reason.AMBIGUOUS)
        if not shifts:
            return fix
        evidence, solver_66 = widen(fix.evidence, fix.solver_covariance_66, shifts)
        covariance = admit(fix.covariance_66, shifts)
        fix = replace(
            fix,
            evidence=evidence,
            covariance_66=covariance,
            solver_covariance_66=solver_66,
            detail='; '.join(details),
        )
        reason = judge(evidence, gate)
        return fix if reason is Reason.OK else _refused(fix, reason)

    def _is_convinced(
        self,
        sight: Sight,
        alone: Solution,
        nearest: Correspondences,
        matches: Correspondences,
        clock: _Stopwatch,
    ) -> bool:
        """Whether a camera by itself would more likely than not be right."""
        single = [replace(sight, T_rig_cam=Pose.identity())]
        fix = self._conclude(single, [nearest], [matches], RigSolution(alone.T_map_cam, (alone,)), clock)
        return fix.reason is Reason.OK or fix.confidence >= CONTRADICTING_CONFIDENCE

    def _conclude(
        self,
        sights: Sequence[Sight],
        nearest: Sequence[Correspondences],
        matches: Sequence[Correspondences],
        solution: RigSolution,
        clock: _Stopwatch,
    ) -> RigFix:
        """Refine a pose and judge it."""
        # Matches that were chosen because they agree with each other prove less: only mutual nearest ones are counted.
        inliers = 0
        for sight, camera, near in zip(sights, solution.cameras, nearest, strict=True):
            limit = threshold_px(sight.camera, self._settings.solver.max_error_px)
            agree_C = reprojection_errors(camera.T_map_cam, sight.camera, near) < limit
            inliers += count_positions(near.pixels_C2[agree_C])
        with clock('guided'):
            guided, chance, final = self._guide(sights, matches, solution)
        with clock('gate'):
            evidence, covariance = weigh(sights, nearest, inliers, guided, chance, final)
            reason = judge(evidence, self._settings.gate)
        accepted = reason is Reason.OK
        scale = self._calibration.scale(evidence) if accepted and self._calibration is not None else 1.0
        return RigFix(
            reason,
            T_map_base=final.T_map_rig if accepted else None,
            covariance_66=scale * scale * covariance if accepted else None,
            evidence=evidence,
            confidence=confidence(evidence),
            hypothesis=final.T_map_rig,
            inliers=tuple(g.take(camera.inliers_C) for g, camera in zip(guided, final.cameras, strict=True)),
            solver_covariance_66=covariance if accepted else None,
        )

    def _guide(
        self, sights: Sequence[Sight], matches: Sequence[Correspondences], solution: RigSolution
    ) -> tuple[Sequence[Correspondences], float, RigSolution]:
        """Search around the projected points of every region in view and refine the pose on what is found."""
        guided, final = matches, solution
        searched: list[_Look] = []
        for radius in self._settings.guided_radius_px:
            looks: list[_Look] = []
            for sight, camera in zip(sights, final.cameras, strict=True):
                in_view = self.regions.near(camera.T_map_cam, sight.camera, 0.0, self._settings.points_guided)
                radius_px = threshold_px(sight.camera, radius)
                looks.append((sight.features, sight.camera, camera.T_map_cam, radius_px, in_view))
            near = [self._decoder.match_near(*look) for look in looks]
            refined = refine_rig(final, sights, near, min(radius, self._settings.solver.max_error_px))
            if refined is None:
                break
            guided, final, searched = near, refined, looks
        return guided, float(sum(self._decoder.chance_near(*look) for look in searched)), final


def _refused(fix: RigFix, reason: Reason) -> RigFix:
    return replace(fix, reason=reason, T_map_base=None, covariance_66=None, solver_covariance_66=None)


_Look = tuple[Features, Camera, Pose, float, list[int]]


class _Stopwatch:
    """Adds up wall time per stage in milliseconds."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings_ms[stage] = self.timings_ms.get(stage, 0.0) + (time.perf_counter() - start) * 1e3
