// The page as an application of its own: what Chromium has against installing it, and how it looks for it.
"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { assert } = require("./help.cjs");

module.exports = {
  /** A private window installs nothing: it takes a profile of its own. */
  async nothing_speaks_against_installing_it({ gateway, executablePath }) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), "vitalgate-profile-"));
    const context = await chromium.launchPersistentContext(profile, { executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
    try {
      const page = context.pages()[0] ?? await context.newPage();
      const refused = [];
      page.on("console", (line) => { if (/Content Security|manifest/i.test(line.text())) refused.push(line.text()); });
      await page.goto(gateway.url);
      await page.getByText("● Live").waitFor();
      const session = await context.newCDPSession(page);
      const { errors, data, url } = await session.send("Page.getAppManifest");
      assert.deepEqual(errors, []);
      assert.ok(url.endsWith("/manifest.webmanifest"));
      const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
      assert.deepEqual(installabilityErrors, []);
      const { icons } = JSON.parse(data);
      for (const icon of icons) {
        const size = await page.evaluate(async (src) => {
          const image = new Image();
          image.src = src;
          await image.decode();
          return `${image.naturalWidth}x${image.naturalHeight}`;
        }, icon.src);
        if (icon.sizes !== "any") assert.equal(size, icon.sizes);
      }
      assert.deepEqual(refused, []);
    } finally {
      await context.close();
      fs.rmSync(profile, { recursive: true, force: true });
    }
  },
};
