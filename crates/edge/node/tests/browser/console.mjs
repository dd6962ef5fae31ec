// Walks through the console in Chromium. Arguments: the node's address, a login link, a folder for pictures.
// Ends with code 1 and the reasons on standard error.
//
// The walk has JavaScript disabled, as the pages promise not to need it. Measurements of layout and contrast
// run in a second context, where the page itself still has no script.

import assert from 'node:assert/strict';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [base, loginLink, pictures] = process.argv.slice(2);
const wrong = [];

// Chromium's own sandbox cannot start as root, which is what containers run as.
const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });

/** A page that records everything a person would find in the developer tools. */
async function open(options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.expected = new Set();
  page.on('console', (m) => {
    const answered = m.text().startsWith('Failed to load resource') && page.expected.has(m.location().url);
    if (!answered && ['error', 'warning'].includes(m.type())) wrong.push(`console: ${m.text()} (${m.location().url})`);
  });
  page.on('pageerror', (e) => wrong.push(`script: ${e}`));
  // Aborted: the page was left before it had everything, or the answer became a download.
  const left = (r) => r.failure()?.errorText === 'net::ERR_ABORTED';
  page.on('requestfailed', (r) => left(r) || wrong.push(`request: ${r.url()} ${r.failure()?.errorText}`));
  page.on('request', (r) => r.url().startsWith(`${base}/`) || wrong.push(`elsewhere: ${r.url()}`));
  page.on('response', (r) => {
    if (r.status() >= 400 && !page.expected.has(r.url())) wrong.push(`${r.status()}: ${r.url()}`);
  });
  return { context, page };
}

async function see(page, text) {
  await page.getByText(text).first().waitFor({ timeout: 5000 });
}

async function walk() {
  const { context, page } = await open({ javaScriptEnabled: false, viewport: { width: 1180, height: 900 } });
  await page.goto(`${base}/`);
  await page.keyboard.press('Tab');
  assert.equal(await page.locator(':focus').innerText(), 'Skip to the content');

  // From the list of scrolls to an older receipt and its picture.
  await page.getByRole('main').getByRole('link', { name: 'Audit', exact: true }).first().click();
  await page.getByRole('link', { name: 'Older' }).click();
  await see(page, /Indices \d down to 0/);
  await page.getByRole('link', { name: /build-3/ }).click();
  assert.equal(new URL(page.url()).pathname, '/console/Audit/3');
  const picture = page.getByRole('img', { name: 'Inclusion path of entry 3' });
  const box = await picture.boundingBox();
  assert.ok(box.width > 300 && box.height > 300, `picture of ${box.width} × ${box.height}`);
  await page.getByText('The same in words').click();
  await see(page, 'Joined with entry 2 on the left');

  // The files that the page offers are the log's own.
  const [proof] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download proof' }).click()]);
  assert.equal(proof.suggestedFilename(), 'Audit-3.tlog-proof');
  await page.getByRole('link', { name: 'Newer, 4' }).click();
  assert.equal(new URL(page.url()).pathname, '/console/Audit/4');

  // Search by id from the box at the top.
  await page.getByRole('searchbox').fill('build-17');
  await page.getByRole('searchbox').press('Enter');
  assert.equal(new URL(page.url()).pathname, '/console/Audit/17');

  // A hostile receipt is only text.
  await page.goto(`${base}/console/Audit/30`);
  await see(page, '<script>alert(1)</script>');
  assert.equal(await page.locator('script, main img').count(), 0);

  // Restricted: heads only, then everything, then heads only.
  await page.goto(`${base}/console/Treasury`);
  await see(page, 'This scroll is restricted.');
  assert.equal(await page.getByText('payment-77').count(), 0);
  await page.goto(loginLink);
  await page.getByRole('main').getByRole('button', { name: 'Log in' }).click();
  assert.equal(page.url(), `${base}/`);
  await see(page, 'payment-77');
  const [cookie] = await context.cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie));
  await page.getByRole('button', { name: 'Log out' }).click();
  assert.deepEqual(await context.cookies(), []);
  assert.equal(await page.getByText('payment-77').count(), 0);

  // The link is spent, and says so at once.
  page.expected.add(loginLink);
  await page.goto(loginLink);
  await see(page, 'This link does not work any more.');
  assert.equal(await page.getByRole('main').getByRole('button', { name: 'Log in' }).count(), 0);
  await context.close();
}

/** Texts with too little contrast, and how far the page is wider than the window. */
function measure() {
  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = channels(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const svg = element instanceof SVGElement;
    if (!own || (svg && element.tagName !== 'text') || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = channels(svg ? style.fill : style.color);
    const below = svg ? channels(getComputedStyle(element.parentElement.querySelector('rect')).fill) : ground(element);
    const [a, b] = [luminance(ink), luminance(below)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.tagName} ${element.textContent.trim().slice(0, 40)}`);
  }
  return { faint, styled: document.styleSheets.length === 1, over: document.documentElement.scrollWidth - innerWidth };
}

async function look() {
  const pages = {
    home: '/',
    scroll: '/console/Audit',
    receipt: '/console/Audit/13',
    hostile: '/console/Audit/30',
    unseen: '/console/Audit/31',
    long: '/console/Audit/32',
    erased: '/console/Audit/33',
    raw: '/console/Journal/1',
    restricted: '/console/Treasury',
    refused: '/console/Treasury/0',
    search: '/search?q=1',
    nothing: '/search?q=no-such-id',
    login: '/login?code=00',
    missing: '/console/Nothing',
  };
  const sizes = { wide: { width: 1180, height: 900 }, phone: { width: 360, height: 740 } };
  for (const colorScheme of ['light', 'dark']) {
    for (const [size, viewport] of Object.entries(sizes)) {
      const { context, page } = await open({ colorScheme, viewport });
      for (const [name, address] of Object.entries(pages)) {
        page.expected.add(base + (['refused', 'login', 'missing'].includes(name) ? address : ''));
        await page.goto(base + address);
        const { faint, styled, over } = await page.evaluate(measure);
        for (const text of faint) wrong.push(`${name}, ${colorScheme}: contrast ${text}`);
        if (!styled) wrong.push(`${name}: the style sheet is missing`);
        if (over > 0) wrong.push(`${name}, ${size}: ${over} pixels too wide`);
        await page.screenshot({ path: path.join(pictures, `${name}-${size}-${colorScheme}.png`), fullPage: true });
      }
      await context.close();
    }
  }
}

try {
  await walk();
  await look();
} catch (error) {
  wrong.push(error.stack ?? String(error));
} finally {
  await browser.close();
}
for (const line of wrong) console.error(line);
process.exit(wrong.length ? 1 : 0);
