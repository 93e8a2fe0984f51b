// @ts-check
const colours = 'black gray red orange yellow green teal blue purple pink brown'.split(' ');
const kinds = [
  't-shirt',
  'trousers',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

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
