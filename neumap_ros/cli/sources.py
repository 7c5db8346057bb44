# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options that name posed images or a camera, and what they open."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.geometry import Camera
    from neumap_ros.mapping.sources import ImageSource

_SOURCES = 'Where posed images come from (exactly one)'
_DETAILS = 'Details of that source'

DatasetOption = Annotated[
    Path | None,
    typer.Option('--dataset', help='Folder with images and poses.json.', rich_help_panel=_SOURCES),
]
ColmapOption = Annotated[
    Path | None,
    typer.Option('--colmap', help='COLMAP model (text or binary), or the project around it.', rich_help_panel=_SOURCES),
]
TransformsOption = Annotated[
    Path | None,
    typer.Option('--transforms', help='transforms.json of nerfstudio or instant-ngp.', rich_help_panel=_SOURCES),
]
TumOption = Annotated[
    Path | None,
    typer.Option(
        '--tum', help='Trajectory (t tx ty tz qx qy qz qw); with --images, --camera-yaml.', rich_help_panel=_SOURCES
    ),
]
BagOption = Annotated[
    Path | None,
    typer.Option('--bag', help='ROS 2 recording (sqlite3 or mcap).', rich_help_panel=_SOURCES),
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        '--images',
        help='Folder of images for --colmap or --tum; alone: images without poses, found by structure from motion.',
        rich_help_panel=_SOURCES,
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option('--split', help='Split file in the --dataset, default split.json.', rich_help_panel=_DETAILS),
]
CameraYamlOption = Annotated[
    Path | None,
    typer.Option('--camera-yaml', help='Calibration as camera_calibration writes it.', rich_help_panel=_DETAILS),
]
ImageTopicOption = Annotated[
    str | None,
    typer.Option('--image-topic', help='Of the --bag; found by itself if there is one.', rich_help_panel=_DETAILS),
]
CameraInfoTopicOption = Annotated[
    str | None,
    typer.Option('--camera-info-topic', help='Of the --bag; default beside the images.', rich_help_panel=_DETAILS),
]
PoseOption = Annotated[
    str | None,
    typer.Option(
        '--pose',
        help='Topic of the --bag, /topic.base_link where it does not say whose pose, tf:map, tf:map.base_link, none.',
        rich_help_panel=_DETAILS,
    ),
]
EveryOption = Annotated[
    int | None,
    typer.Option('--every', help='Of the --bag, keep each n-th image.', rich_help_panel=_DETAILS),
]
MetricOption = Annotated[
    bool | None,
    typer.Option(
        '--metric/--arbitrary-scale',
        help='Whether the poses are in metres; default what the source says.',
        rich_help_panel=_DETAILS,
    ),
]


@dataclass(frozen=True)
class SourceOptions:
    """The options of one command that name posed images, as they were typed; see the option types above."""

    dataset: DatasetOption = None
    colmap: ColmapOption = None
    transforms: TransformsOption = None
    tum: TumOption = None
    bag: BagOption = None
    images: ImagesOption = None
    split: SplitOption = None
    camera_yaml: CameraYamlOption = None
    image_topic: ImageTopicOption = None
    camera_info_topic: CameraInfoTopicOption = None
    pose: PoseOption = None
    every: EveryOption = None
    metric: MetricOption = None

    def check(self) -> str:
        """Check that exactly one source is named and that the details suit it.

        Returns:
            The source's option without dashes; ``images`` means images without poses.

        Raises:
            ConfigError: none, several, or a detail of another source.
        """
        kinds = ('dataset', 'colmap', 'transforms', 'tum', 'bag')
        named = [kind for kind in kinds if getattr(self, kind) is not None]
        every = ', '.join(f'--{kind}' for kind in kinds)
        if len(named) > 1:
            raise ConfigError(f'{" and ".join(f"--{kind}" for kind in named)} are given, expected one source of images')
        if not named and self.images is None:
            raise ConfigError(f'no source of images is given, expected one of {every}, or --images alone')
        kind = named[0] if named else 'images'
        details = {
            'images': ('colmap', 'tum', 'images'),
            'split': ('dataset',),
            'camera_yaml': ('tum', 'images'),
            'image_topic': ('bag',),
            'camera_info_topic': ('bag',),
            'pose': ('bag',),
            'every': ('bag',),
        }
        for detail, kinds_with_it in details.items():
            if getattr(self, detail) is not None and kind not in kinds_with_it:
                wanted = ' or '.join(f'--{k}' for k in kinds_with_it)
                raise ConfigError(
                    f'--{detail.replace("_", "-")} is given with --{kind}, expected {wanted}; leave it out'
                )
        if kind == 'tum' and (self.images is None or self.camera_yaml is None):
            raise ConfigError('--tum is given without --images or --camera-yaml, expected both; add them')
        if kind == 'images' and self.metric:
            raise ConfigError('--metric is given with images alone, whose scale is arbitrary; leave it out')
        return kind

    @property
    def folder(self) -> Path | None:
        """The folder of a data set or recording; None of other sources."""
        return self.dataset or self.bag

    def open(self, part: Literal['map', 'query', 'all'], work_dir: Path | None = None) -> ImageSource:
        """Open the source.

        Args:
            part: which images of a data set with a split; without a split all of them.
            work_dir: for structure from motion; None refuses images without poses.

        Raises:
            NeumapError: the options contradict each other, or the source cannot be read.
        """
        kind = self.check()
        if kind == 'images' and work_dir is None:
            raise ConfigError(
                '--images alone has no true poses to compare with, expected a source with poses; use neumap localize'
            )
        source = self._open(kind, part, work_dir)
        if self.metric is not None:
            source.metric = self.metric
        return source

    def _open(self, kind: str, part: Literal['map', 'query', 'all'], work_dir: Path | None) -> ImageSource:
        from neumap_ros.mapping import sources

        if self.dataset is not None:
            split_file = self.split or 'split.json'
            has_split = self.split is not None or (self.dataset / split_file).is_file()
            wanted = part if has_split and part != 'all' else None
            return sources.open_poses_json(self.dataset, wanted, split_file)
        if self.colmap is not None:
            return sources.open_colmap(self.colmap, self.images)
        if self.transforms is not None:
            return sources.open_transforms(self.transforms)
        if self.bag is not None:
            return sources.open_bag(self.bag, self.image_topic, self.camera_info_topic, self.pose, self.every or 1)
        assert self.images is not None
        if self.tum is not None:
            assert self.camera_yaml is not None
            return sources.open_tum(self.tum, self.images, self.camera_yaml)
        assert work_dir is not None
        camera = None if self.camera_yaml is None else sources.read_camera_yaml(self.camera_yaml)
        return sources.reconstruct_images(self.images, work_dir, camera)


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options in each of its parameters that is a dataclass of them, such as SourceOptions."""
    groups: dict[str, tuple[type, list[str]]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        hints = get_type_hints(kind, include_extras=True)
        groups[parameter.name] = (kind, [field.name for field in dataclasses.fields(kind)])
        for name in groups[parameter.name][1]:
            parameters.append(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hints[name])
            )

    def run(**values: Any) -> None:
        for name, (kind, fields) in groups.items():
            values[name] = kind(**{field: values.pop(field) for field in fields})
        command(**values)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def parse_camera(text: str) -> Camera:
    """A camera written as ``MODEL,width,height,params...`` in COLMAP's order and pixels.

    Raises:
        ConfigError: not of that form.
        CalibrationError: the numbers are no calibration.
    """
    from neumap_ros.geometry import Camera

    model, *numbers = [part.strip() for part in text.split(',')]
    try:
        values = [float(number) for number in numbers]
        width, height = int(numbers[0]), int(numbers[1])
    except (ValueError, IndexError):
        raise ConfigError(
            f'--camera is {text!r}, expected MODEL,width,height,params... such as PINHOLE,640,480,512,512,320,240'
        ) from None
    return Camera(model, width, height, tuple(values[2:]), 'the camera of --camera')


def open_camera(camera_yaml: Path | None, camera: str | None) -> Camera:
    """The camera of ``--camera-yaml`` or ``--camera``.

    Raises:
        ConfigError: none or both are given, or malformed.
        NeumapError: the file cannot be read, or the camera is not calibrated.
    """
    if (camera_yaml is None) == (camera is None):
        got = 'neither' if camera is None else 'both'
        raise ConfigError(f'{got} of --camera-yaml and --camera is given, expected exactly one')
    if camera is not None:
        return parse_camera(camera)
    from neumap_ros.mapping.sources import read_camera_yaml

    assert camera_yaml is not None
    return read_camera_yaml(camera_yaml)
