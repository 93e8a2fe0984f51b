import type { AblationEvaluator } from './ablation-model.js';

/** Names kind and colour of clothing in pictures of 32 pixels. */
export const fashionEvaluator: AblationEvaluator = { name: 'fashion-eval', kind: 'kind', color: 'color' };
