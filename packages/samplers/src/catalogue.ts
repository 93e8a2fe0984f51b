import type { SamplerDefinition } from './definition.js';
import { consistency } from './methods/consistency.js';
import { ddim } from './methods/ddim.js';
import { ddpm } from './methods/ddpm.js';
import { deis } from './methods/deis.js';
import { dpmSolverMultistep } from './methods/dpm-solver-multistep.js';
import { dpmSolverSde } from './methods/dpm-solver-sde.js';
import { dpmSolverSinglestep } from './methods/dpm-solver-singlestep.js';
import { edmDpmSolver } from './methods/edm-dpm-solver.js';
import { edmEuler } from './methods/edm-euler.js';
import { euler } from './methods/euler.js';
import { eulerAncestral } from './methods/euler-ancestral.js';
import { flowMatchEuler } from './methods/flow-match-euler.js';
import { flowMatchHeun } from './methods/flow-match-heun.js';
import { heun } from './methods/heun.js';
import { ipndm } from './methods/ipndm.js';
import { kdpm2 } from './methods/kdpm2.js';
import { kdpm2Ancestral } from './methods/kdpm2-ancestral.js';
import { lcm } from './methods/lcm.js';
import { lms } from './methods/lms.js';
import { pndm } from './methods/pndm.js';
import { tcd } from './methods/tcd.js';
import { unipc } from './methods/unipc.js';

/** Every sampler there is. */
export const CATALOGUE: readonly SamplerDefinition[] = [
  ddim,
  pndm,
  dpmSolverMultistep,
  euler,
  eulerAncestral,
  ddpm,
  unipc,
  deis,
  dpmSolverSinglestep,
  dpmSolverSde,
  heun,
  lms,
  ipndm,
  kdpm2,
  kdpm2Ancestral,
  lcm,
  tcd,
  flowMatchEuler,
  flowMatchHeun,
  edmEuler,
  edmDpmSolver,
  consistency,
];
