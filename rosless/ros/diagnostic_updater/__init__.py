# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of a node, collected from tasks and published at a fixed period on /diagnostics."""

from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper
from diagnostic_updater._diagnostic_updater import (
    CompositeDiagnosticTask,
    DiagnosticTask,
    DiagnosticTaskVector,
    FunctionDiagnosticTask,
    Updater,
)
from diagnostic_updater._publisher import DiagnosedPublisher, HeaderlessTopicDiagnostic, TopicDiagnostic
from diagnostic_updater._update_functions import (
    FrequencyStatus,
    FrequencyStatusParam,
    Heartbeat,
    TimeStampStatus,
    TimeStampStatusParam,
)

__all__ = [
    'CompositeDiagnosticTask',
    'DiagnosedPublisher',
    'DiagnosticStatusWrapper',
    'DiagnosticTask',
    'DiagnosticTaskVector',
    'FrequencyStatus',
    'FrequencyStatusParam',
    'FunctionDiagnosticTask',
    'HeaderlessTopicDiagnostic',
    'Heartbeat',
    'TimeStampStatus',
    'TimeStampStatusParam',
    'TopicDiagnostic',
    'Updater',
]
