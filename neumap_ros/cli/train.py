# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap train``: what ships with the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from neumap_ros.cli.console import bar

app = typer.Typer(no_args_is_help=True, help='Train what ships with the package.')


@app.command('basis')
def train_basis(
    images: Annotated[Path, typer.Option('--images', help='Folder of ordinary photographs, at least 128.')],
    out: Annotated[Path, typer.Option('--out', help='safetensors file to write; the log goes beside it.')],
    extractor: Annotated[str, typer.Option(help='Whose descriptors are projected.')] = 'rootsift',
    seed: Annotated[int, typer.Option(help='Of the warps and of k-means.')] = 0,
) -> None:
    """Train the scene-independent projection and codebooks of an extractor."""
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.features import create_extractor
    from neumap_ros.training import basis

    network = create_extractor(extractor, with_global=False)
    console = Console()
    with bar(console, 'photographs') as progress:
        figures = basis.train_basis(images, network, out, seed, progress)
    text = basis.log_lines(figures, ['neumap', *sys.argv[1:]])
    write_atomically(out.with_suffix('.log'), text.encode())
    console.print(text, highlight=False, markup=False)
    console.print(f'Written: {out}, {out.with_suffix(".log")}', highlight=False, markup=False, soft_wrap=True)
