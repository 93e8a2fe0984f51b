import type { IncomingMessage, ServerResponse } from 'node:http';

/** A handler for the test server that keeps what is put under `/placed/` and gives it back. */
export function acceptFiles(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const files = new Map<string, Buffer>();
  return (request, response) => {
    const path = request.url ?? '';
    if (!path.startsWith('/placed/')) return false;
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        files.set(path, Buffer.concat(chunks));
        response.writeHead(204).end();
      });
      return true;
    }
    const file = files.get(path);
    response.writeHead(file ? 200 : 404).end(file);
    return true;
  };
}
