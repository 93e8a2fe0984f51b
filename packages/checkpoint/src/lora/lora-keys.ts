/** Which part of a layer's addition a weight is. */
export type LoraRole = 'down' | 'up' | 'mid' | 'alpha' | 'magnitude';

export interface LoraKey {
  /** The layer's name as the file has it, without what training added to it. */
  readonly layer: string;
  readonly role: LoraRole;
}

const ROLES: readonly (readonly [suffix: RegExp, role: LoraRole])[] = [
  // kohya and LyCORIS
  [/\.lora_down\.weight$/, 'down'],
  [/\.lora_up\.weight$/, 'up'],
  [/\.lora_mid\.weight$/, 'mid'],
  // PEFT, with or without the adapter's name
  [/\.lora_A(\.default)?\.weight$/, 'down'],
  [/\.lora_B(\.default)?\.weight$/, 'up'],
  // diffusers before PEFT
  [/(\.lora|_lora|\.lora_linear_layer)\.down\.weight$/, 'down'],
  [/(\.lora|_lora|\.lora_linear_layer)\.up\.weight$/, 'up'],
  [/\.alpha$/, 'alpha'],
  // DoRA as PEFT writes it
  [/\.lora_magnitude_vector(\.default)?(\.weight)?$/, 'magnitude'],
];

const OTHER_FORMS: readonly (readonly [sign: RegExp, form: string])[] = [
  // Its strength means another thing than in PEFT's, and diffusers leaves it out.
  [/\.dora_scale$/, "DoRA in LyCORIS' form"],
  [/\.hada_\w+$/, 'LoHa'],
  [/\.lokr_\w+$/, 'LoKr'],
  [/\.(oft_\w+|boft_\w+)$/, 'OFT'],
  [/\.on_input$/, 'IA³'],
  [/\.(diff|diff_b|w_norm|b_norm)$/, 'whole differences of weights'],
  [/\.lora_(A|B)(\.default)?\.bias$/, 'biases'],
];

/**
 * Takes the name of a weight in a LoRA file apart.
 * @returns undefined for names of no known form
 */
export function parseLoraKey(name: string): LoraKey | undefined {
  const found = ROLES.find(([suffix]) => suffix.test(name));
  if (found === undefined) return undefined;
  return { layer: name.replace(found[0], '').replace('.processor.', '.'), role: found[1] };
}

/** The form of adaptation that a name belongs to, where it is one that is not applied. */
export function unsupportedForm(name: string): string | undefined {
  return OTHER_FORMS.find(([sign]) => sign.test(name))?.[1];
}
