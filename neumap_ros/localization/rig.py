# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of one instant in, a pose of the robot out, whether it carries one camera or several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from neumap_ros.errors import ImageError
from neumap_ros.images import check_image_size
from neumap_ros.localization.attempt import RigFix, View
from neumap_ros.localization.fix import Correspondences, Reason
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.search import RigPrior
from neumap_ros.localization.sight import Sight

__all__ = ['RigPrior', 'localize_views']


def localize_views(localizer: Localizer, views: Sequence[View], prior: RigPrior | None = None) -> RigFix:
    """Localize the robot from the images of its cameras.

    Args:
        localizer: of the map; its settings hold for every camera.
        views: images of one instant. One that cannot be used does not stop the others; where only one can be used, the
            pose is exactly that of :meth:`Localizer.localize`, said of the base.
        prior: narrows the search; without it, or when nothing is found there, the whole map is searched.

    Returns:
        A fix of the base frame; its reason says why there is no pose.
    """
    start = time.perf_counter()
    sights: list[Sight] = []
    used: list[int] = []
    problems: list[str] = []
    for number, view in enumerate(views):
        try:
            check_image_size(view.image, view.camera, view.name)
        except ImageError as error:
            problems.append(str(error))
            continue
        features = localizer.extractor.extract(view.image, localizer.settings.max_keypoints)
        sights.append(Sight(features, view.camera, view.T_base_cam, view.name))
        used.append(number)
    elapsed = (time.perf_counter() - start) * 1e3
    if not sights:
        return RigFix(Reason.IMAGE_ERROR, detail='; '.join(problems) or 'no image was given')
    fix = localizer.search.localize(sights, prior)
    inliers = None
    if fix.inliers is not None:
        found = dict(zip(used, fix.inliers, strict=True))
        inliers = tuple(found.get(i, Correspondences.none()) for i in range(len(views)))
    detail = '; '.join(filter(None, [fix.detail, *problems]))
    return replace(fix, inliers=inliers, timings_ms={'features': elapsed, **fix.timings_ms}, detail=detail)
