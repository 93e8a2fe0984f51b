import { make } from '../dom.js';

const SUGGESTIONS = [
  ['a fox on green', '#7cc46a'],
  ['three green frogs', '#2fae4f'],
  ['a ghost and a pumpkin on black', '#2d2a32'],
  ['a burger', '#e8a24a'],
  ['a panda on red', '#e5484f'],
  ['a blue cat', '#2f86f0'],
] as const;

/** Buttons that fill in a prompt and start. */
export function fillSuggestions(root: HTMLElement, choose: (prompt: string) => void): void {
  for (const [prompt, colour] of SUGGESTIONS) {
    const dot = make('i', { style: `background: ${colour}`, 'aria-hidden': 'true' });
    const button = make('button', { type: 'button' }, dot, prompt.replace(/^an? /, ''));
    button.addEventListener('click', () => choose(prompt));
    root.append(button);
  }
}
