import { make } from '../dom.js';
import type { Explanation } from '../engine/explain.js';

/** Shows what went wrong until it is closed or replaced. */
export function showNotice(root: HTMLElement, { title, text, details }: Explanation): void {
  const close = make('button', { type: 'button', class: 'quiet' }, 'Close');
  close.addEventListener('click', () => hideNotice(root));
  const more = details === undefined ? [] : [make('details', {}, make('summary', {}, 'Details'), details)];
  root.replaceChildren(make('h2', {}, title), make('p', {}, text), ...more, close);
  root.hidden = false;
  root.scrollIntoView({ block: 'nearest' });
}

export function hideNotice(root: HTMLElement): void {
  root.hidden = true;
  root.replaceChildren();
}
