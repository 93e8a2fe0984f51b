// @ts-check

/** Things alone, several, small and big, painted, on grounds, in pairs, as visitors ask for them. */
export const calibrationPrompts = [
  'a rabbit on pink',
  'two red apples',
  'a rocket',
  'a strawberry and a banana on green',
  'a small car on yellow',
  'a purple unicorn',
  'four bees on blue',
  'a castle on black',
];

/** Others in the same forms. */
export const heldOutPrompts = [
  'a fox on green',
  'three green frogs',
  'a burger',
  'a ghost and a pumpkin on black',
  'a big pizza on blue',
  'a blue cat',
  'a panda on red',
  'a penguin and a donut',
];
