import type { PromptSplit } from './prompts.js';

const THINGS = [
  'fox',
  'burger',
  'rocket',
  'strawberry',
  'panda',
  'castle',
  'sunflower',
  'car',
  'frog',
  'unicorn',
  'owl',
  'pizza',
  'penguin',
  'guitar',
  'cactus',
  'robot',
  'crab',
  'rainbow',
  'pineapple',
  'dinosaur',
  'cupcake',
  'bus',
  'ghost',
  'snail',
] as const;
const GROUNDS = ['', ' on green', ' on blue', ' on yellow', ' on pink'] as const;
const FORMS = [
  (thing: string) => `a ${thing}`.replace(/^a (?=[aeio])/, 'an '),
  (thing: string) => `a small ${thing}`,
  (thing: string) => `two ${pluralOf(thing)}`,
] as const;

function pluralOf(thing: string): string {
  if (/[sx]$/.test(thing)) return `${thing}es`;
  return thing.endsWith('y') ? `${thing.slice(0, -1)}ies` : `${thing}s`;
}

/** Things in several numbers and sizes on several grounds; a third of them, every thing among them, is held out. */
export function emojiPrompts(): PromptSplit {
  const all = THINGS.flatMap((thing, i) =>
    FORMS.map((form, j) => ({
      prompt: `${form(thing)}${GROUNDS[(i + 2 * j) % GROUNDS.length]}`,
      heldOut: (i + j) % 3 === 0,
      order: (5 * i + 7 * j) % 11,
    })),
  ).sort((a, b) => a.order - b.order);
  const chosen = (heldOut: boolean) =>
    all.filter((one) => one.heldOut === heldOut).map(({ prompt }) => prompt);
  return { calibration: chosen(false), heldOut: chosen(true) };
}
