import { type Html, html, trusted } from './html.ts';
import { style } from './style.ts';

export interface Page {
  /** Plain text, also the name of the browser's tab. */
  readonly title: string;
  /** BCP 47, such as `en`. */
  readonly language?: string;
  readonly body: Html;
}

// Nothing can be fetched and no script can run, whatever the body holds: the page is safe to open on a machine with patients' data.
const contentSecurity =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** A whole page as one file: no script, no request, system fonts; light, dark, print and telephone widths by its style sheet. */
export function page({ title, language = 'en', body }: Page): string {
  return `${
    html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentSecurity}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
${body}
</body>
</html>`.markup
  }\n`;
}
