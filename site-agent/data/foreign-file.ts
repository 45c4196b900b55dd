import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/** Comments; quoted text and names of any kind; bare names with points, which DuckDB takes for files too. */
const pieces =
  /--[^\n]*|\/\*[\s\S]*?\*\/|'(?<text>(?:[^']|'')*)'|"(?<name>(?:[^"]|"")*)"|\$(?<tag>\w*)\$(?<dollar>[\s\S]*?)\$\k<tag>\$|(?<bare>[\p{L}_][\p{L}\p{N}_]*(?:\.[\p{L}_][\p{L}\p{N}_]*)+)/gu;

function* namesIn(sql: string): Generator<string> {
  for (const { groups } of sql.matchAll(pieces)) {
    const name =
      groups?.text?.replaceAll("''", "'") ?? groups?.name?.replaceAll('""', '"') ?? groups?.dollar ?? groups?.bare;
    if (name !== undefined && name !== '' && name.length <= 1024 && !/[\0*?[]/.test(name)) yield name;
  }
}

/** What DuckDB would open under a name, by its real path; null where there is none. */
function openable(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? null : realpathSync(path);
  } catch {
    return null;
  }
}

/**
 * The first name in a query that is a file in the folder where the process was started, and not the site directory's: DuckDB looks there
 * first, whatever its search path is (not for patterns with * and the like). Null without one.
 */
export function foreignFile(sql: string, directory: string, startedIn: string): string | null {
  for (const name of namesIn(sql)) {
    if (isAbsolute(name)) continue;
    const found = openable(join(startedIn, name));
    if (found !== null && found !== openable(join(directory, name))) return name;
  }
  return null;
}
