# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of neumap_ros.

Every message says what went wrong, what was found, what was expected and how to fix it, in one sentence. An image that
cannot be localized is not an error: it is a :class:`neumap_ros.localization.fix.Fix` with a reason.
"""


class NeumapError(Exception):
    """Root of all errors that neumap_ros raises on purpose; the command line catches it once."""


class ConfigError(NeumapError):
    """An option or a setting is unusable."""


class CalibrationError(NeumapError):
    """A camera model, a pose or a transform cannot be used for geometry."""


class ImageError(NeumapError):
    """An image is missing, truncated, or contradicts its camera."""


class SourceError(NeumapError):
    """A folder, bag or model with posed images cannot be read."""


class MapError(NeumapError):
    """A map is damaged, incomplete, or made for something else."""


class MappingError(NeumapError):
    """The images do not suffice for a map."""
