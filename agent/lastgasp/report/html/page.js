// The page: each recording's charts, the lines to click, and light or dark.
const FREE_LINES = [
  { name: "available", title: "available", swatch: "line-0" },
  { name: "all_free", title: "free", swatch: "line-1" },
  { name: "high", title: "high watermark", swatch: "level-high" },
  { name: "low", title: "low watermark", swatch: "level-low" },
  { name: "min", title: "min watermark", swatch: "level-min" },
];
const STALL_LINES = [
  { name: "memory some", title: "memory, some", swatch: "line-1", filled: true },
  { name: "memory full", title: "memory, full", swatch: "line-7" },
  { name: "io some", title: "I/O, some", swatch: "line-0" },
  { name: "io full", title: "I/O, full", swatch: "line-5 second" },
  { name: "cpu some", title: "CPU, some", swatch: "line-2 second" },
];
const SWAP_LINES = [
  { name: "swap", title: "swap used", swatch: "line-3", filled: true },
  { name: "swap_total", title: "SwapTotal", swatch: "line-total" },
];
const LANE_APART = 32;
const RUNS = 20;  // starts of the agent: more tell nothing
const LABELLED = new Set(["kill", "panic", "mark", "alert", "other"]);
const SIGNS = { kill: "✖", panic: "✖", mark: "⚑", alert: "!", "alert-end": "·", run: "▸", other: "?", tune: "±", config: "c" };

class Recording {
  constructor(section, data) {
    Object.assign(this, { section, data, charts: [], waiting: null });
    this.lane = section.querySelector(".lane");
    this.range = section.querySelector(".range");
    this.view = new View(data, (what) => this.later(what));
    this.subjects = this.made();
    for (const figure of section.querySelectorAll("figure[data-chart]")) {
      figure.id = `${section.id}-${figure.dataset.chart}`;
      const chart = new Chart(figure, this.view, this.subjects[figure.dataset.chart], data);
      this.charts.push(chart);
      chart.hands = new Hands(chart, {
        open: (number) => this.open(number),
        select: (...range) => this.select(...range),
        say: (text) => { section.querySelector(".spoken").textContent = text; },
      });
    }
    this.listen();
    this.draw();
  }

  made() {
    const { data } = this;
    const found = {};
    if (data.memory) {
      const memory = new Frame(data.memory);
      const { free, free_cma: cma } = memory.columns;
      memory.columns.all_free = cma ? free.map((kb, i) => kb + cma[i]) : free;
      found.memory = new Stack(memory, data.memory.parts);
      found.free = new Lines(memory, FREE_LINES, { logarithmic: true });
      if (memory.columns.swap) found.swap = new Lines(memory, SWAP_LINES);
    }
    if (data.stalls) {
      const step = (top) => [10, 20, 50, 100, 200, 500, 1000, 2000].find((one) => top / one <= 5) ?? 2500;
      found.stalls = new Lines(new Frame(data.stalls), STALL_LINES, { share: true, step });
      const { top } = Lines.prototype;
      found.stalls.top = (view) => Math.max(top.call(found.stalls, view), 100);
    }
    const checked = this.section.querySelector(".toggle input:checked");
    found.processes = new Processes(data.processes.lives, checked?.value ?? "rss");
    return found;
  }

  listen() {
    const { section, view } = this;
    const tools = { back: () => view.pan(-0.5), forward: () => view.pan(0.5), in: () => view.zoom(0.5), out: () => view.zoom(2), all: () => view.all() };
    for (const button of section.querySelectorAll("[data-do]")) button.addEventListener("click", tools[button.dataset.do]);
    for (const input of section.querySelectorAll(".toggle input")) {
      input.addEventListener("change", () => {
        this.subjects.processes.metric = input.value;
        this.later();
      });
    }
    section.querySelector('[data-chart="processes"] .legend')?.addEventListener("click", (event) => {
      const row = event.target.closest("li[data-name]");
      if (!row) return;
      const { processes } = this.subjects;
      processes.lit = processes.lit === row.dataset.name ? null : row.dataset.name;
      this.later();
    });
    for (const [number, row] of [...section.querySelectorAll(".events tbody tr")].entries()) {
      const button = element("button", { type: "button", class: "show", title: "Show in the charts", "aria-label": `Show in the charts: ${this.data.events[number].text}` }, "in the charts");
      button.addEventListener("click", () => this.showEvent(number));
      row.lastElementChild.append(" ", button);
    }
    new ResizeObserver(() => this.later()).observe(section.querySelector(".charts"));
  }

  // Draw once, however much changed before the next frame.
  later(what = "all") {
    if (this.waiting === null) requestAnimationFrame(() => this.now());
    this.waiting = this.waiting === "all" || what === "all" ? "all" : what;
  }

  now() {
    const what = this.waiting;
    this.waiting = null;
    if (what === "all") this.draw();
    else for (const chart of this.charts) chart.read();
  }

  draw() {
    for (const chart of this.charts) chart.measure();  // all before the first is drawn: else each has to lay out the page
    for (const chart of this.charts) chart.draw();
    const { from, to, recorded } = this.view;
    this.range.textContent = `${this.view.label(from)} to ${this.view.label(to)} (${duration(recorded)})`;
    for (const button of this.section.querySelectorAll("[data-do=all], [data-do=out]")) button.disabled = this.view.isWhole;
    this.drawLane();
  }

  // What happened, as buttons above the charts; those that would cover one another are one.
  drawLane() {
    const chart = this.charts[0];
    if (!chart) return;
    const shown = [];
    const crowded = this.data.events.filter(({ kind, x }) => kind === "run" && this.view.sees(x)).length > RUNS;
    for (const [number, event] of this.data.events.entries()) {
      if (!this.view.sees(event.x) || (crowded && event.kind === "run")) continue;
      const x = chart.place(event.x);
      if (shown.length && x - shown.at(-1).x < LANE_APART) shown.at(-1).numbers.push(number);
      else shown.push({ x, numbers: [number] });
    }
    const held = this.lane.contains(document.activeElement) ? document.activeElement.dataset.first : null;
    this.lane.replaceChildren(...shown.map(({ x, numbers }, place) => {
      const events = numbers.map((number) => this.data.events[number]);
      const worst = events.find(({ kind }) => kind === "kill" || kind === "panic") ?? events.find(({ kind }) => kind === "mark") ?? events[0];
      const many = events.length > 1;
      const text = many ? `${events.length} events: ${events.slice(0, 6).map((one) => `${one.when} ${one.text}`).join("; ")}` : `${worst.when} ${worst.text}`;
      const room = (shown[place + 1]?.x ?? chart.width) - x - 24;
      const label = LABELLED.has(worst.kind) ? worst.text.replace(/^(OOM kill|mark|ALERT): /, "").replace(/ \(pid \d+\)$/, "") : "";
      const fits = room > 60 && label;
      const button = element("button", { type: "button", class: `flag ${worst.kind}`, title: text, "aria-label": text, "data-first": numbers[0] },
        `${SIGNS[worst.kind] ?? "·"}${many ? ` ${events.length}` : ""}`, fits ? element("span", {}, label) : null);
      button.style.left = `${(100 * x) / chart.width}%`;  // paper may be narrower
      if (fits) button.style.maxWidth = `${Math.round(room + 18)}px`;
      button.addEventListener("click", () => (many ? this.spread(numbers) : this.open(numbers[0])));
      return button;
    }));
    if (held !== null) this.lane.querySelector(`[data-first="${held}"]`)?.focus();
  }

  // Zoom in until these stand apart; where they cannot, open the worst of them.
  spread(numbers) {
    const times = numbers.map((number) => this.data.events[number].x);
    const [from, to] = [Math.min(...times), Math.max(...times)];
    const length = Math.max((to - from) * 1.6, LEAST_MS * 2);
    if (length > (this.view.to - this.view.from) * 0.9) {
      this.open(numbers.find((number) => this.data.events[number].kill !== null) ?? numbers[0]);
    } else {
      this.view.show((from + to) / 2 - length / 2, (from + to) / 2 + length / 2);
    }
  }

  // What a line leads to: the report of the kill, or else the row of the table.
  open(number) {
    const event = this.data.events[number];
    const row = document.getElementById(`${this.section.id}-event-${number}`);
    const report = event.kill === null ? null : document.getElementById(`${this.section.id}-kill-${event.kill}`);
    for (const old of this.section.querySelectorAll(".chosen")) old.classList.remove("chosen");
    const target = report ?? row;
    if (!target) return;
    if (report) report.open = true;
    row?.classList.add("chosen");
    target.classList.add("chosen");
    target.querySelector("summary, button").focus({ preventScroll: true });
    target.scrollIntoView({ block: "start" });
  }

  showEvent(number) {
    const { x } = this.data.events[number];
    const before = Math.min(600000, this.data.length / 2);
    this.view.show(x - before, x + before / 4);
    this.view.point(x);
    this.section.querySelector(".charts").scrollIntoView({ block: "start" });
    this.charts[0]?.plot.focus({ preventScroll: true });
  }

  select(chart, from, to) {
    this.section.querySelector(".selection")?.remove();
    if (chart) chart.svg.append(drawn("rect", { class: "selection", x: from, y: TOP, width: to - from, height: chart.floor - TOP }));
  }
}

const recordings = [...document.querySelectorAll("section.recording")].map((section) => (
  new Recording(section, JSON.parse(document.getElementById(`${section.id}-data`).textContent))
));

const THEMES = ["auto", "light", "dark"];
const theme = document.getElementById("theme");
theme.addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % THEMES.length];
  document.documentElement.dataset.theme = next;
  theme.textContent = `Theme: ${next}`;
});

// Paper shows what a click would: reports of kills open, curves as wide as the page.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.kill:not([open])")];
  for (const details of opened) details.open = true;
  for (const recording of recordings) recording.draw();
});
window.addEventListener("afterprint", () => {
  for (const details of opened) details.open = false;
  for (const recording of recordings) recording.draw();
});
document.documentElement.dataset.ready = "yes";
