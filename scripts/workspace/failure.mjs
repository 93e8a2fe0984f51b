// @ts-check

/** A task that cannot go on: main prints the message and ends with the exit code, without a stack trace. */
export class TaskFailure extends Error {
  /**
   * @param {string} message
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
