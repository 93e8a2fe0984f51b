import { make } from '../dom.js';

const SUGGESTIONS = [
  ['a photo of a red sneaker', '#d5342f'],
  ['a photo of a blue dress', '#2f6fd5'],
  ['a photo of a green bag', '#2f9e4f'],
  ['a photo of an orange pullover', '#ee8a2b'],
  ['a photo of a teal coat', '#1d9a96'],
  ['a photo of a purple ankle boot', '#7e45c0'],
] as const;

/** Buttons that fill in a prompt and start. */
export function fillSuggestions(root: HTMLElement, choose: (prompt: string) => void): void {
  for (const [prompt, colour] of SUGGESTIONS) {
    const dot = make('i', { style: `background: ${colour}`, 'aria-hidden': 'true' });
    const button = make('button', { type: 'button' }, dot, prompt.replace(/^a photo of an? /, ''));
    button.addEventListener('click', () => choose(prompt));
    root.append(button);
  }
}
