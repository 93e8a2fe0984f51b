import { CacheQuantError } from '@cachequant/tensor';

/** Where a command listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const TAKEN = new Set([
  'EADDRINUSE',
  'EACCES',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EINVAL',
  'ERR_SOCKET_BAD_PORT',
]);

/**
 * For what listening rejects with: says where the command was to listen. Other errors pass.
 * @param portOption the option that names the port
 */
export function refuseAddress({ host, port }: ListenAddress, portOption: string): (error: unknown) => never {
  return (cause) => {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined || !TAKEN.has(code)) throw cause;
    throw new CacheQuantError('invalid-argument', 'the server cannot listen there', {
      where: `${host}:${port}`,
      got: code,
      hint:
        code === 'EADDRINUSE'
          ? `Another program does; give another ${portOption}.`
          : `Check the address and ${portOption}.`,
      cause,
    });
  };
}
