import type { TfjsLibrary } from '../tfjs-library.ts';

/** A backend of the library that has started. */
export interface StartedBackend {
  readonly library: TfjsLibrary;
  /** The library's own name of it. */
  readonly registered: string;
  /** What it runs on, where there is more to say than its name. */
  readonly runsOn?: string;
  /** What failed on the device since it was last asked, where a device fails without throwing. */
  readonly takeFailure?: () => Error | null;
}
