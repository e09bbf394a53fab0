// Push in this browser: turned on and off by whoever is signed in, and told to the gateway anew each time the page opens.

import { get, remove, send } from "./api.js";
import { signal } from "./vendor/preact.js";

const PATIENCE_MS = 30_000;
const SCRIPT = new URL("sw.js", document.baseURI).href;
/** The page's policy takes no plain text for the address of a script. */
const policy = /** @type {any} */ (globalThis).trustedTypes
  ?.createPolicy("vitalgate-push", { createScriptURL: () => SCRIPT });

/** @typedef {"unknown"|"none"|"blocked"|"off"|"on"} Standing */

/** Whether this browser could be pushed to at all. */
export const canPush = () => "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;

/** @returns {Promise<ServiceWorkerRegistration>} */
export async function register() {
  await navigator.serviceWorker.register(policy?.createScriptURL("") ?? SCRIPT);
  return navigator.serviceWorker.ready;
}

/** How push stands here. @returns {Promise<Standing>} */
export async function standing() {
  if (!canPush()) return "none";
  if (Notification.permission === "denied") return "blocked";
  return (await subscription()) ? "on" : "off";
}

/** Whether another browser of the same person is pushed to no more in the place of this one. */
export const replaced = signal(false);

/** Asks whoever sits here, which a browser allows after a press alone, and tells the gateway. @returns {Promise<Standing>} */
export async function turnOn() {
  if (await Notification.requestPermission() !== "granted") return "blocked";
  const { key } = await get("push");
  const here = await register();
  const known = await here.pushManager.getSubscription();
  // One of another gateway's key is written to by nobody any more.
  if (known && !isOf(known, key)) await known.unsubscribe();
  const options = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  await tell(await here.pushManager.subscribe(options));
  return "on";
}

/** Nobody is pushed to here any more. @returns {Promise<Standing>} */
export async function turnOff() {
  const here = await subscription();
  if (!here) return "off";
  await remove(`push/${await nameOf(here.endpoint)}`, PATIENCE_MS).catch(() => null);
  await here.unsubscribe();
  return "off";
}

/** What is on here is told again: the gateway may have forgotten it, as with another password. @returns {Promise<void>} */
export async function tellAgain() {
  const here = await subscription();
  if (!here) return;
  const { key, items } = await get("push");
  const name = await nameOf(here.endpoint);
  if (!isOf(here, key)) await turnOn();
  else if (!items.some((/** @type {{id: string}} */ item) => item.id === name)) await tell(here);
}

/** @returns {Promise<PushSubscription|null>} */
async function subscription() {
  if (!canPush()) return null;
  const here = await navigator.serviceWorker.getRegistration();
  return (await here?.pushManager.getSubscription()) ?? null;
}

/** @param {PushSubscription} here */
async function tell(here) {
  const answer = await send("push", here.toJSON(), PATIENCE_MS);
  replaced.value = Boolean(answer?.replaced);
}

/** The first letters of the digest of its address. @param {string} endpoint */
export async function nameOf(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return Array.from(new Uint8Array(digest).slice(0, 8), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {PushSubscription} here @param {string} key */
function isOf(here, key) {
  const own = here.options.applicationServerKey;
  return own !== null && base64(new Uint8Array(own)) === key;
}

/** @param {string} text in base64 for addresses */
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** @param {Uint8Array} all */
function base64(all) {
  return btoa(String.fromCharCode(...all)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
