// A shift that changes, in headless Chromium against a real gateway over HTTPS: one person takes an alarm and hands it over,
// the other finds the list and takes it; then six tabs, each with a stream of its own, over HTTP/2. Says how far it is, one
// word a line: `live`, `taken`, `six`, `lost`. The test acts between the words.
//
//   page_shift.cjs --url URL --chromium PATH --first TOKEN --second TOKEN [--picture FILE]
"use strict";

const assert = require("node:assert/strict");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: {
    url: { type: "string" },
    chromium: { type: "string" },
    first: { type: "string" },
    second: { type: "string" },
    picture: { type: "string" },
  },
});

/** A browser of somebody's own, with as many tabs; `apart` leaves each tab its own stream. */
async function person(browser, token, { tabs = 1, apart = false } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true, locale: "en-GB" });
  await context.addInitScript((held) => sessionStorage.setItem("vitalgate.token", held), token);
  if (apart) {
    await context.addInitScript(() => {
      delete globalThis.SharedWorker;
      Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined });
    });
  }
  const pages = [];
  for (let n = 0; n < tabs; n += 1) {
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(args.url);
    await page.getByText("● Live").waitFor();
    pages.push(page);
  }
  return pages;
}

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const [first] = await person(browser, args.first);
    const [second] = await person(browser, args.second);
    assert.equal(await first.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol), "h2");
    console.log("live");

    await first.locator(".banner", { hasText: "SpO2 74 %" }).getByRole("link", { name: /^Open:/ }).click();
    await first.getByRole("button", { name: /^Take it/ }).click();
    await first.getByText("n1 has it").first().waitFor();
    const known = first.locator("datalist option");
    await known.first().waitFor({ state: "attached" });
    assert.deepEqual(await known.evaluateAll((all) => all.map((one) => one.value)), ["n2"], "who else is on duty");
    await first.getByLabel("To whom are all of yours handed over?").fill("n2");
    await first.getByRole("button", { name: /^Hand over all of mine/ }).click();
    await first.getByText("hands it over to n2").first().waitFor();

    const list = second.getByRole("region", { name: "Hand over" });
    await list.getByText("n1 hands over 1 alarm to you").waitFor();
    assert.match(await list.getByRole("listitem").innerText(), /bed-p1.*SpO2 74 %/s);
    await list.getByRole("button", { name: "Take it from n1" }).click();
    await list.waitFor({ state: "detached" });
    await second.evaluate(() => { location.hash = "#alarms"; });
    await second.getByText("1 alarm is yours").waitFor();
    await first.getByText("n2 has it").first().waitFor();
    if (args.picture) await second.screenshot({ path: args.picture });
    console.log("taken");

    const tabs = await person(browser, args.second, { tabs: 6, apart: true });
    const protocols = await Promise.all(tabs.map((page) => page.evaluate(() => performance.getEntriesByType("navigation")[0].nextHopProtocol)));
    assert.deepEqual(protocols, Array(6).fill("h2"));
    await tabs[5].locator(".banner").getByRole("button", { name: /^Acknowledge/ }).click();
    await Promise.all(tabs.map((page) => page.getByText("No alarm waits for an answer").waitFor()));
    console.log("six");

    await Promise.all([first, second, ...tabs].map((page) => page.getByText("✕ CONNECTION LOST").waitFor()));
    console.log("lost");
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
