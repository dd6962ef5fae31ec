// What is loaded, what is asked of the verifier, and what it answered last.

import { byId, make, svg } from './dom.js';
import { graphOf, mark } from './graph.js';
import { claimed, facts, open, stepDetails } from './report.js';
import { applicable } from './tamper.js';
import { LEVELS, bytes, count, headline, reason, visible } from './words.js';

/** Longer texts are verified, and neither shown to edit nor tampered with. */
const EDITABLE = 16 << 20;
/** Longer texts are not put into a text box: browsers lay out every line of them. */
const TYPED = 1 << 20;

const FILES = ['bundle', 'anchor'];
const state = { original: { bundle: undefined, anchor: undefined }, now: { bundle: undefined, anchor: undefined } };
let asked = 0;
let worker;
let graph;

// ---- The verifier

async function start() {
  const text = byId('module').textContent;
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  const module = await new Response(unpacked).arrayBuffer();
  byId('module-size').textContent = bytes(module.byteLength);
  const address = URL.createObjectURL(new Blob([byId('worker').textContent], { type: 'text/javascript' }));
  worker = new Worker(address);
  worker.onmessage = ({ data }) => {
    if (data.id === asked) answered(data);
  };
  worker.onerror = () => broken('The verifier could not be started, or broke off.');
  worker.postMessage(module, [module]);
}

function broken(message) {
  asked += 1;
  worker?.terminate();
  worker = undefined;
  answered({ error: { code: 'internal', message } });
}

function verify() {
  const { bundle, anchor } = state.now;
  // Whatever is still being judged is not what is loaded now.
  asked += 1;
  clearProven();
  if (bundle === undefined && anchor === undefined) return verdict('idle', 'Nothing to verify yet', 'Give a bundle and a trust anchor.');
  if (bundle === undefined) return verdict('idle', 'A bundle is missing', 'Give the bundle that the anchor is to judge.');
  if (anchor === undefined) {
    return verdict('lacking', 'Not verified: there is no trust anchor', 'A bundle says nothing by itself: anybody can make one. Give the trust anchor that says whom you believe, and take it from somewhere else than the bundle.');
  }
  if (worker === undefined) return broken('The verifier is not running.');
  verdict('busy', 'Verifying…', `${bytes(sizeOf(bundle))}`);
  worker.postMessage({ id: asked, bundle, anchor });
  return undefined;
}

function answered({ ok, error }) {
  if (error !== undefined) {
    const [what, advice] = reason(error.code);
    verdict('refused', 'Refused', what, { code: error.code, message: error.message, advice });
    return;
  }
  const { report, steps } = ok;
  const said = report.complete ? `${count(report.steps, 'step')}. None was changed, moved or dropped since.` : `${count(report.steps, 'step')} of a session that was not closed: more may have followed.`;
  const { kind, title, lone } = headline(report);
  verdict(kind, visible(title), [make('bdi', {}, visible(report.subject)), ` signed ${said}${lone}`]);
  byId('facts').replaceChildren(...facts(report));
  const unchecked = claimed(report);
  byId('claimed').replaceChildren(...unchecked);
  byId('claimed-part').hidden = unchecked.length === 0;
  byId('open').replaceChildren(...open(report));
  byId('proven').hidden = false;
  graph = graphOf(byId('graph'), steps, (step, parents) => {
    byId('step').replaceChildren(...stepDetails(step, parents, (sequence) => graph?.pick(sequence)));
  });
}

function clearProven() {
  graph?.leave();
  graph = undefined;
  byId('proven').hidden = true;
  for (const id of ['facts', 'claimed', 'open', 'graph', 'step']) byId(id).replaceChildren();
}

function verdict(kind, title, text, { code, message, advice } = {}) {
  byId('verdict').className = `verdict ${kind}`;
  byId('verdict-title').textContent = title;
  byId('verdict-text').replaceChildren(...[text].flat());
  const line = byId('verdict-code');
  line.hidden = code === undefined;
  line.replaceChildren(make('code', {}, code ?? ''), ' ', make('bdi', {}, visible(message ?? '')));
  byId('verdict-advice').hidden = advice === undefined;
  byId('verdict-advice').textContent = advice ?? '';
  document.title = `${title} · Quorate`;
}

// ---- Files

function sizeOf(file) {
  return typeof file === 'string' ? new TextEncoder().encode(file).length : file.length;
}

/** The text of a file, or undefined if it is not UTF-8. */
function textOf(file) {
  if (file === undefined || typeof file === 'string') return file;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file);
  } catch {
    return undefined;
  }
}

function load(which, file, from) {
  state.original[which] = file;
  for (const one of FILES) state.now[one] = state.original[one];
  byId(`${which}-state`).textContent = file === undefined ? from : `${visible(from)}, ${bytes(sizeOf(file))}`;
  byId(`drop-${which}`).classList.toggle('given', file !== undefined);
  const text = file === undefined || file.length <= TYPED ? textOf(file) : undefined;
  byId(`text-${which}`).value = text ?? '';
  byId(`text-${which}`).disabled = file !== undefined && text === undefined;
  offer();
  verify();
}

async function take(which, file) {
  if (file !== undefined) load(which, new Uint8Array(await file.arrayBuffer()), file.name);
}

/** A guess which of the two a dropped file is; a wrong one is refused by the verifier. */
async function kindOf(file) {
  const head = await file.slice(0, 4096).text();
  return /^\s*\{\s*"(bundle|checkpoint|payload|payloadType)"/.test(head) ? 'bundle' : 'anchor';
}

for (const which of FILES) {
  const input = byId(`file-${which}`);
  input.onchange = () => take(which, input.files[0]).finally(() => { input.value = ''; });
  const box = byId(`text-${which}-box`);
  const button = byId(`paste-${which}`);
  button.onclick = () => {
    box.hidden = !box.hidden;
    button.setAttribute('aria-expanded', String(!box.hidden));
    if (!box.hidden) byId(`text-${which}`).focus();
  };
  let soon;
  byId(`text-${which}`).oninput = ({ target }) => {
    clearTimeout(soon);
    soon = setTimeout(() => {
      const text = target.value;
      state.original[which] = text === '' ? undefined : text;
      for (const one of FILES) state.now[one] = state.original[one];
      byId(`${which}-state`).textContent = text === '' ? 'Nothing is given.' : `Typed or pasted, ${bytes(sizeOf(text))}`;
      byId(`drop-${which}`).classList.toggle('given', text !== '');
      offer();
      verify();
    }, 250);
  };
}

const dropped = (event) => event.target.closest?.('#drop-bundle, #drop-anchor')?.id.slice(5);
document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add('dragging');
};
document.ondragleave = (event) => {
  if (event.relatedTarget === null) document.body.classList.remove('dragging');
};
document.ondrop = async (event) => {
  event.preventDefault();
  document.body.classList.remove('dragging');
  const files = [...event.dataTransfer.files];
  const zone = dropped(event);
  for (const file of files.slice(0, 2)) await take(files.length === 1 && zone !== undefined ? zone : await kindOf(file), file);
};

// ---- Tampering

function offer() {
  const [bundle, anchor] = FILES.map((which) => textOf(state.original[which]));
  byId('change').hidden = true;
  const fit = bundle !== undefined && anchor !== undefined && bundle.length <= EDITABLE && anchor.length <= EDITABLE;
  byId('tampering').hidden = !fit;
  byId('tampers').replaceChildren();
  if (!fit) return;
  for (const { id, name, change } of applicable(bundle, anchor)) {
    if (change === undefined) continue;
    const button = make('button', { type: 'button', id: `tamper-${id}`, 'aria-pressed': 'false' }, name);
    button.onclick = () => tamper(button, change);
    byId('tampers').append(button);
  }
}

function tamper(button, { what, file, text, before, after }) {
  restore();
  state.now[file] = text;
  button.setAttribute('aria-pressed', 'true');
  byId('change-what').textContent = visible(what);
  for (const [id, parts, name] of [['change-before', before, 'del'], ['change-after', after, 'ins']]) {
    const [open, from, middle, to, end] = parts.map((part) => visible(part.length > 600 ? `${part.slice(0, 600)}…` : part));
    byId(id).replaceChildren(open, from, make(name, {}, middle === '' ? '(nothing)' : middle), to, end);
  }
  byId('change').hidden = false;
  verify();
}

function restore() {
  for (const which of FILES) state.now[which] = state.original[which];
  for (const button of byId('tampers').children) button.setAttribute('aria-pressed', 'false');
  byId('change').hidden = true;
}

byId('restore').onclick = () => {
  const pressed = byId('tampers').querySelector('[aria-pressed=true]');
  restore();
  verify();
  pressed?.focus();
};

// ---- The example, and a session of the node that serves this page

function showDemo() {
  const { bundle, anchor } = JSON.parse(byId('demo').textContent);
  load('bundle', bundle, 'The example’s bundle');
  load('anchor', anchor, 'The example’s anchor');
  byId('demo-note').hidden = false;
  byId('try').hidden = true;
}

function leaveDemo() {
  load('bundle', undefined, 'The session’s file: *.bundle.json, a presentation or an attestation.');
  load('anchor', undefined, 'Whom you believe. Never take it from whoever shows you the bundle.');
  byId('demo-note').hidden = true;
  byId('try').hidden = false;
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search);
}

async function fromNode(session) {
  byId('bundle-state').textContent = 'Asking the node for the session’s bundle…';
  try {
    const answer = await fetch(`/sessions/${session}/bundle`);
    if (answer.ok) return load('bundle', new Uint8Array(await answer.arrayBuffer()), 'The session’s bundle, from this node');
    const why = answer.status === 401 ? 'It is restricted: log in to the console first.' : visible((await answer.text()).slice(0, 300));
    byId('bundle-state').textContent = `The node did not give the bundle. ${why}`;
  } catch {
    byId('bundle-state').textContent = 'The bundle could not be fetched from where this page came from.';
  }
  return undefined;
}

byId('show-demo').onclick = showDemo;
byId('leave-demo').onclick = leaveDemo;
for (const [level, name] of Object.entries(LEVELS)) {
  const drawing = svg('svg', { viewBox: '-10 -10 20 20', width: 16, height: 16, 'aria-hidden': 'true' }, mark(level, 0, 0));
  byId('legend').append(make('li', {}, drawing, ` ${name}`));
}

const started = start().catch((error) => broken(`The verifier could not be started: ${error.message}`));
const session = new URLSearchParams(location.search).get('session') ?? '';
if (location.hash === '#demo') started.then(showDemo);
else if (location.protocol.startsWith('http') && /^blake3:[0-9a-f]{64}$/.test(session)) started.then(() => fromNode(session));
