// Judges in a worker, so that the page never stands still. First message: the module's bytes. Then `{ id, bundle, anchor }`.

import init, { steps } from '../index.js';

let ready;

self.onmessage = async ({ data }) => {
  if (ready === undefined) {
    ready = init(data);
    // Its failure is told with the first answer.
    ready.catch(() => {});
    return;
  }
  const { id, bundle, anchor } = data;
  try {
    await ready;
    self.postMessage({ id, ok: steps(bundle, anchor) });
  } catch (error) {
    const { code = 'internal', message } = error;
    self.postMessage({ id, error: { code, message } });
  }
};
