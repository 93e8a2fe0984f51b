import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  type CalibrationContext,
  type CalibrationContextOptions,
  openCalibrationContext,
} from '@cachequant/optimizer/experiments';
import { createNodeRuntime, nodeStorage } from '@cachequant/runtime-node';
import { describeMachine, untilStopped } from '../command.js';
import { CACHE, RESULTS, ROOT } from '../paths.js';
import { measureVariant } from './measure-variant.js';
import { renderW4a8Page } from './page.js';
import { CALIBRATION_PROMPTS, HELD_OUT_PROMPTS } from './prompts.js';
import { type W4a8Row, w4a8ResultsSchema } from './results.js';
import { VARIANTS } from './variants.js';

const INTERVAL = 5;
const CALIBRATION_IMAGES = 8;
const HELD_OUT_IMAGES = 12;

// Results are kept in the work folders, so that variants can be measured one by one; the last run tables them.
const { values } = parseArgs({ options: { only: { type: 'string' } } });

await untilStopped(bench, 'Stopped. The next run goes on from here.');

/** Optimizes models/fashion-sd with each kind of weights; finished ones are read back from their work folders. */
async function bench(signal: AbortSignal): Promise<void> {
  const source = nodeStorage(path.join(ROOT, 'models/fashion-sd'));
  const runtime = await createNodeRuntime();
  const rows: W4a8Row[] = [];
  let context: CalibrationContext | undefined;
  for (const variant of VARIANTS.filter(({ id }) => !values.only || id === values.only)) {
    const request: CalibrationContextOptions = {
      source,
      work: nodeStorage(path.join(CACHE, 'w4a8', variant.id)),
      runtime,
      signal,
      options: {
        steps: 50,
        interval: INTERVAL,
        guidanceScale: 4,
        schedule: 'forecast-dp',
        prompts: CALIBRATION_PROMPTS,
        verificationPrompts: HELD_OUT_PROMPTS,
        calibrationImages: CALIBRATION_IMAGES,
        verificationImages: HELD_OUT_IMAGES,
        layers: 'all',
        ...variant.options,
      },
      onStage: ({ label }, reused) => console.log(`${variant.id}: ${label}${reused ? ' (done before)' : ''}`),
    };
    const opened = await openCalibrationContext(request);
    rows.push(await measureVariant(opened, variant));
    await opened.dispose();
    context = opened.context;
  }
  await runtime.dispose();
  if (values.only || !context) return;
  const results = w4a8ResultsSchema.parse({
    model: 'models/fashion-sd',
    measuredAt: new Date().toISOString(),
    processor: describeMachine().processor,
    sampler: context.sampler.name,
    calls: context.sampler.calls,
    interval: INTERVAL,
    calibrationImages: CALIBRATION_IMAGES,
    heldOutImages: HELD_OUT_IMAGES,
    floatBytes: (await source.stat('unet/model.onnx'))!.size,
    rows,
  });
  await mkdir(RESULTS, { recursive: true });
  await writeFile(path.join(RESULTS, 'w4a8.json'), `${JSON.stringify(results, null, 2)}\n`);
  const page = renderW4a8Page(results);
  await writeFile(path.join(RESULTS, 'w4a8.md'), page);
  console.log(`\n${page}`);
}
