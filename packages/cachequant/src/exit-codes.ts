/** What the process says with its exit code. */
export const EXIT_CODES = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** As shells report a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];
