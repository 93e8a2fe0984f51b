const STAGES: Readonly<Record<string, string>> = {
  cut: 'cut the network in two',
  observe: 'observe the float model',
  references: 'draw the reference pictures',
  quantize: 'quantize the weights',
  anchors: 'observe the quantized features',
  'correct-outputs': 'fit the quantization correction',
  decoder: 'quantize the decoder',
  'text encoder': 'quantize the text encoder',
  verify: 'compare with the original',
  bundle: 'write the bundle',
};

/** What a stage of an optimization does, for people. */
export function describeStage(name: string): string {
  const [, schedule, correction] = /^candidate-(.*)-([^-]+)$/.exec(name) ?? [];
  if (schedule !== undefined) return `try the ${schedule} schedule with the cache correction "${correction}"`;
  return STAGES[name] ?? name;
}
