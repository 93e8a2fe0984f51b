import { conflictingFields } from '../config.js';

/** @throws CacheQuantError `unsupported` where more than one spacing of noise levels is asked for */
export function checkSpacings(config: {
  use_karras_sigmas: boolean;
  use_exponential_sigmas: boolean;
  use_beta_sigmas: boolean;
  use_flow_sigmas: boolean;
  use_lu_lambdas?: boolean;
  final_sigmas_type?: string;
}): void {
  const names = [
    'use_karras_sigmas',
    'use_lu_lambdas',
    'use_exponential_sigmas',
    'use_beta_sigmas',
    'use_flow_sigmas',
  ] as const;
  const asked = names.filter((name) => config[name]);
  if (asked.length > 1) {
    throw conflictingFields(`${asked.join(' and ')} are true, which exclude each other`, 'Set one of them');
  }
  if (config.use_flow_sigmas && config.final_sigmas_type === 'sigma_min') {
    throw conflictingFields(
      'final_sigmas_type "sigma_min" with use_flow_sigmas would end at a noise level of the betas',
      'Set final_sigmas_type "zero"',
    );
  }
}
