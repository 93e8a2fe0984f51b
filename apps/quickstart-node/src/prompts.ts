const COLORS = [
  'black',
  'gray',
  'red',
  'orange',
  'yellow',
  'green',
  'teal',
  'blue',
  'purple',
  'pink',
  'brown',
];
const KINDS = [
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

/** Every colour with every kind; a third of the pairs is never calibrated on. */
function pairs(heldOut: boolean): string[] {
  const prompts: string[] = [];
  for (let step = 0; step < COLORS.length * KINDS.length; step++) {
    const color = (step * 3) % COLORS.length;
    const kind = (step + Math.floor(step / (COLORS.length * KINDS.length))) % KINDS.length;
    if (((color + kind) % 3 === 0) === heldOut) prompts.push(`a photo of a ${COLORS[color]} ${KINDS[kind]}`);
  }
  return prompts;
}

export const CALIBRATION_PROMPTS = pairs(false);
export const HELD_OUT_PROMPTS = pairs(true);
