// Arguments are checked and answers turned into objects and exceptions; every rule is in the module.

import load, {
  checkPolicy as checkPolicyText,
  verifyBundle as verifyBundleText,
  verifyProof as verifyProofText,
  verifySteps as verifyStepsText,
} from './wasm/quorate_verifier.js';

/** Why there is no report. `code` is for programs and does not change; `message` is for people and may. */
export class VerifierError extends Error {
  constructor(code, message, options) {
    super(message, options);
    this.name = 'VerifierError';
    this.code = code;
  }
}

let ready = false;
let trap;

/** Loads the module; again, it does nothing. */
export default async function init(source) {
  await load(source === undefined ? undefined : { module_or_path: source });
  ready = true;
}

/** Verifies a bundle or a presentation by a trust anchor. */
export function verifyBundle(bundle, trustAnchor, options) {
  return ask(verifyBundleText, bytes('bundle', bundle), bytes('trustAnchor', trustAnchor), optionsText(options));
}

/** The same, with every step. */
export function steps(bundle, trustAnchor, options) {
  return ask(verifyStepsText, bytes('bundle', bundle), bytes('trustAnchor', trustAnchor), optionsText(options));
}

/** Verifies that a log which the policy trusts holds an entry, byte for byte. */
export function verifyProof(proof, entry, policy) {
  return ask(verifyProofText, bytes('proof', proof), bytes('entry', entry), bytes('policy', policy));
}

/** What a policy says, and every line of it that is wrong. */
export function checkPolicy(policy) {
  return ask(checkPolicyText, bytes('policy', policy));
}

const encoder = new TextEncoder();

function bytes(name, value) {
  // Not `instanceof`: bytes from another frame or realm have another class, and the same tag.
  if (ArrayBuffer.isView(value) && value[Symbol.toStringTag] === 'Uint8Array') return value;
  if (typeof value !== 'string') {
    throw new VerifierError('input-invalid', `\`${name}\` must be a string or a Uint8Array: the file as it is, not parsed`);
  }
  // UTF-8 has no lone surrogates. The encoder would put U+FFFD in their place, and another text would be judged.
  if (/\p{Surrogate}/u.test(value)) {
    throw new VerifierError('input-invalid', `\`${name}\` is no well-formed text: it has a lone surrogate`);
  }
  return encoder.encode(value);
}

function optionsText(options = {}) {
  if (options === null || typeof options !== 'object' || Array.isArray(options)) {
    throw new VerifierError('options-invalid', 'the options must be an object');
  }
  const given = Object.entries(options);
  for (const [name, value] of given) {
    // JSON would leave the member out: a check that somebody asked for would not be made.
    if (typeof value !== 'string') throw new VerifierError('options-invalid', `\`${name}\` must be a string`);
  }
  return JSON.stringify({ now: new Date().toISOString(), ...Object.fromEntries(given) });
}

function ask(question, ...args) {
  if (trap !== undefined) throw trap;
  if (!ready) throw new VerifierError('not-initialized', 'call `await init()` first');
  let text;
  try {
    text = question(...args);
  } catch (cause) {
    // The module's memory is in no known state any more, so nothing that it says would count.
    trap = new VerifierError('internal', 'the verifier broke off; load it anew', { cause });
    throw trap;
  }
  const { ok, error } = JSON.parse(text);
  if (error !== undefined) throw new VerifierError(error.code, error.message);
  return ok;
}
