import type { z } from 'zod';

/** Headings of the help, in its order. */
export const OPTION_GROUPS = ['everyday', 'cache', 'integers', 'measuring'] as const;
/** A heading of the help. */
export type OptionGroup = (typeof OPTION_GROUPS)[number];

/** An option of `optimize`: what a program may give, and how a command line asks for it. */
export interface OptionDefinition {
  readonly schema: z.ZodType;
  readonly group?: OptionGroup;
  /** What stands for the value in the help. */
  readonly value?: string;
  /** What the option does, in one line; left out for options of programs alone. */
  readonly help?: string;
  /** What holds without it, where the schema does not say. */
  readonly otherwise?: string;
}
