// Changes of the loaded texts, one place each. A change answers `{ what, file, text, before, after }`, or undefined where the
// text has no such place. What comes of it is the verifier's to say.

import { at, placed, spliced, stringOf } from './json.js';

/** A valid Ed25519 key of nobody's: the first of RFC 8032, section 7.1. */
const OTHER_KEY = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';

/** How much of an unchanged text is shown around a change. */
const AROUND = 36;

export const TAMPERS = [
  { id: 'payload', name: 'Payload', of: payload },
  { id: 'tool', name: 'A tool’s name', of: tool },
  { id: 'attribute', name: 'An attribute', of: attribute },
  { id: 'order', name: 'Order of two steps', of: order },
  { id: 'last', name: 'Drop the last step', of: last },
  { id: 'parent', name: 'A parent', of: parent },
  { id: 'cosignature', name: 'A co-signature', of: cosignature },
  { id: 'anchor-key', name: 'Anchor: another key', of: anchorKey },
  { id: 'anchor-threshold', name: 'Anchor: a higher threshold', of: anchorThreshold },
];

/** Those that fit these texts, each with what it makes of them. */
export function applicable(bundle, anchor) {
  const texts = { bundle, anchor, bundleRoot: placed(bundle), anchorRoot: placed(anchor) };
  // A presentation has the bundle inside.
  texts.inner = at(texts.bundleRoot, 'bundle') ?? texts.bundleRoot;
  return TAMPERS.map(({ id, name, of }) => ({ id, name, change: of(texts) }));
}

function changed(what, file, text, node, put) {
  const from = Math.max(0, node.start - AROUND);
  const until = Math.min(text.length, node.end + AROUND);
  const shown = (middle) => [from > 0 ? '…' : '', text.slice(from, node.start), middle, text.slice(node.end, until), until < text.length ? '…' : ''];
  return {
    what,
    file,
    text: spliced(text, node, put),
    before: shown(text.slice(node.start, node.end)),
    after: shown(put),
  };
}

/** Another string of the same length: its first letter or digit is another one. */
function other(string) {
  const place = string.search(/[0-9A-Za-z]/);
  if (place < 0) return `${string}x`;
  const put = string[place] === 'x' ? 'y' : 'x';
  return string.slice(0, place) + put + string.slice(place + 1);
}

function steps({ inner }) {
  return at(inner, 'steps')?.items ?? [];
}

function kindOf(text, step) {
  return stringOf(text, at(step, 'type'));
}

function payload({ bundle, inner }) {
  let node = at(inner, 'payload');
  if (node === undefined) return undefined;
  while (node.kind === 'object' || node.kind === 'array') {
    const inside = node.kind === 'object' ? [...node.members.values()] : node.items;
    if (inside.length === 0) return changed('The payload is another value.', 'bundle', bundle, node, '1');
    const plain = inside.find(({ kind }) => kind === 'string' || kind === 'other');
    node = plain ?? inside[0];
  }
  const was = bundle.slice(node.start, node.end);
  const string = stringOf(bundle, node);
  let put = was === '1' ? '2' : '1';
  if (string !== undefined) put = JSON.stringify(other(string));
  else if (was === 'true') put = 'false';
  else if (was === 'false') put = 'true';
  return changed('A value in the payload is another one.', 'bundle', bundle, node, put);
}

function tool(texts) {
  const { bundle } = texts;
  for (const [n, step] of steps(texts).entries()) {
    const node = at(step, 'step', 'tool');
    const name = stringOf(bundle, node);
    if (name !== undefined) return changed(`Step ${n} calls another tool.`, 'bundle', bundle, node, JSON.stringify(other(name)));
  }
  return undefined;
}

function attribute(texts) {
  const { bundle } = texts;
  for (const [n, step] of steps(texts).entries()) {
    for (const [name, node] of at(step, 'attributes')?.members ?? []) {
      const value = stringOf(bundle, node);
      if (value !== undefined) {
        const put = JSON.stringify(/^[0-9]+$/.test(value) ? String(Number(value[0] === '9' ? 0 : 9)) : other(value));
        return changed(`The attribute ${JSON.stringify(name)} of step ${n} has another value.`, 'bundle', bundle, node, put);
      }
    }
  }
  return undefined;
}

function order(texts) {
  const { bundle } = texts;
  const all = steps(texts);
  for (let n = all.length - 2; n > 0; n -= 1) {
    const [one, two] = [all[n], all[n + 1]];
    if (kindOf(bundle, one) === 'session_step' && kindOf(bundle, two) === 'session_step') {
      const text = (node) => bundle.slice(node.start, node.end);
      const put = `${text(two)},${text(one)}`;
      const whole = changed(`Steps ${n} and ${n + 1} have changed places.`, 'bundle', bundle, { start: one.start, end: two.end }, put);
      const brief = (from, to) => ['', '…', `step ${from}, step ${to}`, '…', ''];
      return { ...whole, before: brief(n, n + 1), after: brief(n + 1, n) };
    }
  }
  return undefined;
}

function last(texts) {
  const all = steps(texts);
  if (all.length < 2) return undefined;
  const [before, gone] = [all.at(-2), all.at(-1)];
  const kind = kindOf(texts.bundle, gone) === 'session_closed' ? 'The closing, which counts the steps,' : 'The last step';
  return changed(`${kind} is left out.`, 'bundle', texts.bundle, { start: before.end, end: gone.end }, '');
}

function parent(texts) {
  const { bundle } = texts;
  const all = steps(texts);
  for (let n = all.length - 1; n > 0; n -= 1) {
    const node = at(all[n], 'parents', 0);
    const hash = stringOf(bundle, node);
    const instead = stringOf(bundle, at(all[1], 'root_hash'));
    if (hash !== undefined && n > 1 && instead !== undefined) {
      const put = hash === instead ? `blake3:${'0'.repeat(64)}` : instead;
      return changed(`Step ${n} is said to derive from another step.`, 'bundle', bundle, node, JSON.stringify(put));
    }
  }
  return undefined;
}

function cosignature({ bundle, inner }) {
  const node = at(inner, 'checkpoint');
  const note = stringOf(bundle, node);
  if (note === undefined) return undefined;
  const lines = note.split('\n');
  // The log signs under its origin, which is the first line, and may do so with several keys.
  const signed = lines.flatMap((line, n) => (/^— \S+ \S+$/.test(line) && line.split(' ')[1] !== lines[0] ? [n] : []));
  if (signed.length === 0) return undefined;
  const line = lines[signed.at(-1)];
  // Within the last groups of four, which hold signature and no padding.
  const place = line.length - 12;
  lines[signed.at(-1)] = line.slice(0, place) + (line[place] === 'A' ? 'B' : 'A') + line.slice(place + 1);
  const made = changed('', 'bundle', bundle, node, JSON.stringify(lines.join('\n')));
  const brief = (text) => ['', '— … ', text.slice(place - 8, place + 12), '', ''];
  const what = `One character of the co-signature by ${line.split(' ')[1]} is another one.`;
  return { ...made, what, before: brief(line), after: brief(lines[signed.at(-1)]) };
}

function anchorKey({ anchor, anchorRoot }) {
  const keys = at(anchorRoot, 'trust_jwks', 'keys')?.items ?? at(anchorRoot, 'keys')?.items ?? [];
  for (const key of keys) {
    const node = at(key, 'x');
    if (node !== undefined) return changed('The anchor trusts another actor’s key.', 'anchor', anchor, node, JSON.stringify(OTHER_KEY));
  }
  return undefined;
}

function anchorThreshold({ anchor, anchorRoot }) {
  const number = at(anchorRoot, 'cosignature_threshold');
  const witnesses = at(anchorRoot, 'trusted_witnesses_hex')?.items?.length ?? 0;
  if (number !== undefined && anchor.slice(number.start, number.end) !== String(witnesses)) {
    return changed('The anchor asks for every witness.', 'anchor', anchor, number, String(witnesses));
  }
  const node = at(anchorRoot, 'policy');
  const policy = stringOf(anchor, node);
  const root = /^quorum[ \t]+(\S+)/m.exec(policy ?? '')?.[1];
  if (root === undefined) return undefined;
  const lines = policy.split('\n');
  for (const [n, line] of lines.entries()) {
    const [word, name, required, ...members] = line.trim().split(/[ \t]+/);
    if (word === 'group' && name === root && required !== 'all' && required !== String(members.length)) {
      lines[n] = ['group', name, members.length, ...members].join(' ');
      const made = changed('The anchor asks for every member of the quorum.', 'anchor', anchor, node, JSON.stringify(lines.join('\n')));
      const brief = (text) => ['', '', text, '', ''];
      return { ...made, before: brief(line), after: brief(lines[n]) };
    }
  }
  return undefined;
}
