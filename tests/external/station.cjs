// A ward's own browser, in headless Chromium, against a real gateway with one alarm: it shows, asks who acts, and locks.
// Prints `ok NAME` for each step; what fails is thrown.
//
//   station.cjs --url URL --chromium PATH --link SECRET --name NAME --pin PIN
"use strict";

const assert = require("node:assert/strict");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: {
    url: { type: "string" },
    chromium: { type: "string" },
    link: { type: "string" },
    name: { type: "string" },
    pin: { type: "string" },
    picture: { type: "string" },
  },
});

/** Whether something is in sight, with nothing over it. */
async function inSight(locator) {
  const box = await locator.boundingBox();
  return box !== null && await locator.evaluate((element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const top = document.elementFromPoint(x + width / 2, y + height / 2);
    return top !== null && (element.contains(top) || top.contains(element));
  });
}

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const errors = [];
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (line) => { if (/Content Security|TrustedScript/i.test(line.text())) errors.push(line.text()); });
    const banner = page.locator(".banner", { hasText: "bed-1" });
    const acknowledge = page.locator(".banner").getByRole("button", { name: /^Acknowledge/ });
    const question = page.getByRole("form", { name: "Who acts?" });

    await page.goto(`${args.url}#station/${args.link}`);
    await page.getByText("NOT MONITORED on this screen until then").waitFor();
    await page.getByRole("button", { name: "Make it a station" }).click();
    await page.getByText("● Live").waitFor();
    await page.getByText("station/desk").waitFor();
    await banner.waitFor();
    assert.ok(!page.url().includes(args.link), "the secret has left the address");
    assert.equal(await page.getByRole("button", { name: "Sign out" }).count(), 0);
    console.log("ok a browser becomes a station by its link and shows the ward");

    await acknowledge.click();
    await question.waitFor();
    assert.ok(await inSight(banner), "the question hides the alarm");
    await question.getByLabel("Name").fill(args.name);
    await question.getByLabel("PIN").fill("615184");
    await question.getByLabel("PIN").press("Enter");
    await question.getByText("the PIN is wrong").waitFor();
    assert.equal(await question.getByLabel("PIN").inputValue(), "", "a wrong PIN stays");
    assert.ok(await inSight(banner));
    console.log("ok a wrong PIN does nothing and hides nothing");

    await question.getByLabel("Name").press("Escape");
    await page.getByText("ACKNOWLEDGE NOT SENT").waitFor();
    await page.getByText("nobody gave a PIN for it").waitFor();
    assert.ok(await inSight(banner));
    await page.getByRole("button", { name: "Seen" }).or(page.locator(".alert.failed button")).first().click();
    console.log("ok whoever gives no PIN is told that nothing was sent");

    await acknowledge.click();
    await question.getByLabel("Name").fill(args.name);
    await question.getByLabel("PIN").fill(args.pin);
    await question.getByRole("button", { name: "Sign" }).click();
    await page.getByText("acts at this station").waitFor();
    await page.goto(`${args.url}#alarms`);
    await page.getByText(new RegExp(`acknowledged by ${args.name}`)).first().waitFor();
    if (args.picture) await page.screenshot({ path: args.picture });
    console.log("ok an act is that of whoever gave the PIN");

    await page.getByRole("button", { name: "Lock now" }).click();
    await page.getByText("acts at this station").waitFor({ state: "detached" });
    const row = page.locator("main li", { hasText: "bed-1" }).first();
    assert.ok(await inSight(row), "locking hides the alarm");
    await page.getByText("● Live").waitFor();
    await row.getByRole("link", { name: /^Open/ }).click();
    await page.getByRole("button", { name: /^Take back/ }).click();
    await question.waitFor();
    await question.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("TAKE BACK NOT SENT").waitFor();
    console.log("ok a locked station shows as before and asks again");

    await page.reload();
    await page.getByText("● Live").waitFor();
    await page.getByText("station/desk").waitFor();
    assert.equal(await page.getByText("acts at this station").count(), 0);
    console.log("ok it is a station after a reload, and locked");
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
