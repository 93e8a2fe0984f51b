import { CacheQuantError } from '@cachequant/tensor';
import { cutModel } from './calibrated-model.js';
import { type ObservedShard, observeShardImages } from './observe/shards.js';
import { targetOf } from './operating-points/explore.js';
import {
  type CalibrationContextOptions,
  openCalibrationContext,
} from './prepare/open-calibration-context.js';
import { FLOAT_CACHED, FLOAT_FULL, FLOAT_OBSERVED } from './work/graph-files.js';
import type { Shard } from './work/stage.js';

/** What {@link observeShard} takes: as `optimize`, without a place for a bundle. */
export interface ObserveShardRequest extends CalibrationContextOptions {
  readonly shard: Shard;
}

/**
 * Observes a share of the calibration images into a work folder of its own, on whatever machine. `optimize` with the
 * folders of all `shards` then makes what it would have made alone, bit by bit: sums are made image by image, in order.
 *
 * Only machines that round alike give the same bits as one of them alone.
 * @throws CacheQuantError as `optimize`; `invalid-argument` for a shard that cannot be; `unsupported` with options that
 * look for an operating point, which observe several times
 */
export async function observeShard(request: ObserveShardRequest): Promise<ObservedShard> {
  refuseTarget(request);
  const opened = await openCalibrationContext(request);
  try {
    const { context, runner, prepared, inputDims, plan } = opened;
    const { observed } = await cutModel(context, runner, { inputDims, model: prepared.model, plan });
    const shard = await observeShardImages(context, runner, observed, request.shard);
    // The run that merges cuts the model itself.
    for (const path of [FLOAT_FULL, FLOAT_CACHED, FLOAT_OBSERVED, 'float/weights.bin']) {
      await context.work.remove(path);
    }
    return shard;
  } finally {
    await opened.dispose();
  }
}

/** @throws CacheQuantError `unsupported` */
export function refuseTarget({ options, plan }: Pick<CalibrationContextOptions, 'options' | 'plan'>): void {
  if (plan || !targetOf(options)) return;
  throw new CacheQuantError('unsupported', 'an operating point cannot be looked for in shards', {
    where: 'shard',
    hint: 'Leave out the target, or name interval and steps',
  });
}
