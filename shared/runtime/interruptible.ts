/** Does something that Ctrl-C or a SIGTERM asks to stop, by its signal. A second one finds no listener, and ends the process. */
export async function interruptible<Result>(body: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const stopping = new AbortController();
  const forget = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  const stop = (): void => {
    forget();
    stopping.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await body(stopping.signal);
  } finally {
    forget();
  }
}
