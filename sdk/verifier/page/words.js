// Words for people. Text of others is shown by `visible` and by `textContent` only.

/** Controls, marks that change the direction of text, invisible characters, lone surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0]/gu;

/** With every character that cannot be seen as an escape; `lines` keeps line breaks. */
export function visible(text, { lines = false } = {}) {
  return String(text).replace(UNSEEN, (character) => {
    if (lines && character === '\n') return character;
    return [...character].map((one) => `\\u{${one.codePointAt(0).toString(16)}}`).join('');
  });
}

/** At most so many characters. */
export function clipped(text, most) {
  const all = [...text];
  return all.length <= most ? text : `${all.slice(0, most - 1).join('')}…`;
}

/** The ends of a hash or key. */
export function short(hash) {
  const [head, rest] = hash.includes(':') ? hash.split(/:(.*)/s) : ['', hash];
  return `${head === '' ? '' : `${head}:`}${rest.length <= 20 ? rest : `${rest.slice(0, 8)}…${rest.slice(-6)}`}`;
}

export function bytes(count) {
  if (count < 1000) return `${count} bytes`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

const KINDS = {
  tool_call: 'Tool call',
  retrieval: 'Retrieval',
  artifact: 'Artifact',
  merge: 'Merge',
  note: 'Note',
};

/** Which kind a step is of. */
export function kindOf({ kind, direction }) {
  if (kind === 'model_call') return direction === 'prompt' ? 'Model prompt' : 'Model response';
  return KINDS[kind] ?? kind;
}

export const LEVELS = { trusted: 'trusted', untrusted: 'untrusted', adversarial: 'adversarial' };

export const SOURCES = {
  user: 'user',
  operator: 'operator',
  local_file: 'local file',
  memory: 'memory',
  rag_index: 'search index',
  web: 'web',
  tool: 'tool',
  undeclared: 'undeclared',
};

/** The quorum's rows in a few words: how many of whom co-signed. */
function quorumWords([root, ...rows]) {
  if (root.group === undefined) return `the witness “${root.name}” co-signed`;
  const { satisfied, members } = root.group;
  const lone = rows.every(({ group }) => group === undefined);
  return lone ? `${satisfied} of ${members} witnesses co-signed` : `the quorum “${root.name}” co-signed, ${satisfied} of its ${members} parts`;
}

/**
 * How far what was verified reaches: a class for its colour, a title, and what the title leaves out. A log that nobody was
 * asked about, or that nobody watched, never looks like one under a quorum.
 */
export function headline({ log }) {
  switch (log.verdict) {
    case 'quorate':
      return { kind: 'verified', title: `Verified: ${quorumWords(log.quorum)}`, lone: '' };
    case 'witnessed': {
      const found = count(log.witnesses.length, 'trusted witness', 'trusted witnesses');
      const asked = ` The anchor asks for ${log.threshold}.`;
      if (log.log_keys.length > 0) return { kind: 'verified', title: `Verified: ${found} co-signed`, lone: asked };
      return { kind: 'caution', title: `Signed, and ${found} co-signed; no particular log was asked for`, lone: `${asked} Which log this is, nobody checked.` };
    }
    case 'unwitnessed':
      return { kind: 'caution', title: 'Signed and logged; no quorum of witnesses was required', lone: ' Whoever controls the log’s machine could have rewritten it.' };
    default:
      return { kind: 'unjudged', title: 'Signed by its key only: no log was asked for', lone: ' Whoever has the key could have made this at any time, and another story beside it.' };
  }
}

const SINKS = { tool_call: 'tool call', artifact: 'artifact', payload: 'payload' };

/** What a rule of the anchor is about, what it asks, and how much it was about here. */
export function ruleWords({ sink, require, without = [], matched }) {
  const kind = SINKS[sink.kind] ?? sink.kind;
  const about = sink.name === undefined ? kind : sink.name === '*' ? `any ${kind}` : `${kind} “${sink.name}”`;
  const asks = [
    ...(require === undefined ? [] : [`${LEVELS[require] ?? require} or better`]),
    ...without.map((source) => `not from ${SOURCES[source] ?? source}`),
  ];
  const met = sink.kind === 'payload' ? 'kept' : `kept by ${count(matched, 'step')}`;
  return `${about}: ${asks.join(', ')}; ${matched === 0 ? 'about nothing here' : met}`;
}

/** Of a head that somebody vouches for. */
export const HEADS = {
  quorate: 'Quorate: as many witnesses co-signed as the policy asks for',
  unwitnessed: 'Signed by the log alone: the policy asks for no witness',
  witnessed: 'Co-signed by as many of the trusted witnesses as the anchor asks for',
};

/** What was refused, and what to do, by the first code that begins so. */
const REASONS = [
  ['anchor-invalid', 'This is no trust anchor.', 'Check the file, or write one with “quorate trust-anchor new”.'],
  ['bundle-malformed', 'The file is not in a bundle’s one form.', 'It was cut, changed or saved by another program. Ask for the file again, byte for byte.'],
  ['receipt-malformed', 'A receipt was changed: its text does not fit its own hash.', 'Somebody altered this step after it was recorded. Ask for the original.'],
  ['receipt-signature', 'A receipt is not signed by the session’s key.', 'Somebody altered or forged this step. Do not rely on it.'],
  ['receipt-out-of-order', 'The receipts do not follow one another.', 'Steps were moved, doubled or taken out. Ask for the original.'],
  ['receipt-count', 'Steps are missing, or there are too many.', 'The bundle was cut or added to. Ask for the original.'],
  ['parent-unknown', 'A step derives from something that is no earlier step.', 'The session was recorded wrongly or altered.'],
  ['step-count', 'The closing counts another number of steps.', 'Steps were dropped before the log saw them.'],
  ['incomplete', 'The session was not closed, so steps may be missing from its end.', 'Ask for the bundle of the closed session.'],
  ['payload-mismatch', 'The payload is not what the session led to.', 'Somebody exchanged the payload. Ask for the original.'],
  ['payload-unbound', 'The session binds no payload, and the anchor asks for one.', 'Ask for a session that was closed with its payload.'],
  ['content-mismatch', 'Shown content is not what a step sealed.', 'Somebody exchanged it. Ask for the original.'],
  ['cosignature-invalid', 'A witness’s co-signature is not valid.', 'The log’s head was altered, or the signature is forged.'],
  ['not-quorate', 'Too few trusted witnesses co-signed the log’s head.', 'Ask for a bundle that was exported after they did, or check whom your anchor asks for.'],
  ['too-old', 'The witnesses’ co-signatures are older than the anchor allows.', 'Ask for a fresh export.'],
  ['from-the-future', 'A time lies in the future of this computer’s clock.', 'Check the clock. If it is right, a witness’s was not.'],
  ['log-', 'The log’s head is not signed by a log that the anchor trusts.', 'Check that the anchor is meant for this log.'],
  ['signature-unknown', 'The log’s head has a signature that nobody could check.', 'Have the bundle exported for your policy.'],
  ['not-included', 'The log did not record these receipts.', 'They were made up, or belong to another log. Do not rely on them.'],
  ['actor-unknown', 'The key that signed the session is not in the trust anchor.', 'Check that the anchor is meant for this actor. If it is, somebody else signed this.'],
  ['actor-', 'The trust anchor does not let this key act here.', 'Check whom and for which time the anchor lets it act.'],
  ['session-', 'This is another session than the one stated or asked for.', 'Ask for the right bundle.'],
  ['flow-refused', 'A step derives from sources that the anchor keeps away from it.', 'The session is genuine so far, and breaks your rule.'],
  ['presentation-', 'The presentation does not hold for you, now.', 'Ask the holder for a new one, with your audience and nonce.'],
  ['attestation-', 'The attestation around the bundle does not hold.', 'Ask for the original.'],
  ['number-inexact', 'A number is too large for JavaScript to show exactly.', 'Verify with the command line: “quorate bundle verify”.'],
  ['internal', 'The verifier broke off.', 'Nothing is known of the file. Load the page anew, or verify with the command line.'],
];

export function reason(code) {
  const found = REASONS.find(([start]) => code.startsWith(start));
  return found === undefined ? ['The file was refused.', 'Do not rely on it.'] : found.slice(1);
}
