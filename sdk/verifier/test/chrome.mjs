// Debian's Chromium, driven from Node.js.

import { createRequire } from 'node:module';

/** Calls `use` with a browser that reaches no other machine. */
export async function withChromium(use) {
  // Where .ci/setup put it.
  const installed = new URL('../../../crates/edge/node/tests/browser/package.json', import.meta.url);
  const { chromium } = createRequire(process.env.QUORATE_PLAYWRIGHT ?? installed)('playwright-core');
  const args = ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
  // Chromium's own sandbox cannot start as root, which is what containers run as.
  if (process.getuid() === 0) args.push('--no-sandbox');
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}
