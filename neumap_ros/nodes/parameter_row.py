# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One row of the table of parameters: what a value may be, in one place for nodes, documents and replays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Union

Value = Union[bool, int, float, str, tuple[str, ...], tuple[float, ...]]  # noqa: UP007 (Python 3.10 evaluates it)


@dataclass(frozen=True)
class Row:
    """A parameter.

    Attributes:
        name: with dots between its parts.
        default: its type is the type of the parameter; a tuple stands for a list and is never empty.
        description: one or two sentences for people; what it trades against what.
        unit: of the value, empty without one.
        low: smallest allowed value of a number, or of each number of a list.
        high: largest allowed value.
        choices: allowed words; empty: any.
        read_only: whether it is fixed once the node runs.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    @property
    def type_name(self) -> str:
        """The word that ROS 2 uses for its type."""
        if isinstance(self.default, tuple):
            return f'{_WORDS[type(self.default[0])]}_array'
        return _WORDS[type(self.default)]

    def problem(self, value: Any) -> str:
        """Say in one sentence why a value cannot be taken; empty if it can."""
        if isinstance(self.default, tuple):
            if not isinstance(value, (list, tuple)):
                return f'parameter {self.name} is {value!r}, expected a list'
            if not len(value):
                return f'parameter {self.name} is an empty list, expected at least one entry'
            return next((text for item in value if (text := self._problem(item, type(self.default[0])))), '')
        return self._problem(value, type(self.default))

    def _problem(self, value: Any, kind: type) -> str:
        expected = _EXPECTED[kind]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            return f'parameter {self.name} is {value!r}, expected {expected}'
        if self.choices and value not in self.choices:
            return f'parameter {self.name} is {value!r}, expected one of {", ".join(self.choices)}'
        if isinstance(value, (int, float)) and kind is not bool:
            low = -math.inf if self.low is None else self.low
            high = math.inf if self.high is None else self.high
            if not math.isfinite(value) or not low <= value <= high:
                return f'parameter {self.name} is {value!r}, expected {expected} from {number(low)} to {number(high)}'
        return ''


def number(value: float) -> str:
    """A bound as people write it: no exponent, no digits that say nothing."""
    return str(int(value)) if value == round(value) else f'{value:.9g}'


_WORDS = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
_EXPECTED = {
    bool: 'true or false',
    int: 'a whole number',
    float: 'a number with a decimal point, such as 2.0',
    str: 'text',
}
