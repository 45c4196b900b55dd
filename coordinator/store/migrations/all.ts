import { coordinatorTables } from './0001-coordinator.ts';
import { siteTables } from './0002-sites.ts';
import { noticeTables } from './0003-notices.ts';
import type { Migration } from './migration.ts';

/** In order; ids count up from 1. */
export const migrations: readonly Migration[] = [coordinatorTables, siteTables, noticeTables];
