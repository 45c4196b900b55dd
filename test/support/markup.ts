const empty = new Set(['meta', 'br', 'hr', 'link', 'input', 'img', 'col']);

/** Problems of a page's nesting: a tag that is not closed, or closed out of turn. Attributes must be quoted. Empty when well formed. */
export function nestingProblems(page: string): readonly string[] {
  const problems: string[] = [];
  const open: string[] = [];
  const body = page.replace(/<!doctype html>/i, '').replace(/<style>[\s\S]*?<\/style>/g, '');
  const tag = /<(\/?)([a-zA-Z][a-zA-Z0-9:-]*)((?:\s+[a-zA-Z_:][\w:.-]*(?:="[^"<]*")?)*)\s*(\/?)>|(<)/g;
  for (const [, closing, name, , selfClosing, stray] of body.matchAll(tag)) {
    if (stray !== undefined) {
      problems.push('a < that begins no tag');
      continue;
    }
    const found = (name as string).toLowerCase();
    if (closing === '/') {
      const last = open.pop();
      if (last !== found) problems.push(`</${found}> closes ${last ?? 'nothing'}`);
    } else if (selfClosing !== '/' && !empty.has(found)) open.push(found);
  }
  return [...problems, ...open.map((name) => `<${name}> is not closed`)];
}

/** What of a page could run or reach out: scripts, handlers, frames, addresses. */
export function reachingOut(page: string): readonly string[] {
  const visible = page.replaceAll(/href="data:application\/(json|gzip);base64,[A-Za-z0-9+/=]*"/g, '');
  return [
    ...visible.matchAll(
      /<(script|link|iframe|object|embed|form|base|img)\b|\son[a-z]+=|javascript:|@import|url\(|\b(https?|ftp|wss?):\/\/(?!www\.w3\.org\/2000\/svg)/gi,
    ),
  ].map(([found]) => found);
}
