// SPDX-FileCopyrightText: 2026 neumap_ros contributors
// SPDX-License-Identifier: Apache-2.0
// Draws the charts, follows light, dark and paper, and fills the table of all attempts. Opens no connection.
'use strict';
(() => {
  const PAGE_ROWS = 50, PAPER_PX = 680;
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const shown = new Map(); // run -> whether its traces are drawn
  let payload = null, paper = false;

  async function unpack(id) {
    const bytes = Uint8Array.from(atob(byId(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).text();
  }

  function trouble(text) {
    byId('trouble').textContent = text;
    byId('trouble').hidden = false;
  }

  // ---- colours: '--run-0' or '--run-0/0.15' in a chart is a variable of the page -------------------------------
  function colour(name) {
    const [variable, alpha] = name.split('/');
    const value = getComputedStyle(root).getPropertyValue(variable).trim();
    if (!alpha) return value;
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    return `rgba(${red},${green},${blue},${alpha})`;
  }

  function painted(part, key) {
    const isColour = key === 'color' || key === 'fillcolor';
    if (typeof part === 'string') return isColour && part.startsWith('--') ? colour(part) : part;
    if (Array.isArray(part)) {
      return isColour || (part.length && typeof part[0] === 'object') ? part.map((item) => painted(item, key)) : part;
    }
    if (part && typeof part === 'object') {
      return Object.fromEntries(Object.entries(part).map(([name, value]) => [name, painted(value, name)]));
    }
    return part;
  }

  // ---- charts --------------------------------------------------------------------------------------------------
  const charts = () => Object.keys(payload.figures).map(byId);

  function sizeOf(plot) {
    const figure = payload.figures[plot.id];
    const half = plot.closest('.grid') !== null;
    const width = paper ? (half ? PAPER_PX / 2 - 8 : PAPER_PX) : plot.clientWidth;
    const height = figure.aspect ? Math.round(Math.min(width * figure.aspect + 30, 0.9 * Math.max(innerHeight, 500))) : figure.height;
    return [width, height];
  }

  function draw(plot) {
    const figure = payload.figures[plot.id];
    const [width, height] = sizeOf(plot);
    plot.style.height = `${height}px`;
    const axis = {gridcolor: colour('--grid'), linecolor: colour('--line'), zerolinecolor: colour('--line'), automargin: true};
    const layout = painted(JSON.parse(JSON.stringify(figure.layout)), '');
    for (const name of ['xaxis', 'yaxis', 'yaxis2', 'yaxis3']) {
      if (layout[name]) {
        layout[name] = {...axis, ...layout[name]};
      }
    }
    const data = painted(figure.data, '');
    for (const trace of data) {
      if (trace.meta && shown.get(trace.meta.run) === false) trace.visible = false;
    }
    const text = {color: colour('--text'), family: 'system-ui, "Segoe UI", Roboto, Arial, sans-serif', size: 12};
    const label = {bgcolor: colour('--card'), bordercolor: colour('--line'), font: {...text, size: 13}, align: 'left'};
    return Plotly.react(plot, data, {
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', font: text, showlegend: false, hovermode: 'closest',
      modebar: {bgcolor: 'rgba(0,0,0,0)', color: colour('--muted'), activecolor: colour('--text')},
      hoverlabel: label, margin: {l: 8, r: 12, t: 10, b: 8}, width, height, uirevision: 'kept',
      dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom', ...layout,
    }, {
      displaylogo: false, responsive: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'],
      // Plotly would offer to send the chart to its own server.
      showSendToCloud: false, plotlyServerURL: '',
      displayModeBar: matchMedia('(hover: none)').matches ? false : 'hover',
      toImageButtonOptions: {format: 'svg', filename: plot.id},
    });
  }

  const pause = () => new Promise((done) => setTimeout(done));

  async function drawAll() {
    for (const plot of charts()) {
      await draw(plot);
      await pause();
    }
  }

  // The same attempt is marked in all plans and over time; plans zoom together.
  function link() {
    const linked = charts().filter((plot) => plot.id.startsWith('map-') || plot.id === 'errors-over-time');
    const maps = linked.filter((plot) => plot.id.startsWith('map-'));
    let busy = false;
    const alone = (work) => {
      if (busy) return;
      busy = true;
      try { work(); } finally { busy = false; }
    };
    const pointOf = (event) => {
      const point = event.points[0];
      return point.data.customdata && point.data.meta ? [point.data.meta.run, point.customdata] : null;
    };
    for (const plot of linked) {
      plot.on('plotly_hover', (event) => alone(() => {
        const found = pointOf(event);
        if (!found) return;
        for (const other of linked) {
          if (other === plot) continue;
          const curveNumber = other.data.findIndex((trace) =>
            trace.meta && trace.meta.run === found[0] && trace.customdata && trace.customdata.includes(found[1]));
          if (curveNumber >= 0) {
            Plotly.Fx.hover(other, [{curveNumber, pointNumber: other.data[curveNumber].customdata.indexOf(found[1])}]);
          }
        }
      }));
      plot.on('plotly_unhover', () => alone(() => {
        for (const other of linked) if (other !== plot) Plotly.Fx.unhover(other);
      }));
      plot.on('plotly_click', (event) => {
        const found = pointOf(event);
        if (found) showAttempt(...found);
      });
    }
    let zooming = false;
    for (const plot of maps) {
      plot.on('plotly_relayout', async (change) => {
        const zoom = Object.fromEntries(Object.entries(change).filter(([key]) => /^[xy]axis\.(range|autorange)/.test(key)));
        if (zooming || !Object.keys(zoom).length) return;
        // The others answer with the same event before they are done.
        zooming = true;
        try {
          const place = payload.figures[plot.id].place;
          const others = maps.filter((other) => other !== plot && payload.figures[other.id].place === place);
          await Promise.all(others.map((other) => Plotly.relayout(other, zoom)));
        } finally {
          zooming = false;
        }
      });
    }
  }

  function followWidth() {
    const widths = new Map();
    const observer = new ResizeObserver((entries) => {
      for (const {target} of entries) {
        if (paper || widths.get(target) === target.clientWidth || !target.clientWidth) continue;
        const first = !widths.has(target);
        widths.set(target, target.clientWidth);
        if (!first) draw(target);
      }
    });
    charts().forEach((plot) => observer.observe(plot));
  }

  // ---- runs that are hidden, theme, paper ------------------------------------------------------------------------
  function toggleRuns() {
    for (const chip of document.querySelectorAll('.chip[data-run]')) {
      chip.addEventListener('click', () => {
        const run = Number(chip.dataset.run), visible = shown.get(run) === false;
        shown.set(run, visible);
        for (const other of document.querySelectorAll(`.chip[data-run="${run}"]`)) {
          other.setAttribute('aria-pressed', String(visible));
        }
        for (const card of document.querySelectorAll(`[data-run-card="${run}"]`)) card.hidden = !visible;
        drawAll();
      });
    }
  }

  function followTheme() {
    const button = byId('theme'), themes = ['auto', 'light', 'dark'];
    button.hidden = false;
    button.addEventListener('click', () => {
      const next = themes[(themes.indexOf(root.dataset.theme || 'auto') + 1) % themes.length];
      if (next === 'auto') delete root.dataset.theme;
      else root.dataset.theme = next;
      button.textContent = `theme: ${next}`;
      drawAll();
    });
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { if (!paper) drawAll(); });
    let before;
    addEventListener('beforeprint', () => {
      before = root.dataset.theme;
      root.dataset.theme = 'light';
      paper = true;
      charts().forEach(draw);
    });
    addEventListener('afterprint', () => {
      if (before) root.dataset.theme = before;
      else delete root.dataset.theme;
      paper = false;
      drawAll();
    });
  }

  // ---- gallery -----------------------------------------------------------------------------------------------------
  function enlarge() {
    const viewer = byId('viewer');
    for (const button of document.querySelectorAll('.zoom')) {
      button.addEventListener('click', () => {
        const image = button.querySelector('img');
        viewer.querySelector('img').src = image.src;
        viewer.querySelector('img').alt = image.alt;
        viewer.querySelector('p').textContent = button.parentElement.querySelector('figcaption').textContent;
        viewer.showModal();
      });
    }
    viewer.addEventListener('click', (event) => { if (event.target === viewer) viewer.close(); });
  }

  // ---- all attempts ----------------------------------------------------------------------------------------------
  const HIDDEN = ['stamp_ns', 'detail', 'accepted', 'false_fix', 'x', 'y', 'z', 'truth_x', 'truth_y', 'truth_z'];
  const form = byId('filter'), table = byId('table');
  let sorted = {key: null, down: true}, limit = PAGE_ROWS, marked = null;

  function chosenRows() {
    const {columns, count} = payload.runs[Number(form.run.value)];
    const outcome = form.outcome.value, text = form.text.value.toLowerCase();
    const rows = [];
    for (let row = 0; row < count; row++) {
      const failed = !columns.accepted[row] || columns.false_fix[row];
      if (outcome === 'failed' && !failed) continue;
      if (outcome === 'false' && !columns.false_fix[row]) continue;
      if (outcome.startsWith('=') && columns.reason[row] !== outcome.slice(1)) continue;
      if (text && !columns.name[row].toLowerCase().includes(text)) continue;
      rows.push(row);
    }
    const values = columns[sorted.key];
    if (values) {
      const sign = sorted.down ? -1 : 1;
      const missing = (value) => value === null || value === '';
      rows.sort((a, b) => {
        const [one, two] = [values[a], values[b]];
        if (missing(one) || missing(two)) return missing(one) - missing(two) || a - b;
        return sign * (typeof one === 'string' ? one.localeCompare(two) : one - two) || a - b;
      });
    }
    return rows;
  }

  function fill() {
    const {columns, unit} = payload.runs[Number(form.run.value)];
    const keys = Object.keys(columns).filter((key) => !HIDDEN.includes(key));
    const rows = chosenRows();
    const head = document.createElement('tr');
    for (const key of keys) {
      const cell = document.createElement('th');
      cell.scope = 'col';
      cell.tabIndex = 0;
      cell.textContent = key.replace('error_m', `error ${unit}`).replace('error_deg', 'angle °').replaceAll('_', ' ');
      if (sorted.key === key) {
        cell.setAttribute('aria-sort', sorted.down ? 'descending' : 'ascending');
        cell.textContent += sorted.down ? ' ▼' : ' ▲';
      }
      const sort = () => {
        sorted = {key, down: sorted.key === key ? !sorted.down : typeof columns[key][0] !== 'string'};
        fill();
      };
      cell.addEventListener('click', sort);
      cell.addEventListener('keydown', (event) => { if (event.key === 'Enter') sort(); });
      head.append(cell);
    }
    const body = document.createElement('tbody');
    for (const row of rows.slice(0, limit)) {
      const line = body.insertRow();
      if (columns.false_fix[row]) line.className = 'false';
      if (marked === row) line.classList.add('found');
      for (const key of keys) {
        const cell = line.insertCell(), value = columns[key][row];
        cell.textContent = value === null ? '–' : typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
        if (typeof value === 'string') cell.className = 'text';
        if (key === 'reason' || key === 'name') cell.title = columns.detail ? `${value}: ${columns.detail[row]}` : value;
      }
    }
    const top = document.createElement('thead');
    top.append(head);
    table.replaceChildren(top, body);
    byId('count').textContent = `${rows.length.toLocaleString('en')} attempts`;
    byId('more').hidden = rows.length <= limit;
  }

  function outcomes() {
    form.outcome.querySelectorAll('option[value^="="]').forEach((option) => option.remove());
    for (const reason of [...new Set(payload.runs[Number(form.run.value)].columns.reason)].sort()) {
      const option = new Option(reason, `=${reason}`);
      form.outcome.add(option);
    }
  }

  function showAttempt(run, attempt) {
    const shot = byId(`shot-${run}-${attempt}`);
    if (shot) {
      document.querySelectorAll('.found').forEach((other) => other.classList.remove('found'));
      shot.classList.add('found');
      shot.scrollIntoView({block: 'center'});
      return;
    }
    form.run.value = String(run);
    outcomes();
    form.outcome.value = '';
    form.text.value = payload.runs[run].columns.name[attempt];
    marked = attempt;
    fill();
    byId('attempts').scrollIntoView();
  }

  function csv() {
    const {columns, count, label} = payload.runs[Number(form.run.value)];
    const keys = Object.keys(columns);
    const cell = (value) => {
      const text = value === null ? '' : String(value);
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [keys.join(',')];
    for (let row = 0; row < count; row++) lines.push(keys.map((key) => cell(columns[key][row])).join(','));
    const anchor = document.createElement('a');
    anchor.href = URL.createObjectURL(new Blob([`${lines.join('\n')}\n`], {type: 'text/csv'}));
    anchor.download = `${label.replace(/[^\w.-]+/g, '_')}.csv`;
    anchor.click();
    URL.revokeObjectURL(anchor.href);
  }

  function attempts() {
    form.hidden = false;
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', (event) => {
      if (event.target === form.run) outcomes();
      limit = PAGE_ROWS;
      marked = null;
      fill();
    });
    byId('more').addEventListener('click', () => { limit += 10 * PAGE_ROWS; fill(); });
    byId('save').addEventListener('click', csv);
    outcomes();
    fill();
  }

  async function start() {
    enlarge();
    if (!('DecompressionStream' in window)) {
      trouble('This browser is too old for the charts (it lacks DecompressionStream); any browser since 2023 shows them.');
      return;
    }
    payload = JSON.parse(await unpack('payload'));
    attempts();
    const library = document.createElement('script');
    library.textContent = await unpack('plotly');
    document.head.append(library);
    await drawAll();
    toggleRuns();
    followTheme();
    followWidth();
    link();
    root.dataset.ready = 'true';
  }

  start().catch((error) => {
    trouble(`The charts could not be drawn: ${error.message}`);
    root.dataset.ready = 'failed';
  });
})();
