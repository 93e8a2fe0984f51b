/** What the process says with its exit code. */
export const EXIT_CODES = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** As shells report a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

/** One of the exit codes of {@link EXIT_CODES}. */
export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
