// The three ways of a tab to the stream: by the worker of all tabs, by a tab that leads, by itself.

import { here, openHub } from "./hub.js";

/** @import { Message } from "./hub.js" */
/**
 * `renew` is asked for when nothing answers any more.
 * @typedef {{ask: (word: "wake"|"ping") => void, renew: () => Source, close: () => void}} Source
 * @typedef {(message: Message) => void} Listener
 */

/** Tabs of another version of the page have a worker and a leader of their own. */
const NAME = "vitalgate-stream-1";

/** @param {string} token @param {Listener} listener @returns {Source} */
export function openSource(token, listener) {
  try {
    if ("SharedWorker" in globalThis) return byWorker(token, listener);
  } catch {
    // A browser may have the word and refuse the thing.
  }
  if ("BroadcastChannel" in globalThis && navigator.locks && crypto.subtle) return byLeader(token, listener);
  return alone(token, listener);
}

/** @param {string} token @param {Listener} listener @returns {Source} */
function byWorker(token, listener) {
  const worker = new SharedWorker(scriptUrl(), { name: NAME, type: "module" });
  worker.port.onmessage = ({ data }) => listener(data);
  worker.port.postMessage({ ask: "join", token });
  return {
    ask: (word) => worker.port.postMessage({ ask: word }),
    renew() {
      worker.port.close();
      return alone(token, listener);
    },
    close() {
      worker.port.postMessage({ ask: "leave" });
      worker.port.close();
    },
  };
}

const WORKER = new URL("worker.js", import.meta.url).href;
/** The page's policy takes no plain text for the address of a script. */
const policy = /** @type {any} */ (globalThis).trustedTypes
  ?.createPolicy("vitalgate-worker", { createScriptURL: () => WORKER });

/** @returns {any} */
function scriptUrl() {
  return policy?.createScriptURL("") ?? WORKER;
}

/** @param {string} token @param {Listener} listener @returns {Source} */
function alone(token, listener) {
  const hub = openHub(token);
  hub.join(listener);
  return {
    ask: (word) => (word === "ping" ? listener(here()) : hub.wake()),
    renew: () => {
      hub.close();
      return alone(token, listener);
    },
    close: hub.close,
  };
}

/**
 * The tab that holds the lock has the stream and tells the others; when it closes, the next one gets
 * the lock. A leader that was put to sleep does not answer: then the lock is taken from it.
 * @param {string} token @param {Listener} listener @returns {Source}
 */
function byLeader(token, listener) {
  const me = crypto.randomUUID();
  const ended = new AbortController();
  /** @type {BroadcastChannel|null} */
  let channel = null;
  /** @type {ReturnType<typeof openHub>|null} */
  let hub = null;
  let name = "";

  const say = (/** @type {object} */ words) => channel?.postMessage({ from: me, ...words });
  const lead = () => new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    if (ended.signal.aborted) return resolve();
    ended.signal.addEventListener("abort", resolve);
    hub = openHub(token);
    hub.join((message) => {
      say({ message });
      listener(message);
    });
  });
  const follow = (/** @type {LockOptions} */ options) => {
    navigator.locks.request(name, options, lead).catch(() => {
      // Taken away by another tab: this one follows it, and leads again after it.
      hub?.close();
      hub = null;
      if (!ended.signal.aborted) follow({});
    });
  };
  const hear = (/** @type {any} */ { data }) => {
    if (data.message && !hub && (!data.to || data.to === me)) listener(data.message);
    if (!hub || !data.ask) return;
    const answer = (/** @type {Message} */ message) => say({ to: data.from, message });
    if (data.ask === "wake") hub.wake();
    if (data.ask === "ping") answer(here());
    if (data.ask === "join") {
      hub.join(answer);
      hub.leave(answer);
    }
  };
  digest(token).then((hash) => {
    if (ended.signal.aborted) return;
    name = `${NAME} ${hash}`;
    channel = new BroadcastChannel(name);
    channel.onmessage = hear;
    follow({});
    say({ ask: "join" });
  });
  const source = {
    /** @param {"wake"|"ping"} word */
    ask(word) {
      if (!hub) say({ ask: word });
      else if (word === "wake") hub.wake();
      else listener(here());
    },
    renew() {
      if (name && !hub) follow({ steal: true });
      return source;
    },
    close() {
      ended.abort();
      hub?.close();
      hub = null;
      channel?.close();
      channel = null;
    },
  };
  return source;
}

/** Whoever has another token has another channel. @param {string} token */
async function digest(token) {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return Array.from(new Uint8Array(bytes.slice(0, 12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
