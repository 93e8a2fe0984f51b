import { z } from 'zod';
import { OPTIMIZE_OPTIONS, type OptimizeOptions } from './optimize-options.js';
import type { OptionGroup } from './option-definition.js';

/** What text an option's value is read from. */
export type OptionValue =
  | { readonly kind: 'text' | 'names' }
  | { readonly kind: 'integer' | 'integers' | 'number'; readonly least: number; readonly most: number }
  | { readonly kind: 'choice'; readonly choices: readonly string[] };

/** An option as a command line offers it. */
export interface OptionLine {
  readonly name: keyof OptimizeOptions;
  /** `--guidance-scale <number>` */
  readonly flag: string;
  readonly group: OptionGroup;
  /** With what holds where it is left out. */
  readonly help: string;
  readonly value: OptionValue;
}

/** The options of `optimize` that a command line offers, in the order of their groups. */
export function optionLines(): OptionLine[] {
  return Object.entries(OPTIMIZE_OPTIONS).flatMap(([name, definition]) => {
    if (!('help' in definition)) return [];
    const { schema, group, value, help } = definition;
    const otherwise = 'otherwise' in definition ? definition.otherwise : defaultOf(schema);
    return [
      {
        name: name as keyof OptimizeOptions,
        flag: `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} <${value}>`,
        group,
        help: otherwise === undefined ? help : `${help} (default: ${otherwise})`,
        value: valueRead(schema),
      },
    ];
  });
}

function defaultOf(schema: z.ZodType): string | undefined {
  return schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : undefined;
}

function valueRead(schema: z.ZodType): OptionValue {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional) {
    return valueRead(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodEnum) return { kind: 'choice', choices: schema.options.map(String) };
  if (schema instanceof z.ZodArray) {
    const element = valueRead(schema.element as z.ZodType);
    return element.kind === 'integer' ? { ...element, kind: 'integers' } : { kind: 'names' };
  }
  if (!(schema instanceof z.ZodNumber)) return { kind: 'text' };
  const { minValue, maxValue } = schema;
  const kind = schema instanceof z.ZodNumberFormat ? 'integer' : 'number';
  return { kind, least: minValue ?? Number.NEGATIVE_INFINITY, most: maxValue ?? Number.POSITIVE_INFINITY };
}
