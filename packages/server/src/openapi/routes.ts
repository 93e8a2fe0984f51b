import type { FastifyInstance } from 'fastify';
import type { ServerLimits } from '../limits.js';
import { openApiDocument } from './document.js';

export function documentRoutes(app: FastifyInstance, { limits }: { readonly limits: ServerLimits }): void {
  const document = openApiDocument(limits);
  app.get('/openapi.json', { config: { open: true } }, () => document);
}
