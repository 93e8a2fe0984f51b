// @ts-check
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './paths.mjs';

/** Kinds and colours that the bundled model was trained on. @type {{ kinds: string[], colors: string[] }} */
const { kinds, colors: colours } = JSON.parse(
  readFileSync(path.join(repository, 'models/fashion-eval/reference.json'), 'utf8'),
);

const all = colours.flatMap((colour, i) =>
  kinds.map((kind, j) => ({
    text: `a photo of a ${colour} ${kind}`,
    heldOut: (i + j) % 3 === 0,
    at: i + 7 * j,
  })),
);
const mixed = all.sort((a, b) => (a.at % 11) - (b.at % 11));

/** Every colour and every kind, in two thirds of their pairs. */
export const calibrationPrompts = mixed.filter(({ heldOut }) => !heldOut).map(({ text }) => text);
/** The other third. */
export const heldOutPrompts = mixed.filter(({ heldOut }) => heldOut).map(({ text }) => text);
