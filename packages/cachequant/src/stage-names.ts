const STAGES: Readonly<Record<string, string>> = {
  cut: 'cut the network in two',
  observe: 'observe the float model',
  references: 'draw the reference pictures',
  quantize: 'quantize the weights',
  trial: 'quantize everything for a trial',
  'layer-times': 'measure the time of each layer',
  'layer-errors': 'measure the error of each layer',
  'layer-choice': 'decide which layers stay in float',
  anchors: 'observe the quantized features',
  'float-variants': 'write float graphs for other backends',
  decoder: 'quantize the decoder',
  'text encoder': 'quantize the text encoder',
  verify: 'compare with the original',
  'off-calibration': 'compare away from the calibration',
  bundle: 'write the bundle',
};

/** What a stage of an optimization does, for people. */
export function describeStage(name: string): string {
  const [, schedule, correction, guidance] = /^candidate-(.*?)-([^-]+)(-guidance)?$/.exec(name) ?? [];
  if (guidance) return `try the ${schedule} schedule with the guidance forecast`;
  if (schedule !== undefined) return `try the ${schedule} schedule with the cache correction "${correction}"`;
  if (name.startsWith('outputs-')) return 'fit the quantization correction';
  if (name.endsWith('off-calibration')) return STAGES['off-calibration']!;
  return STAGES[name] ?? name;
}
