# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What extractors are compared on: the photographs, and simulated worlds whose queries were taken at night."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.datasets import DATA_SETS, DataSet
from benchmarks.regression.scenes import ChangedSource
from benchmarks.regression.worlds import world_scenes
from benchmarks.scenes import CACHE, mapping_source
from benchmarks.variants import sparse_subset
from neumap_ros.errors import SourceError
from neumap_ros.mapping.sources import ImageSource

# Variants of a world: the query drive of another day, by day or with the robot's headlight alone; on the dense map, or
# on the sparse one.
WORLD_VARIANTS = {'plain': 'day', 'evening': 'evening', 'sparse': 'day', 'night': 'night', 'hard': 'night'}
# Small worlds first; the others take minutes to render.
WORLDS = ('world-flat', 'world-court', 'world-office')


@dataclass(frozen=True)
class Place:
    """One set.

    Attributes:
        name: of the row.
        elsewhere: another set, whose queries must not be accepted here.
        metric: whether its unit is the metre.
        photographs: None: a simulated world.
    """

    name: str
    elsewhere: str
    metric: bool
    photographs: DataSet | None = None

    def mapping(self, sparse: bool) -> ImageSource:
        """The images that make the map, or a few of them."""
        if self.photographs is not None:
            return mapping_source(self.photographs, sparse)
        source = _world(self.name).mapping(CACHE, _silent)
        return source.subset([image.name for image in sparse_subset(source.images)]) if sparse else source

    def queries(self, variant: str, limit: int | None) -> ImageSource:
        """The queries as the variant shows them, at most ``limit``, evenly spaced."""
        if self.photographs is None:
            source = _world(self.name).queries(WORLD_VARIANTS[variant], CACHE, _silent)
        else:
            source = self.photographs.open('query')
        step = 1 if limit is None else max(1, -(-len(source.images) // limit))
        source = source.subset([image.name for image in source.images[::step]])
        if self.photographs is not None and variant not in ('plain', 'sparse'):
            source = ChangedSource.by_variant(source, variant)
        return source


_ELSEWHERE = {
    'fox': 'redkitchen',
    'fountain': 'hololens',
    'herz-jesus': 'kitti',
    'kitti': 'herz-jesus',
    'hololens': 'redkitchen',
    'hololens-revisit': 'redkitchen',
    'redkitchen': 'hololens',
    'world-flat': 'world-court',
    'world-court': 'world-flat',
    'world-office': 'world-flat',
}

PLACES = (
    *(Place(data_set.name, _ELSEWHERE[data_set.name], data_set.metric, data_set) for data_set in DATA_SETS),
    *(Place(name, _ELSEWHERE[name], True) for name in WORLDS),
)


def places(names: str | None) -> list[Place]:
    """The sets of a comma-separated list, or all.

    Raises:
        SourceError: an unknown name.
    """
    known = {place.name: place for place in PLACES}
    wanted = list(known) if not names else names.split(',')
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SourceError(f'there is no set {unknown[0]!r}, expected some of {", ".join(known)}')
    return [known[name] for name in wanted]


def _world(name: str):  # type: ignore[no-untyped-def]
    return next(scene for scene in world_scenes() if scene.name == name)


def _silent(stage: str, done: int, total: int) -> None:
    """Progress of a drive inside a benchmark is nobody's business."""
