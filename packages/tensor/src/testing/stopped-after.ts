/** A signal that is aborted as soon as it has been asked so often: from inside a computation, whatever time it takes. */
export function stoppedAfter(questions: number): AbortSignal & { readonly asked: number } {
  let asked = 0;
  const signal = {
    get aborted(): boolean {
      asked += 1;
      return asked > questions;
    },
    get asked(): number {
      return asked;
    },
    reason: 'stopped by a test',
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  };
  return signal as unknown as AbortSignal & { readonly asked: number };
}
