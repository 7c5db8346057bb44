# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A page in headless Chromium: a script runs in it when it is ready, and what it gives comes back."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ('chromium', 'chromium-browser', 'google-chrome')
FLAGS = (
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-dev-shm-usage',
    '--hide-scrollbars',
)
# Time in the page, which runs ahead while nothing happens there.
BUDGET_MS = 20_000

WAIT = """
(async () => {
  let result;
  try {
    while (!document.documentElement.dataset.ready) await new Promise((done) => setTimeout(done, 20));
    const settled = () => new Promise((done) => setTimeout(done, 500));
    result = {value: await (async () => { %s })()};
  } catch (error) {
    result = {error: String(error)};
  }
  document.body.setAttribute('data-result', JSON.stringify(result));
})();
"""


@dataclass(frozen=True)
class Visit:
    """What a script gave, and what the browser complained about."""

    value: Any
    complaints: list[str]


def find() -> str | None:
    """The browser of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def visit(page: Path, script: str, folder: Path, *flags: str, size: tuple[int, int] = (1280, 2000)) -> Visit:
    """Open a page and run a script in it; ``return`` gives a value, ``await settled()`` lets the page finish.

    Args:
        page: HTML file.
        script: body of an asynchronous function.
        folder: for the browser's own files.
        flags: more of them.
        size: of the window, pixels.
    """
    copy = folder / f'visited-{page.name}'
    # Before the last tag, so that the page's own scripts ran before.
    copy.write_text(page.read_text().replace('</body>', f'<script>{WAIT % script}</script></body>'))
    done = run(copy, folder, '--dump-dom', '--enable-logging=stderr', f'--window-size={size[0]},{size[1]}', *flags)
    found = re.search(r'data-result="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    result = json.loads(html.unescape(found[1]))
    assert 'error' not in result, result
    complaints = [line for line in done.stderr.splitlines() if 'CONSOLE' in line]
    return Visit(result.get('value'), complaints)


def run(page: Path, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page and wait until the browser ends."""
    browser = find()
    assert browser is not None
    own = [f'--user-data-dir={folder / "profile"}', f'--virtual-time-budget={BUDGET_MS}']
    command = [browser, *FLAGS, *own, *flags, page.resolve().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
