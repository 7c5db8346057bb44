# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap train``: what ships with the package."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from neumap_ros.cli.console import bar, stage_bars
from neumap_ros.cli.extractor_options import ExtractorWeightsOption
from neumap_ros.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help='Train what ships with the package.')


@app.command('basis')
def train_basis(
    images: Annotated[Path, typer.Option('--images', help='Folder of ordinary photographs, at least 128.')],
    out: Annotated[Path, typer.Option('--out', help='safetensors file to write; the log goes beside it.')],
    extractor: Annotated[str, typer.Option(help='Whose descriptors are projected.')] = 'rootsift',
    extractor_weights: ExtractorWeightsOption = None,
    seed: Annotated[int, typer.Option(help='Of the warps and of k-means.')] = 0,
) -> None:
    """Train the scene-independent projection and codebooks of an extractor."""
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.features.weights import open_extractor
    from neumap_ros.training import basis

    network = open_extractor(extractor, extractor_weights, with_global=False)
    console = Console()
    with bar(console, 'photographs') as progress:
        figures = basis.train_basis(images, network, out, seed, progress)
    text = basis.log_lines(figures, ['neumap', *sys.argv[1:]])
    write_atomically(out.with_suffix('.log'), text.encode())
    console.print(text, highlight=False, markup=False)
    console.print(f'Written: {out}, {out.with_suffix(".log")}', highlight=False, markup=False, soft_wrap=True)


@app.command('extractor')
def train_extractor(
    images: Annotated[Path, typer.Option('--images', help='Folder of ordinary photographs.')],
    out: Annotated[Path, typer.Option('--out', help='safetensors file to write; the log goes beside it.')],
    work: Annotated[
        Path, typer.Option('--work', help='Folder for checkpoints, worlds, TensorBoard; a run goes on from there.')
    ],
    size: Annotated[str, typer.Option(help='neumap_nano or neumap_small.')] = 'neumap_nano',
    world_seeds: Annotated[
        str, typer.Option('--world-seeds', help='Simulated worlds to train on, with commas, from 1000; empty: none.')
    ] = '1000,1001',
    teacher: Annotated[
        str, typer.Option(help='Extractor whose descriptors are imitated, or NAME=WEIGHTS.')
    ] = 'rootsift',
    minutes: Annotated[float | None, typer.Option(help='Stop after so long, preparations not counted.')] = None,
    steps: Annotated[int | None, typer.Option(help='Stop after so many steps.')] = None,
    pairs: Annotated[int, typer.Option(help='Pairs of views per step.')] = 8,
    crop: Annotated[int, typer.Option(help='Side of a view, pixels.')] = 256,
    rate: Annotated[float, typer.Option(help='Highest learning rate.')] = 3e-3,
    seed: Annotated[int, typer.Option(help='Of weights, warps and light.')] = 0,
    device: Annotated[str, typer.Option(help='auto, cpu or cuda.')] = 'auto',
    workers: Annotated[int, typer.Option(help='Threads that prepare pairs; 0: none beside the training.')] = 0,
    threads: Annotated[int, typer.Option(help='Of the mathematics on the CPU.')] = 1,
) -> None:
    """Train the keypoint extractor on photographs and simulated worlds.

    Examples:
        neumap train extractor --images PHOTOGRAPHS --work RUN --minutes 90 --out neumap_nano.safetensors

        neumap train extractor --images PHOTOGRAPHS --work RUN --size neumap_small --device cuda --workers 12 --pairs 32 --minutes 20 --out neumap_small.safetensors
    """  # noqa: E501
    import cv2

    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.features.network_features import choose_device
    from neumap_ros.localization.compute import prepare_process
    from neumap_ros.training.extractor import Trainer, TrainSettings
    from neumap_ros.training.extractor_data import read_data
    from neumap_ros.training.extractor_frames import Teacher, open_teacher

    prepare_process(math_threads=threads, keep_memory=True)
    cv2.setNumThreads(threads)
    settings = TrainSettings(
        size, minutes, steps, pairs, crop, rate, seed, device=choose_device(device), workers=workers
    )
    if not all(part.strip().isdigit() for part in world_seeds.split(',') if part.strip()):
        raise ConfigError(f'--world-seeds is {world_seeds!r}, expected numbers with commas between, such as 1000,1001')
    seeds = [int(part) for part in world_seeds.split(',') if part.strip()]
    console = Console()
    master = Teacher(open_teacher(teacher), work / 'teacher')
    with stage_bars(console) as stages:
        data = read_data(images, seeds, work / 'worlds', master, threads, stages)
    trainer = Trainer(settings, data, work)
    with bar(console, 'training') as progress:
        figures = trainer.run(lambda fraction, text: progress(round(1000 * fraction), 1000))
    text = trainer.report(figures, ['neumap', *sys.argv[1:]], master)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, trainer.weights())
    write_atomically(out.with_suffix('.log'), text.encode())
    console.print(text, highlight=False, markup=False)
    console.print(f'Written: {out}, {out.with_suffix(".log")}', highlight=False, markup=False, soft_wrap=True)
