# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Image -> :class:`Features`; one file per extractor, found by name through :func:`create_extractor`."""

from neumap_ros.features import edgepoint2 as _edgepoint2  # noqa: F401  (registers itself)
from neumap_ros.features import neumap_extractor as _neumap_extractor  # noqa: F401
from neumap_ros.features import onnx_extractor as _onnx_extractor  # noqa: F401
from neumap_ros.features import rootsift as _rootsift  # noqa: F401
from neumap_ros.features.base import (
    Extractor,
    ExtractorInfo,
    Features,
    create_extractor,
    extractor_names,
    register_extractor,
)

__all__ = ['Extractor', 'ExtractorInfo', 'Features', 'create_extractor', 'extractor_names', 'register_extractor']
