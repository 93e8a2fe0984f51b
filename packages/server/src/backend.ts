import type { Logger } from 'pino';
import { LocalStudio, type Studio } from './drawing/studio.js';
import type { ServerLimits } from './limits.js';
import { logChange } from './log.js';
import type { ModelList } from './models/model-list.js';
import { ModelShelf } from './models/model-shelf.js';
import type { ServedModel } from './models/served-model.js';
import type { ServerMetrics } from './operations/metrics.js';
import { drawWarmUp } from './warm-up.js';

/** What is behind a server's routes: models, and a place where their pictures are drawn. */
export interface Backend {
  readonly models: ModelList;
  readonly studio: Studio;
  /** Resolves when pictures can be drawn. */
  warmUp(): Promise<void>;
  /** Whether they can be drawn now, after that; left out: they can. */
  isReady?(): boolean;
  /** Called when nothing is drawn any more. */
  dispose(): Promise<void>;
}

/** What a server gives to what is behind it. */
export interface BackendContext {
  readonly limits: ServerLimits;
  readonly metrics: ServerMetrics;
  readonly log: Logger;
  /** Whether prompts go to the log. */
  readonly logPrompts: boolean;
}

export interface LocalBackendOptions {
  readonly models: readonly ServedModel[];
  readonly memoryBytes?: number | undefined;
  readonly warmUpSteps?: number | undefined;
}

/** Models in this process, one picture at a time. */
export function localBackend(options: LocalBackendOptions, context: BackendContext): Backend {
  const { metrics, log } = context;
  const shelf = new ModelShelf(options.models, {
    memoryBytes: options.memoryBytes,
    onChange: (change) => logChange(log, change),
  });
  const studio = new LocalStudio({ shelf, ...context });
  metrics.watch({
    cachequant_models_loaded: () => shelf.loaded.length,
    cachequant_models_bytes: () => shelf.heldBytes,
  });
  return {
    models: shelf,
    studio,
    warmUp: () => drawWarmUp(studio, shelf.models[0]!, options.warmUpSteps),
    dispose: () => shelf.dispose(),
  };
}
