# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap localize``: single images in a map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from neumap_ros.cli import sources as options
from neumap_ros.cli.console import EXIT_ERROR, EXIT_NOT_LOCALIZED, print_error
from neumap_ros.cli.extractor_options import ExtractorWeightsOption, with_weights
from neumap_ros.errors import ImageError

MapOption = Annotated[Path, typer.Option('--map', help='Map folder.')]


def localize(
    images: Annotated[list[Path], typer.Argument(metavar='IMAGE...', help='Images of one camera.')],
    map_folder: MapOption,
    camera_yaml: options.CameraYamlOption = None,
    camera: Annotated[
        str | None,
        typer.Option(help="MODEL,width,height,params... in COLMAP's order."),
    ] = None,
    as_json: Annotated[bool, typer.Option('--json', help='One JSON object per line and image.')] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help='Folder for pictures of the images with their inliers.'),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help='Localizer settings, see config/core.yaml.'),
    ] = None,
    extractor_weights: ExtractorWeightsOption = None,
) -> None:
    """Localize images in a map; exit code 0 if all were localized, 3 if some were not."""
    the_camera = options.open_camera(camera_yaml, camera)

    from neumap_ros.cli.output import fix_document, fix_line, picture_paths
    from neumap_ros.images import read_image

    localizer = open_localizer(map_folder, config, extractor_weights)
    pictures = picture_paths(picture, images)
    unlocalized = failed = 0
    for path, picture_path in zip(images, pictures, strict=True):
        try:
            pixels = read_image(path)
            fix = localizer.localize(pixels, the_camera, name=str(path))
        except ImageError as error:  # the other images may be sound
            print_error(str(error))
            failed += 1
            continue
        unlocalized += not fix.accepted
        if as_json:
            typer.echo(json.dumps(fix_document(path, fix), allow_nan=False))
        else:
            typer.echo(fix_line(path, fix, localizer.manifest.metric))
        if picture_path is not None:
            from neumap_ros.evaluation.pictures import draw_inliers, write_picture

            write_picture(picture_path, draw_inliers(pixels, fix, the_camera, path.name))
    if failed or unlocalized:
        raise typer.Exit(EXIT_ERROR if failed else EXIT_NOT_LOCALIZED)


def open_localizer(map_folder: Path, config: Path | None, extractor_weights: Path | None = None) -> Any:
    """Open a map and load it, with the settings of a file and the weights of the option."""
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.localization.settings import load_settings
    from neumap_ros.maps.storage import open_map

    settings = None if config is None else load_settings(config)
    return Localizer(open_map(map_folder), with_weights(settings, extractor_weights))
