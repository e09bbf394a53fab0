// The service worker of the page in headless Chromium, against a real gateway: what is pushed is shown, and the answer given
// on the notification is sent. The message is delivered as a push service would. Prints `ok NAME` for each step.
//
//   push.cjs --url URL --chromium PATH --told JSON
"use strict";

const assert = require("node:assert/strict");
const { parseArgs } = require("node:util");
const { chromium } = require("playwright-core");

const { values: args } = parseArgs({
  options: { url: { type: "string" }, chromium: { type: "string" }, told: { type: "string" } },
});

const told = JSON.parse(args.told);
const shown = (worker) => worker.evaluate(async () => (await registration.getNotifications()).map((one) => ({
  title: one.title, body: one.body, tag: one.tag, silent: one.silent, held: one.requireInteraction,
  actions: one.actions.map((action) => action.action),
})));

/** As a press on a button of a notification, or on the notification itself. */
const press = (worker, tag, action) => worker.evaluate(async ([tag, action]) => {
  const [notification] = await registration.getNotifications({ tag });
  dispatchEvent(new NotificationEvent("notificationclick", { notification, action }));
}, [tag, action]);

async function until(what, look) {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

async function main() {
  const browser = await chromium.launch({ executablePath: args.chromium, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
  const errors = [];
  try {
    const context = await browser.newContext({ locale: "en-GB" });
    await context.grantPermissions(["notifications"], { origin: new URL(args.url).origin });
    const page = await context.newPage();
    page.on("console", (line) => { if (/Content Security|TrustedScript/i.test(line.text())) errors.push(line.text()); });
    await page.goto(args.url);
    const coming = context.serviceWorkers()[0] ?? context.waitForEvent("serviceworker");
    assert.equal(await page.evaluate(async () => {
      const push = await import("./push.js");
      await push.register();
      return push.canPush();
    }), true);
    const worker = await coming;
    // What is pushed to one that is not active yet is dropped.
    await page.evaluate(async () => {
      const { active } = await navigator.serviceWorker.ready;
      while (active.state !== "activated") {
        await new Promise((changed) => { active.addEventListener("statechange", changed, { once: true }); });
      }
    });
    assert.deepEqual(errors, []);
    console.log("ok the service worker is installed under the page's own policy");

    const cdp = await context.newCDPSession(page);
    const registered = new Promise((resolve) => {
      cdp.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        if (registrations.length > 0) resolve(registrations[0].registrationId);
      });
    });
    await cdp.send("ServiceWorker.enable");
    const registrationId = await registered;
    const push = (data) => cdp.send("ServiceWorker.deliverPushMessage", { origin: new URL(args.url).origin, registrationId, data });

    await push(JSON.stringify(told));
    const [call] = await until("it is shown", async () => {
      const all = await shown(worker);
      return all.length > 0 && all;
    });
    assert.equal(call.title, `High: ${told.place}`);
    assert.equal(call.body, "An alarm of the patient");
    assert.deepEqual(call.actions, ["accept", "acknowledge"]);
    assert.deepEqual([call.tag, call.silent, call.held], [told.tag, false, true]);
    console.log("ok what is pushed is shown, stays, and can be answered");

    await push("{ not json");
    await until("what cannot be read is shown as well", async () => (await shown(worker)).some((one) => one.tag === "unreadable"));
    await push(JSON.stringify({ ...told, place: "elsewhere" }));
    await until("the newer word takes its place", async () => (await shown(worker)).some((one) => one.title === "High: elsewhere"));
    assert.equal((await shown(worker)).filter((one) => one.tag === told.tag).length, 1, "once, however often it comes");
    console.log("ok the same twice is shown once, and what cannot be read is shown");

    await press(worker, told.tag, "accept");
    await until("the answer arrives", async () => (await shown(worker)).some((one) => one.title.startsWith("You have it · ")));
    console.log("ok an answer is sent, and that it arrived is said");

    await push(JSON.stringify(told));
    await until("it is shown again", async () => (await shown(worker)).some((one) => one.tag === told.tag));
    await press(worker, told.tag, "accept");
    const refused = await until("it says so", async () => (await shown(worker)).find((one) => one.title.startsWith("NOT ANSWERED")));
    assert.match(refused.body, /answered already/);
    assert.equal(refused.held, true);
    console.log("ok an answer that is not taken is never shown as one that was");

    await push(JSON.stringify({ ...told, lead: "Taken", calls: false, high: false, answers: undefined }));
    const over = await until("what became of it", async () => (await shown(worker)).find((one) => one.title.startsWith("Taken")));
    assert.deepEqual([over.silent, over.held, over.actions], [true, false, []]);
    console.log("ok what became of it takes its place, without a sound");
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
