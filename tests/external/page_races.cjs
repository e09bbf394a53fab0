// The page in headless Chromium before a gateway that says when what happens: the wrong alarm must never be answered, and what
// else is in tests/external/page/. Prints `ok NAME` or `FAILED NAME` for each check, and ends with 1 if one failed.
//
//   page_races.cjs --chromium PATH [--web FOLDER] [--files NAME,…] [--only WORD] [--pictures FOLDER]
"use strict";

const path = require("node:path");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");
const { FakeGateway } = require("./page/gateway.cjs");

const { values: args } = parseArgs({
  options: {
    chromium: { type: "string" },
    web: { type: "string", default: path.join(__dirname, "../../web") },
    files: { type: "string", default: "answers,resets,tabs,shows,mutes,responsible" },
    only: { type: "string", default: "" },
    pictures: { type: "string" },
  },
});

const CHECKS = Object.assign({}, ...args.files.split(",").map((name) => require(`./page/${name}.cjs`)));

async function run(browser, name, check) {
  const gateway = await new FakeGateway(path.resolve(args.web)).start();
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const errors = [];
  const open = async (hash = "#ward") => {
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (line) => { if (/Content Security|TrustedScript/i.test(line.text())) errors.push(line.text()); });
    await page.goto(gateway.url + hash);
    await page.getByText("● Live").waitFor();
    return page;
  };
  try {
    await check({ gateway, context, open, executablePath: args.chromium });
    if (errors.length > 0) throw new Error(errors[0]);
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    console.log(`FAILED ${name}`);
    console.error(`${name}: ${error.message}\n`);
    return false;
  } finally {
    const [page] = context.pages();
    if (args.pictures && page) await page.screenshot({ path: path.join(args.pictures, `${name}.png`) }).catch(() => {});
    await context.close();
    await gateway.stop();
  }
}

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  let good = true;
  try {
    for (const [name, check] of Object.entries(CHECKS)) {
      if (name.includes(args.only)) good = await run(browser, name, check) && good;
    }
  } finally {
    await browser.close();
  }
  process.exit(good ? 0 : 1);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
