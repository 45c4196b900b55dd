/** The page's only style sheet: system fonts, light and dark by the reader's setting, black on white in print. */
export const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1d2733;--faint:#66727f;--rule:#dfe4ea;--panel:#f5f7f9;--new:#0b63b0;--current:#9a5b00;
--accept:#14683c;--hold:#8a5a00;--reject:#a8201a;--heat:176,32,26}
@media (prefers-color-scheme:dark){:root{--paper:#12171d;--ink:#e6ebf0;--faint:#97a3af;--rule:#2c353f;--panel:#1a2129;--new:#6cb6ff;--current:#f0b35c;
--accept:#5fd38d;--hold:#f0b35c;--reject:#ff8a80;--heat:255,110,100}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1.5rem 1rem 4rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.3rem;margin:2.5rem 0 .5rem;border-bottom:2px solid var(--rule);padding-bottom:.3rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}p{margin:.4rem 0;max-width:48rem}ul{margin:.4rem 0;padding-left:1.2rem}
.faint,figcaption,.key{color:var(--faint);font-size:.88rem}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:1rem}
figure{margin:0;background:var(--panel);border-radius:8px;padding:.75rem;max-width:34rem;min-width:0}
figure svg{width:100%;height:auto;display:block}
.wide{overflow-x:auto;margin:.6rem 0}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.3rem .6rem;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}thead th{color:var(--faint);font-weight:600}
td.n,th.n{text-align:right;white-space:nowrap}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.8rem;margin:.6rem 0}
.card{border:1px solid var(--rule);border-left:5px solid var(--c);border-radius:8px;padding:.6rem .8rem;min-width:0}
.accept{--c:var(--accept)}.hold{--c:var(--hold)}.reject{--c:var(--reject)}
.card b,td b{color:var(--c);text-transform:uppercase;letter-spacing:.03em}.card h4{margin:0;font-size:1rem;display:flex;justify-content:space-between;gap:.5rem}
.card ul{font-size:.9rem}.card p{font-size:.9rem}
.heat .key{color:inherit;font-size:.85em;white-space:nowrap}h4{margin:1rem 0 .2rem}.heat td.h{background:rgba(var(--heat),var(--a));text-align:right}.heat td.found{outline:2px solid var(--reject);outline-offset:-2px;font-weight:600}
code{font:.82rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--faint)}
@media print{
details::details-content{content-visibility:visible;block-size:auto}.card details{display:none}table{font-size:7.5pt}td.n,th.n{white-space:normal;padding:.2rem .35rem}:root{color-scheme:light;--paper:#fff;--ink:#000;--faint:#444;--rule:#bbb;--panel:#fff;--new:#003f7f;--current:#7a4300;--accept:#0b4d2b;--hold:#6b4500;--reject:#8a130e;--heat:176,32,26}
body{font-size:10.5pt;padding:0;max-width:none}figure,.card,tr{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
