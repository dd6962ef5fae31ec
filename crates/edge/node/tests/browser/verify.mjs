// From a session's receipt to its verification. Arguments: the node's address, a login link, the session, an anchor's file.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [base, loginLink, session, anchor] = process.argv.slice(2);
// Chromium's own sandbox cannot start as root, which is what containers run as.
const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });
try {
  const page = await browser.newPage();
  const wrong = [];
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && !m.text().includes('401') && wrong.push(m.text()));
  page.on('pageerror', (e) => wrong.push(String(e)));
  page.on('request', (r) => r.url().startsWith(`${base}/`) || /^(blob|data):/.test(r.url()) || wrong.push(`elsewhere: ${r.url()}`));
  const says = (words) => page.waitForFunction((words) => document.querySelector('#verdict-title').textContent === words, words);

  // Who may not read the session gets the page and no bundle.
  await page.goto(`${base}/verify?session=${session}`);
  await page.getByText('It is restricted: log in to the console first.').waitFor();
  assert.equal(await page.locator('#verdict-title').textContent(), 'Nothing to verify yet');

  await page.goto(loginLink);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.goto(`${base}/console/Provenance/2`);
  await page.getByRole('link', { name: 'Verify the session in your browser' }).click();
  await says('Not verified: there is no trust anchor');
  await page.setInputFiles('#file-anchor', anchor);
  await says('Signed and logged; no quorum of witnesses was required');
  assert.equal(await page.locator('.row').count(), 1);
  await page.click('#tamper-last');
  await says('Refused');

  // Another address in the place of a session is not asked.
  await page.goto(`${base}/verify?session=..%2F..%2Fscrolls`);
  await says('Nothing to verify yet');
  assert.deepEqual(wrong, []);
} finally {
  await browser.close();
}
