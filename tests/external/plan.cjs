// The plan of duty, in headless Chromium against a real gateway: a ward-admin sees who is on duty, types a mistake that is
// refused with its line, says who is away and who takes over, and puts it in force; one that calls nobody is asked about first. Says `done`.
//
//   plan.cjs --url URL --chromium PATH --token TOKEN [--picture FILE]
"use strict";

const assert = require("node:assert/strict");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: { url: { type: "string" }, chromium: { type: "string" }, token: { type: "string" }, picture: { type: "string" } },
});

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 1400 }, locale: "en-GB" });
    await context.addInitScript((held) => sessionStorage.setItem("vitalgate.token", held), args.token);
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(`${args.url}#account`);
    const plan = page.getByRole("region", { name: "Who is on duty" });
    await plan.getByRole("cell", { name: "n1" }).waitFor();

    const text = plan.getByLabel("The plan (teams.toml)");
    const before = await text.inputValue();
    await text.fill(before.replace('people = ["n2"]', 'people = ["n3"]'));
    await plan.getByRole("button", { name: "Put in force" }).click();
    await plan.getByRole("alert").getByText(/line \d+, column \d+: .*n3/).waitFor();
    await plan.getByRole("button", { name: "Read again" }).click();
    await page.waitForFunction((expected) => document.querySelector("textarea").value === expected, before);

    await plan.getByLabel("Who is away").fill("n1");
    await plan.getByLabel("First day").fill("2020-01-01");
    await plan.getByLabel("Last day").fill("2099-12-31");
    await plan.getByLabel("Who takes over").fill("n2");
    await plan.getByRole("button", { name: "Add to the plan" }).click();
    await plan.getByText("Nothing is wrong with it; it is not in force yet.").waitFor();
    await plan.getByText("no team answers for the gateway itself").waitFor();
    assert.match(await text.inputValue(), /\[\[absence\]\]\nperson = "n1"/);
    await plan.getByRole("button", { name: "Put in force" }).click();
    await plan.getByText("The plan is in force.").waitFor();
    await plan.getByRole("cell", { name: "n1" }).waitFor({ state: "detached" });

    // A plan that calls nobody is asked about, and put where it is meant.
    const good = await text.inputValue();
    await text.fill("");
    await plan.getByRole("button", { name: "Put in force" }).click();
    const asked = plan.getByRole("alert");
    await asked.getByText(/nobody is called for some or all alarms of: ward w1/).waitFor();
    if (args.picture) await page.screenshot({ path: args.picture });
    await plan.getByRole("button", { name: "Read again" }).click();
    await asked.waitFor({ state: "detached" });
    // Nothing was changed.
    await page.waitForFunction((expected) => document.querySelector("textarea").value === expected, good);
    await text.fill("");
    await plan.getByRole("button", { name: "Put in force" }).click();
    await asked.getByRole("button", { name: "Put it in force all the same" }).click();
    await plan.getByText("The plan is in force.").waitFor();
    await text.fill(good);
    await plan.getByRole("button", { name: "Put in force" }).click();
    await plan.getByRole("cell", { name: "n2" }).first().waitFor();
    console.log("done");
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
