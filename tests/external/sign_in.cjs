// Signs in as people do, in headless Chromium, against a real gateway: by the first link, by name, wrongly, out again.
// Prints `ok NAME` for each step; what fails is thrown.
//
//   sign_in.cjs --url URL --chromium PATH --link SECRET --invited SECRET [--picture FILE]
"use strict";

const assert = require("node:assert/strict");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: {
    url: { type: "string" },
    chromium: { type: "string" },
    link: { type: "string" },
    invited: { type: "string" },
    picture: { type: "string" },
  },
});

const PASSWORD = "four words stand here";

async function fresh(browser, errors) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (line) => { if (/Content Security|TrustedScript/i.test(line.text())) errors.push(line.text()); });
  return { context, page };
}

async function setPassword(page, secret, name) {
  await page.goto(`${args.url}#${name ? "setup" : "invited"}/${secret}`);
  await page.getByText("NOT MONITORED on this screen until then").waitFor();
  if (name) await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password, at least").fill(PASSWORD);
  await page.getByLabel("The same again").fill(`${PASSWORD}!`);
  await page.getByRole("button", { name: "Set" }).click();
  await page.getByText("The two passwords are not the same").waitFor();
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.getByRole("button", { name: "Set" }).click();
}

async function signIn(page, name, password) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByLabel("Password").press("Enter");
}

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const errors = [];
  try {
    const admin = await fresh(browser, errors);
    await setPassword(admin.page, args.link, "root.one");
    await admin.page.getByText("admin: sees no patients").waitFor();
    assert.ok(!admin.page.url().includes(args.link), "the secret has left the address");
    console.log("ok the first person sets up the gateway and sees no patients");

    const { context, page } = await fresh(browser, errors);
    await setPassword(page, args.invited, "");
    await page.getByText("● Live").waitFor();
    await page.getByText("jane").first().waitFor();
    const cookies = await context.cookies();
    const [kept] = cookies.filter((cookie) => cookie.name === "__Host-vitalgate");
    assert.deepEqual([kept.secure, kept.httpOnly, kept.sameSite, kept.path], [true, true, "Strict", "/"]);
    assert.equal(await page.evaluate(() => document.cookie), "", "no script reads it");
    if (args.picture) await page.screenshot({ path: args.picture });
    console.log("ok whoever is invited sets a password and sees the ward");

    await page.reload();
    await page.getByText("● Live").waitFor();
    const second = await context.newPage();
    await second.goto(args.url);
    await second.getByText("● Live").waitFor();
    console.log("ok a session holds over a reload and in a second tab");

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Name").waitFor();
    await second.getByLabel("Name").waitFor();
    assert.doesNotMatch(await second.locator("body").innerText(), /bed-1|p1/, "nothing of patients stays");
    console.log("ok signing out holds in every tab");

    await signIn(page, "jane", "not the right words");
    await page.getByText("the name or the password is wrong").waitFor();
    assert.equal(await page.getByLabel("Password").inputValue(), "");
    const enabled = page.getByRole("button", { name: "Sign in", exact: true }).and(page.locator(":enabled"));
    for (let n = 0; n < 12; n += 1) {
      await enabled.waitFor();
      await signIn(page, "john", "not the right words");
      await page.getByRole("alert").filter({ hasText: /wrong|Too many/ }).waitFor();
    }
    await page.getByRole("alert").filter({ hasText: /Too many attempts failed/ }).waitFor();
    console.log("ok whoever guesses is told how long to wait");

    await enabled.waitFor();
    await signIn(page, "Jane", PASSWORD);
    await page.getByText("● Live").waitFor();
    await second.reload();
    await second.getByText("● Live").waitFor();
    console.log("ok by name, whatever its case");

    await page.getByRole("link", { name: "jane" }).click();
    await page.getByLabel("Present password").fill(PASSWORD);
    await page.getByLabel("New password").fill("other words than before");
    await page.getByRole("button", { name: "Change" }).click();
    await page.getByText("Your password is another now").waitFor();
    await page.getByText("● Live").waitFor();
    console.log("ok another password, and this screen goes on");
    const people = admin.page.getByRole("region", { name: "People" });
    const form = people.getByRole("form", { name: "Invite somebody" });
    await form.getByLabel("Name").fill("Mary");
    await form.getByLabel("Role").selectOption("viewer");
    await form.getByLabel("Wards").fill("nosuchward");
    await form.getByRole("button", { name: "Invite" }).click();
    await people.getByText("there is no ward `nosuchward`").waitFor();
    await form.getByLabel("Wards").fill("icu");
    await form.getByRole("button", { name: "Invite" }).click();
    const invited = await people.getByLabel("The link").inputValue();
    const mary = await fresh(browser, errors);
    await setPassword(mary.page, invited.split("/").pop(), "");
    await mary.page.getByText("● Live").waitFor();
    await people.getByRole("button", { name: "Disable mary" }).click();
    await people.getByRole("button", { name: "Let in again mary" }).waitFor();
    await mary.page.getByLabel("Password").waitFor();
    await people.getByRole("button", { name: "Change jane" }).click();
    await people.locator("[data-person=jane]").getByLabel("Role").selectOption("viewer");
    await people.getByRole("button", { name: "Save" }).click();
    await people.locator("[data-person=jane]", { hasText: "viewer" }).getByText("active").waitFor();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await people.getByRole("form", { name: "Add a station" }).getByLabel("Name").fill("desk");
    await people.getByRole("form", { name: "Add a station" }).getByLabel("Wards").fill("icu");
    await people.getByRole("button", { name: "Add station" }).click();
    assert.match(await people.getByLabel("The link").inputValue(), /#station\/.{40,}/);
    await people.getByRole("button", { name: "Take back desk" }).click();
    await people.locator("[data-station=desk]").waitFor({ state: "detached" });
    console.log("ok an admin looks after people and stations on the page");
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
