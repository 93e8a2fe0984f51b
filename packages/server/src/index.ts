export type { Backend, BackendContext } from './backend.js';
export { ApiError, type ApiErrorDetails, type ErrorBody } from './faults/api-error.js';
export { DEFAULT_LIMITS, type ServerLimits } from './limits.js';
export { type ModelPlace, serveModel } from './models/open-model.js';
export type { LoadedModel, PictureGenerator, ServedModel } from './models/served-model.js';
export {
  createFrontServer,
  createPictureServer,
  type FrontServerOptions,
  type Listening,
  type PictureServer,
  type PictureServerOptions,
  type ServerOptions,
} from './server.js';
