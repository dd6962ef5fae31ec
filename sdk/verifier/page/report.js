// What the verifier said, laid out. Nothing here is worked out: each line is a member of the report or of a step.

import { make } from './dom.js';
import { HEADS, LEVELS, SOURCES, bytes, count, kindOf, ruleWords, short, visible } from './words.js';

const hash = (text) => make('bdi', { class: 'hash', title: text }, visible(text));

function brief(text) {
  return make('bdi', { class: 'hash', title: text }, short(visible(text)));
}

function fact(name, ...values) {
  return make('div', {}, make('dt', {}, name), make('dd', {}, ...values));
}

function names(keys) {
  if (keys.length === 0) return ['none'];
  const each = keys.map(({ name, key }) => make('li', {}, make('bdi', {}, visible(name ?? short(typeof key === 'string' ? key : key.key)))));
  return [make('ul', { class: 'plainlist' }, ...each)];
}

/** Rows of the list of facts. */
export function facts(report) {
  const { log, payload, presentation, attestation } = report;
  const rows = [
    fact('Who acted', make('bdi', {}, visible(report.subject))),
    fact('With the key', brief(report.key), report.kid === undefined ? '' : ` (${visible(report.kid)} in the anchor)`),
    fact('Session', hash(report.session)),
    fact('Steps', `${count(report.steps, 'step')}, ${report.complete ? 'closed: none is missing' : 'not closed'}`),
    fact('When', make('time', {}, report.opened_at), ' to ', make('time', {}, report.last_at), ', as the actor states'),
    fact('Derives from', report.sources.length === 0 ? 'no declared source' : report.sources.map((source) => SOURCES[source] ?? source).join(', ')),
    fact('Integrity', make('span', { class: `tag ${report.integrity}` }, LEVELS[report.integrity] ?? report.integrity)),
  ];
  if (isJudged(log)) {
    rows.push(
      ...whichLog(log),
      fact('Its head', `${HEADS[log.verdict] ?? log.verdict}${log.threshold === undefined ? '' : ` (${log.threshold})`}`),
      fact('Signed by', ...names(log.log_keys)),
      fact('Witnesses', ...names(log.witnesses)),
    );
  }
  if (payload !== undefined) {
    const shown = payload.shown ? 'in the bundle, and it is what the closing binds' : 'bound by its hash, not shown';
    const of = payload.of === 'canonical-json' ? ', the hash of its canonical JSON' : '';
    rows.push(fact('Payload', `${shown}: `, brief(payload.hash), of));
  }
  if (presentation !== undefined) {
    const { audience, nonce, expires } = presentation;
    rows.push(fact('Shown to', make('bdi', {}, visible(audience)), ', nonce ', make('bdi', {}, visible(nonce)), `, until ${expires}`));
  }
  for (const [place, rule] of report.flow.entries()) rows.push(fact(`Rule ${place + 1}`, make('bdi', {}, visible(ruleWords(rule)))));
  if (attestation !== undefined) rows.push(fact('Attested', count(attestation.length, 'artifact')));
  return rows;
}

const isJudged = ({ verdict }) => verdict in HEADS;

const whichLog = (log) => [fact('Log', make('bdi', {}, visible(log.origin)), `, ${count(log.size, 'entry', 'entries')}`)];

/** Rows of what the bundle says of a log that nobody judged. */
export function claimed({ log }) {
  return isJudged(log) ? [] : [...whichLog(log), fact('Root', hash(log.root))];
}

/** One item for each thing that is open. */
export function open(report) {
  return report.not_proven.map((sentence) => make('li', {}, make('bdi', {}, visible(sentence))));
}

/** The chosen step, whole. `choose(sequence)` goes to another one. */
export function stepDetails(step, parents, choose) {
  const link = (parent) => {
    const { sequence } = parent;
    const button = make('button', { type: 'button', class: 'chip' }, `${sequence} ${kindOf(parent)}`);
    button.onclick = () => choose(sequence);
    return button;
  };
  const rows = [];
  if (step.name !== undefined) rows.push(fact(NAMES[step.kind] ?? 'Name', make('bdi', {}, visible(step.name))));
  if (step.model !== undefined) rows.push(fact('Model', make('bdi', {}, visible(step.model))));
  rows.push(fact('Derives from', ...(parents.length === 0 ? ['no other step'] : parents.map(link))));
  if (step.source !== undefined) rows.push(fact('Brings in', `${SOURCES[step.source] ?? step.source}, as the actor declares`));
  rows.push(
    fact('Integrity', make('span', { class: `tag ${step.integrity}` }, LEVELS[step.integrity] ?? step.integrity), ' ', step.sources.map((source) => SOURCES[source] ?? source).join(', ')),
    fact('When', make('time', {}, step.timestamp)),
  );
  for (const [name, value] of Object.entries(step.attributes ?? {})) {
    rows.push(fact('Attribute', make('bdi', {}, visible(name)), ' = ', make('bdi', {}, visible(value))));
  }
  if (step.media_type !== undefined) rows.push(fact('Media type', make('bdi', {}, visible(step.media_type))));
  rows.push(fact('Receipt', hash(step.hash)));
  return [
    make('h3', {}, `Step ${step.sequence}: ${kindOf(step)}`),
    make('dl', { class: 'facts' }, ...rows),
    ...content(step),
  ];
}

const NAMES = { tool_call: 'Tool', model_call: 'Provider', retrieval: 'Address', artifact: 'Name' };

function content(step) {
  const title = (text) => make('h4', {}, text);
  const box = (text) => make('pre', { class: 'box', tabindex: '0' }, make('bdi', {}, visible(text, { lines: true })));
  switch (step.content) {
    case 'inline':
      return [title('Content, in the receipt'), box(readable(step.content_inline))];
    case 'hashed':
      return [title('Content, elsewhere'), make('p', { class: 'faint' }, `${bytes(step.content_length)} with this hash:`), box(step.content_hash)];
    case 'sealed': {
      const length = bytes(step.content_length);
      if (step.content_shown !== undefined) {
        return [title('Content, sealed and shown'), make('p', { class: 'faint' }, `${length}, which are what the step committed to:`), box(decoded(step.content_shown))];
      }
      return [title('Content, sealed'), make('p', { class: 'faint' }, `${length}, not shown. The step committed to them:`), box(step.content_commitment)];
    }
    default:
      return [make('p', { class: 'faint' }, 'This step has no content.')];
  }
}

/** A JSON string as its text; anything else as the JSON that it is. */
function readable(json) {
  return json.startsWith('"') ? JSON.parse(json) : json;
}

function decoded(base64) {
  const raw = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
  } catch {
    return [...raw].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}
