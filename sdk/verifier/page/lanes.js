// Where steps and lines stand: a row for each step, lanes beside one another, so that a line runs down its parent's lane until
// the row of its child.

/** `{ rows: [{ step, lane, parents }], edges: [{ from, to, lane }], lanes }`, rows counted from 0. */
export function lanesOf(steps) {
  const rowOf = new Map(steps.map(({ hash }, row) => [hash, row]));
  const parents = steps.map((step) => step.parents.map((hash) => rowOf.get(hash)).filter((row) => row !== undefined));
  const lastChild = new Array(steps.length).fill(-1);
  for (const [row, of] of parents.entries()) for (const parent of of) lastChild[parent] = row;
  // What a lane is kept for: the row of the last child of the step in it.
  const until = [];
  const laneOf = [];
  const rows = steps.map((step, row) => {
    const inherited = parents[row].filter((parent) => lastChild[parent] === row).map((parent) => laneOf[parent]);
    const free = until.findIndex((end) => end < row);
    let lane = Math.min(...inherited);
    if (inherited.length === 0) lane = free < 0 ? until.length : free;
    laneOf.push(lane);
    until[lane] = Math.max(lastChild[row], row);
    return { step, lane, parents: parents[row] };
  });
  const edges = rows.flatMap(({ parents: of }, to) => of.map((from) => ({ from, to })));
  return { rows, edges, lanes: until.length };
}

/** The rows of every step that this one derives from, and its own. */
export function ancestors(rows, row) {
  const found = new Set([row]);
  const open = [row];
  while (open.length > 0) {
    for (const parent of rows[open.pop()].parents) {
      if (!found.has(parent)) {
        found.add(parent);
        open.push(parent);
      }
    }
  }
  return found;
}
