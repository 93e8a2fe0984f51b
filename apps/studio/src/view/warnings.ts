import { make } from '../dom.js';

/** Shows what the models warn of, each once; nothing where there is nothing. */
export function showWarnings(root: HTMLElement, warnings: readonly string[]): void {
  root.replaceChildren(...[...new Set(warnings)].map((warning) => make('p', {}, `Warning: ${warning}`)));
  root.hidden = warnings.length === 0;
}
