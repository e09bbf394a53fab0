// A button takes no press for a moment after what is shown at its place has changed: whoever aimed at
// what was there before must not answer what came in between.

import { t } from "./language.js";

/** As long as it takes to see that something changed and to stop a finger. */
export const HOLD_MS = 700;
/** Moved by less than this is where it was. */
const SAME_PX = 3;

/** @typedef {{meaning: string, x: number, y: number, until: number}} Seen */

/**
 * What is known of a button, from what was known and what is there now. Pure.
 * @param {Seen|undefined} before @param {{meaning: string, x: number, y: number}} now @param {number} at
 * @returns {Seen}
 */
export function look(before, now, at) {
  const same = before !== undefined && before.meaning === now.meaning
    && Math.abs(before.x - now.x) < SAME_PX && Math.abs(before.y - now.y) < SAME_PX;
  return { ...now, until: same ? before.until : at + HOLD_MS };
}

/** @type {WeakMap<Element, Seen>} */
const seen = new WeakMap();
let frame = 0;
let timer = 0;
let before = { height: 0, y: 0 };

/**
 * Watches the buttons of `root`, those with `data-meaning`: what a press on it would do. What is in
 * `[data-still]` does not scroll. `onRefused` hears of a press that was not taken.
 * @param {HTMLElement} root @param {(why: string) => void} onRefused
 */
export function watchButtons(root, onRefused) {
  const soon = () => { frame ||= requestAnimationFrame(() => lookAtAll(root)); };
  new MutationObserver(soon).observe(root, {
    subtree: true, childList: true, characterData: true, attributeFilter: ["class", "data-meaning", "data-refused"],
  });
  new ResizeObserver(soon).observe(root);
  addEventListener("resize", soon);
  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-meaning]") : null;
    if (!(button instanceof HTMLElement)) return;
    // What changed since the last frame counts too.
    lookAtAll(root);
    const why = refusal(button, performance.now());
    if (why === "") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    onRefused(why);
  }, { capture: true });
}

/** @param {HTMLElement} root */
function lookAtAll(root) {
  cancelAnimationFrame(frame);
  frame = 0;
  const at = performance.now();
  const shift = scrolled(root);
  let next = Infinity;
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-meaning]"))) {
    const { left, top } = button.getBoundingClientRect();
    const y = shift.still?.contains(button) ? top : top + shift.y;
    const known = shift.jumped && !shift.still?.contains(button) ? undefined : seen.get(button);
    const now = look(known, { meaning: button.dataset.meaning ?? "", x: left, y }, at);
    seen.set(button, now);
    if (now.until > at) next = Math.min(next, now.until);
    show(button, at);
  }
  clearTimeout(timer);
  if (next < Infinity) timer = setTimeout(() => lookAtAll(root), next - at + 1);
}

/**
 * Whoever scrolls moves the buttons himself, so places are those on the page. But a page that becomes
 * shorter is scrolled by the browser.
 * @param {HTMLElement} root
 */
function scrolled(root) {
  const still = root.querySelector("[data-still]");
  const now = { height: document.documentElement.scrollHeight, y: scrollY };
  const jumped = now.height < before.height && now.y < before.y;
  before = now;
  return { jumped, y: now.y, still: still && getComputedStyle(still).display !== "contents" ? still : null };
}

/** @param {HTMLElement} button @param {number} at */
function refusal(button, at) {
  if (button.dataset.refused) return button.dataset.refused;
  const known = seen.get(button);
  return known && known.until <= at ? "" : t("refused.held");
}

// The attribute `disabled` would take the focus away.
/** @param {HTMLElement} button @param {number} at */
function show(button, at) {
  const why = refusal(button, at);
  const held = why !== "" && !button.dataset.refused;
  button.toggleAttribute("data-held", held);
  if (why === "") button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
  if (button.title !== why) button.title = why;
}
