// What the open page costs: CPU of all processes of the browser, and the heap of the page after a collection.
import { cpuSeconds, launch } from "./browser.mjs";

const WARM_UP_SECONDS = 5;

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

/** Opens the page for some seconds and returns what it took. */
export async function measure(url, seconds) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1200, height: 800 });
    await page.goto(url);
    await page.waitForSelector("#link[data-state=live]");
    const client = await page.createCDPSession();
    await client.send("Performance.enable");
    const heap = async () => {
      await client.send("HeapProfiler.collectGarbage");
      const { metrics } = await client.send("Performance.getMetrics");
      const of = (name) => metrics.find((it) => it.name === name).value;
      return { bytes: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
    };
    await pause(WARM_UP_SECONDS);
    const first = await heap();
    const pid = browser.process().pid;
    const halves = [];
    const heaps = [];
    for (let half = 0; half < 2; half += 1) {
      // The collections themselves are not counted.
      const before = cpuSeconds(pid);
      const begun = performance.now();
      await pause(seconds / 2);
      const took = (performance.now() - begun) / 1000;
      const after = cpuSeconds(pid);
      const cpu = Object.fromEntries(Object.entries(after).map(([kind, it]) => [kind, it - (before[kind] ?? 0)]));
      halves.push({ took, cpu });
      heaps.push(await heap());
    }
    const figure = (name) => page.$eval(`[data-figure=${name}]`, (it) => it.textContent.replace(/\D/g, ""));
    const took = halves.reduce((sum, it) => sum + it.took, 0);
    const kinds = [...new Set(halves.flatMap((it) => Object.keys(it.cpu)))];
    const percent = (kind) => (100 * halves.reduce((sum, it) => sum + (it.cpu[kind] ?? 0), 0)) / took;
    const by = Object.fromEntries(kinds.map((kind) => [kind, Number(percent(kind).toFixed(2))]));
    const [middle, end] = heaps;
    return {
      seconds: Number(took.toFixed(1)),
      cpu_percent_of_a_core: Number(Object.values(by).reduce((sum, it) => sum + it, 0).toFixed(2)),
      cpu_percent_by_process: by,
      heap_bytes: { start: first.bytes, middle: middle.bytes, end: end.bytes },
      heap_growth_percent: Number(((100 * (end.bytes - first.bytes)) / first.bytes).toFixed(2)),
      nodes: { start: first.nodes, end: end.nodes },
      listeners: { start: first.listeners, end: end.listeners },
      shown: { settled: Number(await figure("ever")), declined: Number(await figure("declined")) },
    };
  } finally {
    await browser.close();
  }
}
