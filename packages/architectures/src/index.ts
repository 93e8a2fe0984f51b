export type { Architecture, GraphOptions, Part } from './architectures/architecture.js';
export { ARCHITECTURES } from './architectures/index.js';
export { type BuildOptions, type BuiltGraph, buildGraph, classOf, findArchitecture } from './build-graph.js';
export type { WeightPlacement } from './builder/parameters.js';
