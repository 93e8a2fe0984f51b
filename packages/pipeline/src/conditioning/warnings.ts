import { CacheQuantError } from '@cachequant/tensor';

/** Takes what the user should know; throws it instead where the request is strict. */
export type Warn = (message: string) => void;

/** Collects warnings without repeating them; a note is one that no strict request is refused for. */
export function warningCollector(
  strict: boolean,
  onWarning: Warn | undefined,
): { warn: Warn; note: Warn; warnings: readonly string[] } {
  const warnings: string[] = [];
  const note = (message: string) => {
    if (warnings.includes(message)) return;
    warnings.push(message);
    onWarning?.(message);
  };
  const warn = (message: string) => {
    if (strict) throw new CacheQuantError('invalid-argument', message, { where: 'generate, strict' });
    note(message);
  };
  return { warn, note, warnings };
}
