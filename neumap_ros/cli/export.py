# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap export``: networks in files that other programs can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli.console import format_bytes
from neumap_ros.cli.extractor_options import ExtractorWeightsOption
from neumap_ros.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help='Write networks to files that other programs can run.')


@app.callback()
def _export() -> None:
    """Keep ``extractor`` a command of its own."""


@app.command('extractor')
def export_extractor(
    out: Annotated[Path, typer.Option('--out', help='ONNX file to write.')],
    extractor: Annotated[str, typer.Option(help='Which one.')] = 'neumap_nano',
    extractor_weights: ExtractorWeightsOption = None,
    max_keypoints: Annotated[int, typer.Option(help='Most keypoints of an image.', min=16, max=4096)] = 2048,
    overwrite: Annotated[bool, typer.Option('--overwrite', help='Replace an existing file.')] = False,
) -> None:
    """Write an extractor with its weights as an ONNX network: image in; keypoints, descriptors, scores out.

    Example: neumap export extractor --out network.onnx; neumap map build --extractor onnx --extractor-weights
    network.onnx takes it
    """
    if out.exists() and not overwrite:
        raise ConfigError(f'{out} exists already, expected a new file; choose another one or add --overwrite')
    if not out.absolute().parent.is_dir():
        raise ConfigError(
            f'the folder {out.absolute().parent} of the file does not exist, expected it; create it first'
        )

    from neumap_ros.features.onnx_export import export_onnx
    from neumap_ros.features.weights import open_extractor, takes_weights

    options = {'device': 'cpu'} if takes_weights(extractor) else {}
    network = open_extractor(extractor, extractor_weights, **options)
    size = export_onnx(network, out, max_keypoints)
    console = Console()
    console.print(
        f'{escape(str(out))}: {network.info.name}, {network.info.descriptor_size} numbers a descriptor, '
        f'{format_bytes(size)}',
        highlight=False,
        soft_wrap=True,
    )
