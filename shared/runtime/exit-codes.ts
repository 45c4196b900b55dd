/** Exit codes of every `wardround` command; scripts may rely on them. */
export const exitCodes = {
  ok: 0,
  /** A defect: an error nobody foresaw. */
  unexpected: 1,
  /** A flag, a file or the data is wrong; the message names it. */
  badInput: 2,
  /** The coordinator or the gate refused: credentials, policy, revoked site. */
  refused: 3,
  /** No such run, site, release, model or plan digest. A file that is not there is `badInput`. */
  notFound: 4,
  /** The coordinator could not be reached, or is busy; trying again may work. */
  unavailable: 5,
  /** The run that was watched ended as failed, stopped or paused. */
  runNotFinished: 6,
  /** Stopped by Ctrl-C or SIGTERM; `coordinator start` ends with 0 when it is, for that is how it ends well. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
