// Prints what was measured of the console beside its goals. Exit code 1 if one is missed.
//
//   node scripts/console/figures.mjs MEASURED SHOWN AUDITED
//
// The first two are what `test.mjs measure` prints: under load, and once all was decided. The third is `giro audit --json`.
const [measured, shown, audited] = process.argv.slice(2).map((text) => JSON.parse(text));

const most = (what, seen, goal) => [what, seen, `<= ${goal}`, seen <= goal];
const equal = (what, seen, goal) => [what, seen, `= ${goal}`, seen === goal];

const figures = [
  most("processor time of the browser, % of a core", measured.cpu_percent_of_a_core, 10),
  most("growth of the page's heap, %", measured.heap_growth_percent, 10),
  equal("growth of the page's nodes", measured.nodes.end - measured.nodes.start, 0),
  equal("settled payments on the page, and by the audit", shown.shown.settled, audited.settled),
  equal("findings of the audit", audited.findings.length, 0),
];
for (const [what, seen, goal, isMet] of figures) {
  console.log(`${what.padEnd(48)} ${String(seen).padStart(10)}  ${goal.padEnd(12)} ${isMet ? "yes" : "NO"}`);
}
process.exit(figures.every(([, , , isMet]) => isMet) ? 0 : 1);
