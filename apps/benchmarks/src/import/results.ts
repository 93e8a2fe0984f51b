import { z } from 'zod';
import { machineSchema, spreadSchema } from '../results.js';

const processSchema = z.object({
  seconds: z.number(),
  /** Anonymous and shared memory. */
  peakBytes: z.number(),
  /** With mapped files. */
  peakResidentBytes: z.number(),
});

const madeFolderSchema = processSchema.extend({
  /** What was written: links count nothing. */
  writtenBytes: z.number(),
  parts: z.array(z.string()),
});

const firstCallSchema = z.object({
  loadSeconds: z.number(),
  callSeconds: z.number(),
  keptBytes: z.number(),
  peakBytes: z.number(),
});

const pairSchema = z.object({ imported: spreadSchema, exported: spreadSchema });

const measured = { measuredAt: z.string() };

/** What `npm run bench:import` writes; each part is measured by itself and keeps its results when others are measured. */
export const importResultsSchema = z.object({
  machine: machineSchema.omit({ int8FullRange: true }),
  versions: z.record(z.string(), z.string()),
  /** From a diffusers folder of Stable Diffusion 1.5's size in float16 to a folder that runs. */
  folder: z
    .object({
      ...measured,
      parameters: z.record(z.string(), z.number()),
      sourceBytes: z.number(),
      imported: madeFolderSchema,
      /** Left out where Python or what it needs was missing. */
      exported: madeFolderSchema.optional(),
      withoutExport: z.string().optional(),
      firstCall: z.object({ imported: firstCallSchema, exported: firstCallSchema.optional() }),
    })
    .optional(),
  /** One call of the two U-Nets in turn. */
  calls: z
    .object({
      ...measured,
      latentSize: z.int(),
      float: pairSchema,
      /** Largest difference of the two predictions over the largest number. */
      floatError: z.number(),
      int8: pairSchema.optional(),
    })
    .optional(),
  /** Stable Diffusion XL's U-Net, imported, observed and quantized. */
  sdxl: z
    .object({
      ...measured,
      parameters: z.number(),
      sourceBytes: z.number(),
      latentSize: z.int(),
      ...processSchema.shape,
      stages: z.array(z.object({ name: z.string(), peakBytes: z.number() })),
      bundleBytes: z.number(),
      /** Of the work folder, which has the cut network in float32. */
      workBytes: z.number().optional(),
    })
    .optional(),
});

export type ImportResults = z.output<typeof importResultsSchema>;
