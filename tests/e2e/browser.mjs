// A headless Chromium at the dashboard's address, as test_dashboard.py starts it: `step` prints `ok` and takes a screenshot
// into the folder given; the first step that does not do what it should fails.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [dashboard, address, worker, folder, browser] = process.argv.slice(2);
const { chromium } = createRequire(`${dashboard}/package.json`)("playwright-core");
const chrome = await chromium.launch({ executablePath: browser, args: ["--no-sandbox"] });
const context = await chrome.newContext({ colorScheme: "light" });
const page = await context.newPage();
const troubles = [];
page.on("pageerror", (error) => troubles.push(String(error)));
page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));

async function step(name, run) {
  await run();
  await page.screenshot({ path: `${folder}/${name}.png` });
  console.log("ok", name);
}

const open = (name) => page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();

/** Each page, narrow and dark: none is wider than the screen. */
async function onPhone(names) {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize({ width: 390, height: 844 });
  for (const name of names) {
    await step(`phone-${name}`, async () => {
      await open(name);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `the page is ${overflow} pixels too wide`);
    });
  }
}

/** What the server refuses is an error to the browser's console, too: one that a step asked for is expected. */
async function finish(expected = "400 (Bad Request)") {
  assert.deepEqual(troubles.filter((text) => !text.includes(expected)), []);
  await chrome.close();
}

export { address, assert, finish, onPhone, open, page, step, worker };
