// What the package adds to the module.

import assert from 'node:assert/strict';
import test from 'node:test';
import vm from 'node:vm';

import { vector } from './files.mjs';

const verifier = await import('../node.js');
const { VerifierError, checkPolicy, steps, verifyBundle, verifyProof } = verifier;
const [bundle, anchor, options] = vector('closed').args.map(String);
const { now } = JSON.parse(options);

const refused = (code) => (error) => error instanceof VerifierError && error.code === code && error.message !== '';

test('before `init` every question says so', async () => {
  const ask = [() => verifyBundle(bundle, anchor), () => steps(bundle, anchor), () => checkPolicy('')];
  for (const question of ask) assert.throws(question, refused('not-initialized'));
  await verifier.default();
  await verifier.default();
  assert.equal(verifyBundle(bundle, anchor).complete, true);
});

test('an error carries its code and is an Error', () => {
  assert.throws(() => verifyBundle(bundle.replace('crm', 'crn'), anchor), (error) => {
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'VerifierError');
    assert.equal(error.code, 'receipt-malformed');
    return true;
  });
});

test('without `now` it is the time of the clock', (t) => {
  const [presented, asks] = vector('presented').args.map(String);
  const expires = Date.parse(verifyBundle(presented, asks, { now }).presentation.expires);
  t.mock.timers.enable({ apis: ['Date'], now: expires });
  assert.equal(verifyBundle(presented, asks).complete, true);
  t.mock.timers.setTime(expires + 1);
  assert.throws(() => verifyBundle(presented, asks), refused('presentation-expired'));
  assert.throws(() => steps(presented, asks), refused('presentation-expired'));
  assert.equal(verifyBundle(presented, asks, { now }).complete, true);
});

test('an option that would not be heeded is refused', () => {
  for (const options of [null, [], 'now', { payloadSha256: undefined }, { payloadSha256: 1 }, { now: new Date() }, { audience: 'a' }]) {
    assert.throws(() => verifyBundle(bundle, anchor, options), refused('options-invalid'), JSON.stringify(options));
  }
});

test('bytes may come from another realm', () => {
  const there = vm.runInNewContext('(bytes) => new Uint8Array(bytes)')([...Buffer.from(bundle)]);
  assert.ok(!(there instanceof Uint8Array));
  assert.equal(verifyBundle(there, anchor, { now }).complete, true);
});

test('what is parsed already is refused, for nobody can tell what it was', () => {
  for (const value of [JSON.parse(bundle), undefined, null, 1, [1, 2], new Uint16Array(1), new ArrayBuffer(1)]) {
    assert.throws(() => verifyBundle(value, anchor), refused('input-invalid'));
    assert.throws(() => verifyBundle(bundle, value), refused('input-invalid'));
    assert.throws(() => verifyProof('', value, ''), refused('input-invalid'));
  }
});

test('a lone surrogate is refused, and not judged as U+FFFD', () => {
  for (const text of ['\ud800', 'a\udc00', `${bundle}\udfff`]) {
    assert.throws(() => verifyBundle(text, anchor), refused('input-invalid'));
  }
  assert.equal(checkPolicy('# \u{1f600}\nquorum none\n').quorum, 'none');
});

test('steps come in order, with what they derive from', () => {
  const drawn = steps(bundle, anchor, { now });
  assert.deepEqual(drawn.report, verifyBundle(bundle, anchor, { now }));
  assert.deepEqual(drawn.steps.map(({ sequence, kind, name }) => [sequence, kind, name]), [
    [1, 'note', undefined],
    [2, 'retrieval', 'https://example.org/notes'],
    [3, 'tool_call', 'crm'],
    [4, 'model_call', 'example'],
    [5, 'artifact', 'release.json'],
  ]);
  const place = new Map(drawn.steps.map(({ hash, sequence }) => [hash, sequence]));
  assert.deepEqual(drawn.steps.map(({ parents }) => parents.map((hash) => place.get(hash))), [[], [1], [], [1, 2, 3], [4]]);
  assert.deepEqual(drawn.steps.map(({ content }) => content), ['inline', 'hashed', 'sealed', 'inline', undefined]);
  assert.deepEqual(drawn.steps[3].sources, ['user', 'web', 'tool']);
  assert.equal(drawn.steps[3].integrity, 'adversarial');
  assert.deepEqual([drawn.steps[3].model, drawn.steps[3].direction], ['m-1', 'response']);
  assert.equal(drawn.steps[2].source, 'tool');
});

// Last: nothing can be asked after it.
test('after the module broke off it says nothing more', () => {
  class Lies extends Uint8Array {
    get length() {
      throw new Error('the memory is gone');
    }
  }
  assert.throws(() => verifyBundle(new Lies(1), anchor), refused('internal'));
  assert.throws(() => verifyBundle(bundle, anchor), refused('internal'));
});
