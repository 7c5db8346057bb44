# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every benchmark shares: prepared scenes and query features, kept on disk between runs."""

from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path

from benchmarks.datasets import DataSet
from benchmarks.variants import query_image, sparse_subset
from neumap_ros.evaluation.run import FeatureQuery
from neumap_ros.features import Extractor
from neumap_ros.mapping.build import BuildSettings, Scene, prepare_scene
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.mapping.work import WorkFolder

RESULTS = Path(__file__).resolve().parent / 'results'
CACHE = RESULTS / 'cache'


def mapping_source(data_set: DataSet, sparse: bool) -> ImageSource:
    """The mapping images, or the sparse subset of them."""
    source = data_set.open('map')
    if sparse:
        source = source.subset([image.name for image in sparse_subset(source.images)])
    return source


def scene_of(data_set: DataSet, sparse: bool, extractor: Extractor) -> tuple[ImageSource, Scene]:
    """A triangulated scene; the first call takes up to a minute, later ones read the cache."""
    source = mapping_source(data_set, sparse)
    name = f'{data_set.name}{"-sparse" if sparse else ""}'
    work = WorkFolder(CACHE / name, [source.fingerprint(), asdict(extractor.info)])
    settings = BuildSettings(extractor=extractor.info.name)
    return source, prepare_scene(source, extractor, settings, work, lambda stage, done, total: None, {})


def queries_of(
    data_set: DataSet, variant: str, extractor: Extractor, max_keypoints: int, limit: int | None
) -> list[FeatureQuery]:
    """Features of the queries of a variant, at most ``limit`` of them, evenly spaced."""
    source = data_set.open('query')
    step = 1 if limit is None else max(1, -(-len(source.images) // limit))
    path = CACHE / f'queries-{data_set.name}-{variant}-{max_keypoints}-{step}-{source.fingerprint()}.pickle'
    if path.exists():
        queries: list[FeatureQuery] = pickle.loads(path.read_bytes())  # written by this function, on this machine
        return queries
    queries = []
    for image in source.images[::step]:
        pixels, camera = query_image(source.read(image), image.camera, variant, image.name)
        queries.append((image.name, camera, image.T_map_cam, extractor.extract(pixels, max_keypoints)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(queries))
    return queries
