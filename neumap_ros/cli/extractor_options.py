# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The option that names the weights of an extractor, the same in every command that needs one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from neumap_ros.localization.localizer import LocalizerSettings

ExtractorWeightsOption = Annotated[
    Path | None,
    typer.Option(
        '--extractor-weights',
        help="File of the extractor's weights, where they do not ship (onnx, edgepoint2); see docs/extractors.md.",
    ),
]


def with_weights(settings: LocalizerSettings | None, weights: Path | None) -> LocalizerSettings | None:
    """Settings of a localizer with the weights of the option, if there is one."""
    if weights is None:
        return settings
    from dataclasses import replace

    from neumap_ros.localization.localizer import LocalizerSettings

    return replace(settings or LocalizerSettings(), extractor_weights=str(weights))
