# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image in, fix out; see :mod:`neumap_ros.localization.search` for how."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.features import Extractor, Features
from neumap_ros.features.weights import extractor_of_map
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import check_image_size
from neumap_ros.localization.compute import prepare_process
from neumap_ros.localization.decoder import Decoder, create_decoder
from neumap_ros.localization.fix import Fix
from neumap_ros.localization.search import LocalizerSettings, RigPrior, Search
from neumap_ros.localization.sight import Sight
from neumap_ros.maps.types import ReadableMap

__all__ = ['Localizer', 'LocalizerSettings', 'Prior']


def _is_wanted(extractor: Extractor, wanted: Mapping[str, Any]) -> bool:
    """Whether an extractor is the one that a map was built with."""
    info = extractor.info
    given = {'name': info.name, 'version': info.version, 'weights_sha256': info.weights_sha256}
    return all(wanted.get(key) == value for key, value in given.items())


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
        MapError: the map is damaged or was built with another extractor or other weights.
        ConfigError: the weights that the settings name cannot be read.
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
        if extractor is None and reuse is not None and _is_wanted(reuse.extractor, wanted):
            extractor = reuse.extractor  # loading a network takes longer than decoding a region
        self.extractor: Extractor = extractor or extractor_of_map(wanted, self.settings.extractor_weights, stored.name)
        info = self.extractor.info
        if not _is_wanted(self.extractor, wanted):
            raise MapError(
                f'map {stored.name} was built with the extractor {wanted.get("name")} version '
                f'{wanted.get("version")} (weights {str(wanted.get("weights_sha256"))[:12] or "none"}), this is '
                f'{info.name} version {info.version} (weights {info.weights_sha256[:12] or "none"}); '
                'use the same extractor or rebuild the map'
            )
        self.decoder: Decoder = create_decoder(stored, None if reuse is None else reuse.decoder)
        self.search = Search(self.manifest, self.decoder, self.settings)

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
        near = None if prior is None else RigPrior(prior.T_map_cam, prior.radius)
        fix = self.search.localize([Sight(features, camera)], near)
        return Fix(
            fix.reason,
            T_map_cam=fix.T_map_base,
            covariance_66=fix.covariance_66,
            evidence=fix.evidence,
            confidence=fix.confidence,
            hypothesis=fix.hypothesis,
            inliers=None if fix.inliers is None else fix.inliers[0],
            regions=fix.regions,
            wanted_regions=fix.wanted_regions,
            map_id=self.manifest.map_id,
            revision=self.manifest.revision,
            time_s=time_s,
            timings_ms=fix.timings_ms,
        )
