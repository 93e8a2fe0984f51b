/** The command was asked in a way that it does not take; ends with exit code 2, as what commander itself refuses. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
