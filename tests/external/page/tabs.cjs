// Six tabs of one browser, which opens six connections to a host.
"use strict";

const { assert, command, pause, until } = require("./help.cjs");

async function six({ gateway, open }) {
  gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
  const pages = [];
  for (let i = 0; i < 6; i += 1) pages.push(await open());
  return pages;
}

async function share(bench) {
  const pages = await six(bench);
  assert.equal(bench.gateway.streams.size, 1, "there is more than one stream");
  await command(pages[5], "Acknowledge", "bed-02").first().click();
  await until("the sixth tab's acknowledgement arrives", 2_000, () => bench.gateway.commands.length === 1);
  for (const page of pages) {
    await page.getByText("No alarm waits for an answer").waitFor({ timeout: 2_000 });
  }
  return pages;
}

/** All tabs at once: each within six seconds, and the half second of its clock. */
async function lost(pages, how) {
  const start = Date.now();
  await how();
  await Promise.all(pages.map((page) => page.getByText("✕ CONNECTION LOST").waitFor({ timeout: 8_000 })));
  assert.ok(Date.now() - start < 7_000, `only after ${Date.now() - start} ms`);
}

async function without(context, ...names) {
  await context.addInitScript((gone) => {
    for (const name of gone) {
      if (name === "locks") Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined });
      else delete globalThis[name];
    }
  }, names);
}

module.exports = {
  async six_tabs_have_one_stream_and_answer_at_once(bench) {
    const pages = await share(bench);
    await lost(pages, () => bench.gateway.stop());
  },

  async without_a_shared_worker_one_tab_leads(bench) {
    await without(bench.context, "SharedWorker");
    const pages = await share(bench);
    await pages[0].close();
    await until("another tab leads", 3_000, () => bench.gateway.streams.size === 1);
    bench.gateway.alarm("a-07", "bed-07", { text: "HR high" });
    for (const page of pages.slice(1)) await page.locator(".banner", { hasText: "HR high" }).waitFor({ timeout: 3_000 });
    await lost(pages.slice(1), () => bench.gateway.stop());
  },

  async without_either_each_tab_has_its_own(bench) {
    await without(bench.context, "SharedWorker", "locks");
    bench.gateway.alarm("a-02", "bed-02", { text: "SpO2 low" });
    const pages = [await bench.open(), await bench.open()];
    assert.equal(bench.gateway.streams.size, 2);
    await lost(pages, () => bench.gateway.stop());
  },

  /** As after an upgrade by halves: the page goes on by itself. */
  async a_worker_that_does_not_start_is_replaced(bench) {
    bench.gateway.missing = /worker/;
    const page = await bench.open();
    bench.gateway.alarm("a-07", "bed-07", { text: "HR high" });
    await page.locator(".banner", { hasText: "HR high" }).waitFor({ timeout: 3_000 });
  },

  /** Tabs of two people: each with its own stream and its own rights. */
  async another_token_has_another_stream(bench) {
    const first = await bench.open();
    assert.equal(bench.gateway.streams.size, 1);
    await bench.context.addInitScript(() => sessionStorage.setItem("vitalgate.token", "of-anna"));
    const second = await bench.open();
    assert.equal(bench.gateway.streams.size, 2);
    assert.deepEqual(bench.gateway.tokens(), ["", "Bearer of-anna"]);
    await second.close();
    await until("the stream goes with its last tab", 3_000, () => bench.gateway.streams.size === 1);
    await first.getByText("● Live").waitFor();
  },

  /** The connection stands, and nothing comes. */
  async a_gateway_that_hangs_is_lost_in_every_tab(bench) {
    const pages = await six(bench);
    await lost(pages, () => clearInterval(bench.gateway.beats));
    bench.gateway.beats = setInterval(() => bench.gateway.beat(), 1_000);
    await Promise.all(pages.map((page) => page.getByText("● Live").waitFor({ timeout: 20_000 })));
  },

  /** A tab that leads and sleeps: another takes the lead. */
  async a_leader_that_sleeps_is_replaced(bench) {
    await without(bench.context, "SharedWorker");
    const pages = [await bench.open(), await bench.open()];
    // A loop keeps its thread: it hears nothing, forwards nothing, and holds the lock.
    pages[0].evaluate(() => { const end = Date.now() + 14_000; while (Date.now() < end); }).catch(() => {});
    await pause(9_000);
    bench.gateway.alarm("a-07", "bed-07", { text: "HR high" });
    await pages[1].locator(".banner", { hasText: "HR high" }).waitFor({ timeout: 3_000 });
    await pages[1].getByText("● Live").waitFor({ timeout: 1_000 });
  },
};
