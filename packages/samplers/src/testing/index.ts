export { describeSampler } from './describe-sampler.js';
