// What `crates/edge/verifier-wasm/tests/module` wrote.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

const folder = new URL('./vectors/', import.meta.url);
const { files, cases } = JSON.parse(await readFile(new URL('cases.json', folder), 'utf8'));

/** `from` with `put` instead of `cut` bytes. */
export function spliced(from, at, cut, put) {
  return Buffer.concat([from.subarray(0, at), put, from.subarray(at + cut)]);
}

function argument({ text, file, at = 0, cut = 0, put = '' }) {
  if (text !== undefined) return Buffer.from(text);
  return spliced(Buffer.from(files[file]), at, cut, Buffer.from(put));
}

/** `{ name, call, args, answer }`, each argument as bytes. */
export const vectors = cases.map((one) => ({ ...one, args: one.args.map(argument) }));

export function vector(name) {
  const found = vectors.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case is named ${name}`);
  return found;
}

/** The lines of `mutants.txt`, or of another file of its form. */
export async function mutants(path = new URL('mutants.txt', folder)) {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const read = (line) => {
    // A name may have spaces, the rest has none.
    const [, name, which, at, cut, put, code, digest] = /^(.*) (\d+) (\d+) (\d+) (\S+) (\S+) (\S+)$/.exec(line);
    const { call, args } = vector(name);
    const changed = [...args];
    changed[which] = spliced(args[which], Number(at), Number(cut), Buffer.from(put === '-' ? '' : put, 'hex'));
    return { line, call, args: changed, code, digest };
  };
  return lines.map(read);
}

/** What the package answers, in the module's form. */
export function answered(verifier, call, args) {
  const last = args.at(-1);
  const given = call === 'verifyBundle' || call === 'steps' ? [...args.slice(0, -1), JSON.parse(last)] : args;
  try {
    return { ok: verifier[call](...given) };
  } catch (error) {
    if (!(error instanceof verifier.VerifierError)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

/** As `mutants.txt` has it, of an answer's text. */
export function digestOf(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/** The example's bundle and anchor. */
export const demo = await Promise.all(
  ['bundle', 'anchor'].map((name) => readFile(new URL(`../demo/${name}.json`, import.meta.url), 'utf8')),
);

/** What each change of the example must come to. */
export const TAMPERED = {
  payload: 'payload-mismatch',
  tool: 'receipt-malformed',
  attribute: 'receipt-malformed',
  order: 'receipt-out-of-order',
  last: 'receipt-count',
  parent: 'receipt-malformed',
  cosignature: 'cosignature-invalid',
  'anchor-key': 'actor-unknown',
  'anchor-threshold': 'not-quorate',
};
