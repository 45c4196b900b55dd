import type { Fault, FaultKind } from './fault-schema.ts';

const words: Readonly<Record<FaultKind, string>> = {
  offline: 'cannot reach the coordinator',
  slow: 'answers after the deadline',
  'corrupt-update': 'sends an update with a value that is no number',
};

/** What goes wrong, for the report. */
export function faultSentence({ site, rounds: [from, to], kind }: Fault): string {
  const when = from === to ? `In round ${from}` : `In rounds ${from} to ${to}`;
  return `${when} ${site} ${words[kind]}.`;
}
