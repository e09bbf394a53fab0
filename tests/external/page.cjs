// Looks at the page as a clinician does, in headless Chromium, and says what it sees, one word a
// line: `vital`, `alarm`, `acknowledged`, `lost`. The test acts between the words.
//
//   page.cjs --url URL --chromium PATH --value 72 --alarm TEXT [--picture FILE]
"use strict";

const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: {
    url: { type: "string" },
    chromium: { type: "string" },
    value: { type: "string" },
    alarm: { type: "string" },
    picture: { type: "string" },
  },
});

const PATIENCE = { timeout: 60_000 };

async function sees(page, pattern) {
  const look = ({ source, flags }) => new RegExp(source, flags).test(document.body.innerText);
  await page.waitForFunction(look, { source: pattern.source, flags: pattern.flags }, PATIENCE);
}

function literally(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

async function main() {
  const browser = await chromium.launch({
    executablePath: args.chromium,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const errors = [];
    page.on("pageerror", (error) => errors.push(error));
    await page.goto(args.url, PATIENCE);

    await sees(page, new RegExp(`(^|\\D)${literally(args.value)}(\\D|$)`));
    console.log("vital");
    await sees(page, new RegExp(literally(args.alarm)));
    console.log("alarm");
    if (args.picture) await page.screenshot({ path: args.picture });
    await page.getByRole("button", { name: /acknowledge/i }).first().click(PATIENCE);
    await page.evaluate(() => {
      location.hash = "#alarms";
    });
    await sees(page, /acknowledged by/i);
    console.log("acknowledged");
    await sees(page, /CONNECTION LOST/);
    console.log("lost");
    if (errors.length > 0) throw errors[0];
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
