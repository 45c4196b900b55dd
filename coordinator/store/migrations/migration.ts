import type { Kysely } from 'kysely';

/** One step of the schema. Once it has been released it never changes: a mistake is mended by the next one. */
export interface Migration {
  /** 1 and up, without gaps. */
  readonly id: number;
  readonly name: string;
  up(db: Kysely<unknown>): Promise<void>;
}
