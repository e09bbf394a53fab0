// The keyboard's focus stays with its alarm: when a list moves the button, or the alarm goes from the
// banner to the list, the focus goes along; when the alarm is gone, it rests on nobody's button.

/** @param {HTMLElement} root @param {() => HTMLElement|null} rest where it goes when its alarm is gone */
export function keepFocus(root, rest) {
  /** @type {HTMLElement|null} */
  let last = null;
  root.addEventListener("focusin", (event) => {
    last = ofAlarm(event.target);
  });
  // Who clicks beside every button wants the focus nowhere.
  root.addEventListener("pointerdown", (event) => { last = ofAlarm(event.target); }, { capture: true });
  new MutationObserver(() => {
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (!last || !lost) return;
    (last.isConnected ? last : successor(root, last) ?? rest())?.focus({ preventScroll: true });
  }).observe(root, { subtree: true, childList: true });
}

/** @param {EventTarget|null} target @returns {HTMLElement|null} */
function ofAlarm(target) {
  return target instanceof Element ? target.closest("[data-alarm]") : null;
}

/**
 * The same button of the same alarm elsewhere, else what only names or opens that alarm: never a
 * button that does something else.
 * @param {HTMLElement} root @param {HTMLElement} gone
 */
function successor(root, gone) {
  const { alarm, act } = gone.dataset;
  const same = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(`[data-alarm="${CSS.escape(alarm ?? "")}"]`));
  const by = (/** @type {string|undefined} */ word) => [...same].find((element) => element.dataset.act === word);
  return by(act) ?? by("heading") ?? by("open") ?? null;
}
