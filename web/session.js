// Who is signed in here: by name, which the browser keeps in a cookie that no script reads, or by a token of this tab.

import { get, remove, send } from "./api.js";
import { turnOff } from "./push.js";

/** @typedef {{actor: string|null, by_name: boolean, role: string|null, station: boolean, oidc?: boolean, unset: boolean, wards: string[]|null}} Session */

/** A password takes a moment to be checked. */
const PATIENCE_MS = 30_000;

/** @returns {Promise<Session>} */
export const session = () => get("session");

/** @param {string} name @param {string} password @returns {Promise<Session>} */
export const signInByName = (name, password) => send("session", { name, password }, PATIENCE_MS);

/** Sets a password by a link, and signs in. @param {string} link @param {string} name @param {string} password @returns {Promise<Session>} */
export const useLink = (link, name, password) => send("session/link", { link, name, password }, PATIENCE_MS);

/** @param {string} password @param {string} next @returns {Promise<Session>} */
export const changePassword = (password, next) => send("session/password", { password, new: next }, PATIENCE_MS);

/** Sets the PIN that signs acts at stations. @param {string} password @param {string} pin @returns {Promise<null>} */
export const setPin = (password, pin) => send("session/pin", { password, pin: pin || null }, PATIENCE_MS, "PUT");

/** This browser becomes a station. @param {string} link @returns {Promise<Session>} */
export const becomeStation = (link) => send("session/station", { link }, PATIENCE_MS);

/** @typedef {{actor: string, role: string, signature: string, unlocked_s: number, until: string}} Unlocked */

/** Opens this station to whoever gives their PIN. @param {string} name @param {string} pin @returns {Promise<Unlocked>} */
export const unlock = (name, pin) => send("session/signature", { name, pin }, PATIENCE_MS);

export const lock = () => remove("session/signature", PATIENCE_MS);

/** What calls somebody is not shown to whoever comes after. */
export async function signOut() {
  await turnOff().catch(() => null);
  return remove("session", PATIENCE_MS);
}
