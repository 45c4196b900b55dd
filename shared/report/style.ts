/**
 * The style sheet of every page: system fonts; light and dark by the reader's setting; black on white in print, where nothing depends on
 * colour; and one column at the width of a telephone. Blue, orange and vermilion are told apart by colour-blind readers (Okabe and Ito
 * 2008), and each also has its own shape.
 */
export const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1b2530;--faint:#5b6773;--rule:#dde3e9;--panel:#f4f6f8;--new:#0b5cab;--current:#9a5200;
--accept:#0f6b3c;--hold:#8a5a00;--reject:#a8201a;--heat:176,52,26}
@media (prefers-color-scheme:dark){:root{--paper:#12171d;--ink:#e6ebf0;--faint:#9aa6b2;--rule:#2c353f;--panel:#1a2129;--new:#6cb6ff;--current:#f0a95c;
--accept:#5fd38d;--hold:#f0b35c;--reject:#ff8a80;--heat:255,120,90}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:1.25rem 1rem 4rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;line-height:1.3;margin:2.4rem 0 .5rem;border-bottom:2px solid var(--rule);padding-bottom:.25rem}
h3{font-size:1.02rem;margin:1.5rem 0 .35rem}h4{font-size:.95rem;margin:1rem 0 .2rem}p{margin:.4rem 0;max-width:46rem}
ul,ol{margin:.4rem 0;padding-left:1.25rem;max-width:46rem}li{margin:.2rem 0}a{color:var(--new)}
.faint,figcaption,.key,caption{color:var(--faint)}.faint,figcaption,caption{font-size:.86rem}.key{font-size:.92em}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem;margin:.6rem 0}
figure{margin:0;background:var(--panel);border-radius:8px;padding:.75rem;min-width:0;max-width:36rem}
figure>svg{width:100%;height:auto;display:block}svg text{font:11.5px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink)}
.wide{overflow-x:auto;margin:.6rem 0;max-width:100%}.wide:focus-visible{outline:2px solid var(--new);outline-offset:2px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.89rem}caption{text-align:left;padding:0 0 .3rem;max-width:46rem}
th,td{padding:.28rem .6rem .28rem 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:top}tbody th{font-weight:400}
thead th{color:var(--faint);font-weight:600;vertical-align:bottom}td.n,th.n{text-align:right;white-space:nowrap}td.found{font-weight:700}
table.compact{font-size:.78rem}table.compact td,table.compact th{padding:.08rem .5rem .08rem 0}
.forest{width:100%;min-width:26rem}.forest td,.forest th{vertical-align:middle}.forest th[scope=row]{width:34%}.forest td.d,.forest th.d{width:38%;padding:0 .9rem 0 .3rem}
.forest td:last-child{white-space:nowrap}.forest.bars td:last-child{white-space:normal}.forest.bars th[scope=row]{width:22%}.forest.bars td.d{width:26%}
.forest tfoot td{border:0}svg.row{display:block;overflow:visible}svg.at{overflow:visible}
svg .l{stroke:var(--c,var(--new));stroke-width:2}svg .m{stroke:var(--c,var(--new));stroke-width:2;fill:none}svg .m.f{fill:var(--c,var(--new))}svg .m.c{fill:var(--paper)}
svg .ref{stroke:var(--ink);stroke-width:1.3;stroke-dasharray:4 3}svg .ax{stroke:var(--faint)}svg .allowed{fill:var(--faint);fill-opacity:.13}
svg .bar{fill:var(--panel);stroke:var(--faint)}svg .bar.found{fill:var(--hold);stroke:var(--hold)}
tr.current{--c:var(--current)}tr.pooled{--c:var(--ink)}tr.alone{--c:var(--faint)}tr.prediction{--c:var(--faint)}tr.pooled th{font-weight:700}
.heat td{padding-left:.5rem;text-align:right}.heat td.h{background:rgba(var(--heat),calc(var(--a)*.75))}.heat td.found{outline:2px solid var(--reject);outline-offset:-2px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.8rem;margin:.6rem 0}
.card{border:1px solid var(--rule);border-left:5px solid var(--c);border-radius:8px;padding:.6rem .8rem;min-width:0}
.card b,td b{color:var(--c);text-transform:uppercase;letter-spacing:.03em}.card h4{margin:0;font-size:1rem;display:flex;justify-content:space-between;gap:.5rem}
.card ul,.card p{font-size:.9rem}.accept{--c:var(--accept)}.hold{--c:var(--hold)}.reject{--c:var(--reject)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:.15rem 1.5rem;margin:.6rem 0}.facts div{display:flex;gap:.6rem;border-bottom:1px solid var(--rule);padding:.2rem 0;min-width:0}
.facts dt{color:var(--faint);flex:0 0 9.5rem;font-size:.89rem}.facts dd{margin:0;min-width:0;overflow-wrap:anywhere;font-size:.89rem}
.verdict{border:2px solid var(--c);border-radius:10px;padding:1rem 1.1rem;margin:.8rem 0;display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem;align-items:center}
.verdict svg{width:3.4rem;height:3.4rem;grid-row:span 2}.verdict .word{font-size:1.5rem;font-weight:700;line-height:1.2;color:var(--c);margin:0}.verdict p{margin:0;max-width:none}
.shape{fill:var(--c);stroke:var(--c)}.shape-in{stroke:var(--paper);fill:none;stroke-width:5;stroke-linecap:round;stroke-linejoin:round}
.first{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:0 2rem}.first section>h3{margin-top:.9rem}
.dots{display:grid;gap:.5rem}.dot{border-bottom:1px solid var(--rule);padding-bottom:.4rem}.dot p{margin:0}.dot .name{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem}.dot .rule{font-size:.89rem;font-weight:600}.dot .rule .key{font-weight:400}
.dot.is-met{--v:var(--accept)}.dot.is-missed{--v:var(--reject)}.dot.is-open{--v:var(--hold)}.dot .sign{display:inline-block;min-width:1em;color:var(--v)}svg .base{stroke:var(--rule)}.dot svg text{font-size:10px;fill:var(--faint)}
.open{border-left:4px solid var(--hold);background:var(--panel);padding:.35rem .7rem;margin:.4rem 0;max-width:46rem}
.applied th,.applied td{font-weight:700}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.88em;overflow-wrap:anywhere}pre{white-space:pre-wrap;background:var(--panel);padding:.6rem;border-radius:6px;max-height:24rem;overflow:auto}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--faint)}details.numbers{margin:.3rem 0 0;font-size:.86rem}
@media (max-width:34rem){table.many{min-width:44rem}body{padding:.9rem .8rem 3rem;font-size:15.5px}h1{font-size:1.35rem}.verdict{padding:.8rem}.verdict .word{font-size:1.25rem}.verdict svg{width:2.6rem;height:2.6rem}
.facts dt{flex-basis:7.5rem}.forest{min-width:0;font-size:.8rem}.forest th[scope=row]{width:30%;overflow-wrap:anywhere}.forest td.d,.forest th.d{width:34%;padding:0 .5rem 0 0}.forest td:last-child{white-space:normal}}
@media print{
:root{color-scheme:light;--paper:#fff;--ink:#000;--faint:#444;--rule:#bbb;--panel:#fff;--new:#003f7f;--current:#7a4300;--accept:#0b4d2b;--hold:#6b4500;--reject:#8a130e;--heat:176,52,26}
@page{margin:14mm 13mm}html{font-size:9.6pt}body{font-size:1rem;padding:0;max-width:none}h1{font-size:16pt}h2{font-size:13pt}
details::details-content{content-visibility:visible;block-size:auto}details.numbers,details.screen,.noprint{display:none}
table{font-size:8pt}table.compact{font-size:6.5pt}td.n,th.n{white-space:normal}figure{border:1px solid var(--rule)}figure,.card,tr,.verdict{break-inside:avoid}h2,h3,h4,caption{break-after:avoid}
.wide{overflow:visible}.plots{grid-template-columns:1fr 1fr}.first{grid-template-columns:1fr 1fr}.facts{grid-template-columns:1fr 1fr}pre{max-height:none}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
