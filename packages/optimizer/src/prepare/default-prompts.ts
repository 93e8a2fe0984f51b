/** What calibration draws when no prompts are given: everyday subjects in varied styles and light. */
export const DEFAULT_PROMPTS: readonly string[] = [
  'a photo of a red sneaker',
  'a portrait of an old fisherman, natural light',
  'a watercolor painting of a mountain lake at dawn',
  'a bowl of fresh fruit on a wooden table',
  'a green handbag on a white background',
  'a city street at night in the rain, neon signs',
  'a close-up photo of a bee on a sunflower',
  'a blue dress',
  'an astronaut riding a horse, digital art',
  'a cozy living room with a fireplace',
  'a black ankle boot, studio photo',
  'a golden retriever puppy in the snow',
  'an oil painting of a sailing ship in a storm',
  'a yellow t-shirt',
  'a plate of sushi, overhead changes',
  'a futuristic train station, concept art',
];
