// The session as a picture: time runs down. Only what is in view is drawn, so that long sessions stay quick.

import { make, svg } from './dom.js';
import { ancestors, lanesOf } from './lanes.js';
import { LEVELS, SOURCES, clipped, kindOf, visible } from './words.js';

const ROW = 58;
/** Rows drawn beyond the edges of what is in view. */
const BEYOND = 6;
/** From here on the picture has a height of its own and scrolls. */
const TALL = 40;
/** As wide as lines may become, beside the text. */
const WIDEST = { narrow: 96, wide: 220 };

/** Draws into `place`; `choose(row)` is called with the step that was chosen. */
export function graphOf(place, steps, choose) {
  const { rows, edges, lanes } = lanesOf(steps);
  const drawing = svg('svg', { class: 'lines', 'aria-hidden': 'true' });
  const list = make('div', { class: 'rows' });
  place.replaceChildren(drawing, list);
  place.classList.toggle('tall', rows.length > TALL);
  const height = rows.length * ROW;
  list.style.height = `${height}px`;
  const items = new Map();
  let chosen;
  let lit;
  let asked;

  const gapOf = () => {
    const widest = place.clientWidth < 560 ? WIDEST.narrow : WIDEST.wide;
    return Math.min(26, widest / Math.max(lanes, 1));
  };
  const y = (row) => row * ROW + ROW / 2;

  function draw() {
    asked = undefined;
    const gap = gapOf();
    const left = 16 + lanes * gap;
    const x = (row) => 18 + rows[row].lane * gap;
    const tall = rows.length > TALL;
    const top = tall ? Math.max(0, Math.floor(place.scrollTop / ROW) - BEYOND) : 0;
    const seen = tall ? Math.ceil(place.clientHeight / ROW) + 2 * BEYOND : rows.length;
    const end = Math.min(rows.length, top + seen);
    // The picture covers what is drawn, and no more: browsers dislike one of a million pixels.
    const offset = top * ROW;
    drawing.style.top = `${offset}px`;
    drawing.setAttribute('width', left);
    drawing.setAttribute('height', (end - top) * ROW);
    drawing.setAttribute('viewBox', `0 ${offset} ${left} ${(end - top) * ROW}`);
    const shown = edges.filter(({ from, to }) => to >= top && from < end);
    const isOn = ({ from, to }) => lit !== undefined && lit.has(from) && lit.has(to);
    const line = (edge) => {
      const [x1, y1, x2, y2] = [x(edge.from), y(edge.from), x(edge.to), y(edge.to)];
      const bend = Math.max(y1, y2 - ROW);
      const way = `M${x1} ${y1}V${bend}C${x1} ${bend + ROW * 0.6} ${x2} ${y2 - ROW * 0.6} ${x2} ${y2}`;
      return svg('path', { d: way, class: isOn(edge) ? 'on' : lit === undefined ? '' : 'off' });
    };
    const order = [...shown.filter((edge) => !isOn(edge)), ...shown.filter(isOn)];
    const marks = [];
    for (let row = top; row < end; row += 1) {
      marks.push(mark(rows[row].step.integrity, x(row), y(row), lit !== undefined && !lit.has(row)));
    }
    drawing.replaceChildren(...order.map(line), ...marks);
    // An element that is put in anew between press and release gets no click, so those that stay are left alone.
    for (const [row, element] of items) {
      if (row < top || row >= end) {
        element.remove();
        items.delete(row);
      }
    }
    for (let row = top; row < end; row += 1) {
      if (!items.has(row)) {
        items.set(row, item(row));
        const after = [...items.keys()].filter((other) => other > row);
        list.insertBefore(items.get(row), after.length === 0 ? null : items.get(Math.min(...after)));
      }
      const element = items.get(row);
      element.style.paddingLeft = `${left}px`;
      element.classList.toggle('off', lit !== undefined && !lit.has(row));
      element.setAttribute('aria-selected', String(row === chosen));
    }
    if (items.has(chosen)) place.setAttribute('aria-activedescendant', `row-${chosen}`);
    else place.removeAttribute('aria-activedescendant');
  }

  function item(row) {
    const { step } = rows[row];
    const name = step.name === undefined ? undefined : make('bdi', { class: 'name' }, clipped(visible(step.name), 80));
    const source = step.source === undefined ? undefined : make('span', { class: 'tag' }, SOURCES[step.source] ?? step.source);
    const state = make('span', { class: `tag ${step.integrity}` }, LEVELS[step.integrity] ?? step.integrity);
    const element = make(
      'div',
      {
        id: `row-${row}`,
        class: 'row',
        role: 'option',
        'aria-setsize': rows.length,
        'aria-posinset': row + 1,
        'aria-label': labelOf(step),
      },
      make('span', { class: 'line' }, make('span', { class: 'number' }, String(step.sequence)), make('span', { class: 'kind' }, kindOf(step)), name),
      make('span', { class: 'line small' }, source, state, make('time', {}, timeOf(step.timestamp))),
    );
    element.style.top = `${row * ROW}px`;
    element.dataset.row = String(row);
    return element;
  }

  function labelOf(step) {
    const from = step.parents.length === 0 ? 'derives from no other step' : `derives from ${rowsText(step)}`;
    const named = step.name === undefined ? '' : ` ${clipped(visible(step.name), 80)}`;
    return `Step ${step.sequence}, ${kindOf(step)}${named}, ${LEVELS[step.integrity] ?? step.integrity}, ${from}`;
  }

  function rowsText(step) {
    const numbers = rows[step.sequence - 1]?.parents.map((parent) => rows[parent].step.sequence) ?? [];
    return numbers.length > 8 ? `${numbers.length} steps` : numbers.join(', ');
  }

  function redraw() {
    asked ??= requestAnimationFrame(draw);
  }

  function light(row) {
    lit = row === undefined ? undefined : ancestors(rows, row);
    redraw();
  }

  function pick(row, focus) {
    chosen = row;
    light(row);
    choose(rows[row].step, rows[row].parents.map((parent) => rows[parent].step));
    if (focus) reveal(row);
  }

  function reveal(row) {
    if (rows.length <= TALL) {
      items.get(row)?.scrollIntoView({ block: 'nearest' });
      return;
    }
    const [from, to] = [row * ROW, (row + 1) * ROW];
    if (from < place.scrollTop) place.scrollTop = from;
    else if (to > place.scrollTop + place.clientHeight) place.scrollTop = to - place.clientHeight;
  }

  const rowOf = (event) => {
    const found = event.target.closest?.('[data-row]');
    return found === null || found === undefined ? undefined : Number(found.dataset.row);
  };
  let over;
  place.onclick = (event) => {
    const row = rowOf(event);
    if (row !== undefined) pick(row, false);
  };
  place.onmousemove = (event) => {
    const row = rowOf(event);
    if (row === over) return;
    over = row;
    light(row ?? chosen);
  };
  place.onmouseleave = () => {
    over = undefined;
    light(chosen);
  };
  place.onkeydown = (event) => {
    const to = {
      ArrowDown: (chosen ?? -1) + 1,
      ArrowUp: (chosen ?? 1) - 1,
      PageDown: (chosen ?? 0) + 10,
      PageUp: (chosen ?? 0) - 10,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey || rows.length === 0) return;
    event.preventDefault();
    pick(Math.min(rows.length - 1, Math.max(0, to)), true);
  };
  place.onscroll = redraw;
  const watching = new ResizeObserver(redraw);
  watching.observe(place);
  draw();
  if (rows.length > 0) pick(rows.length - 1, false);
  return { pick: (sequence) => pick(sequence - 1, true), leave: () => watching.disconnect() };
}

/** A shape for each level: a circle, a square on its corner, a triangle. */
export function mark(level, x, y, off = false) {
  const attributes = { class: `mark ${level}${off ? ' off' : ''}` };
  if (level === 'adversarial') return svg('path', { ...attributes, d: `M${x} ${y - 8.5}L${x + 8.5} ${y + 6.5}H${x - 8.5}Z` });
  if (level === 'untrusted') return svg('path', { ...attributes, d: `M${x} ${y - 8.5}L${x + 8.5} ${y}L${x} ${y + 8.5}L${x - 8.5} ${y}Z` });
  return svg('circle', { ...attributes, cx: x, cy: y, r: 7 });
}

function timeOf(timestamp) {
  return timestamp.replace('T', ' ').replace(/(\.\d+)?Z$/, '');
}
