// What the page uses of preact.js, for editors and `tsc --checkJs`.
export interface Signal<T> { value: T }
export interface ReadonlySignal<T> { readonly value: T }
export function signal<T>(value: T): Signal<T>;
export function computed<T>(derive: () => T): ReadonlySignal<T>;
export function effect(run: () => void): () => void;
export function batch<T>(run: () => T): T;
export function html(strings: TemplateStringsArray, ...values: unknown[]): unknown;
export function render(tree: unknown, root: HTMLElement): void;
