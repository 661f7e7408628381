// Which tokens moved the answer, with the tests that say how far that can be trusted.
import { explain, type Explained, type Looked } from "./api";
import { choice, fill, make } from "./dom";
import { beginsWord, isMarked, shown } from "./labels";
import { patchesOf } from "./patches";
import { css, diverging, ink, palettes, short } from "./palette";

const kStrongest = 12;

export class ExplainView {
  readonly element = make("div", { className: "explain" });
  private readonly result = make("div", { "aria-live": "polite" });
  private abort = new AbortController();
  private method: string;

  constructor(
    private readonly looked: Looked,
    methods: string[],
    method: string,
    private readonly palette: string,
    private readonly chosen: (method: string) => void,
  ) {
    const wanted = [method, "integrated_gradients", methods[0]].find((name) => methods.includes(name));
    this.method = wanted ?? "";
    if (methods.length === 0 || !looked.can_ablate) {
      fill(this.element, make("p", { className: "note" }, looked.can_ablate ? "This program has no explanations." : "A recording holds maps, and no model to ask: explanations need the model."));
      return;
    }
    const select = choice("Method", methods.map((name) => [name, name.replace(/_/g, " ")]), this.method, (value) => (this.method = value));
    const button = make("button", { type: "button", className: "primary", onclick: () => void this.run() }, "Explain");
    fill(this.element, make("div", { className: "row" }, select, button), this.result);
    if (method) void this.run();
  }

  destroy(): void {
    this.abort.abort();
  }

  private async run(): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    this.chosen(this.method);
    fill(this.result, make("p", { className: "note busy" }, "Asking the model…"));
    try {
      const found = await explain(this.looked.id, this.method, false, this.abort.signal);
      this.show(found, make("p", { className: "note busy" }, "Testing whether it can be trusted…"));
      this.show(await explain(this.looked.id, this.method, true, this.abort.signal), null);
    } catch (error) {
      if ((error as Error).name !== "AbortError") fill(this.result, make("p", { className: "error", role: "alert" }, (error as Error).message));
    }
  }

  private show(said: Explained, testing: HTMLElement | null): void {
    const excluded = new Set(said.excluded ?? []);
    const kept = said.values.filter((value, i) => !excluded.has(i) && Number.isFinite(value));
    const most = Math.max(1e-30, ...kept.map((value) => Math.abs(value)));
    const colour = said.signed ? diverging : (palettes[this.palette] ?? palettes.heat);
    const pieces = said.tokens.map((token) => token.text);
    const marked = isMarked(pieces);
    const grid = this.looked.grid;
    const onImage = grid && said.values.length === grid.rows * grid.columns ? patchesOf(this.looked.id, grid, 0) : null;
    onImage?.patches.forEach((patch, i) => {
      patch.style.backgroundColor = css(colour(said.values[i] / most));
      patch.title = short(said.values[i]);
    });
    const tokens = said.tokens.map((token, i) => {
      const name = ["token", token.special ? "special" : "", beginsWord(token.text, marked) ? "begins" : "", excluded.has(i) ? "excluded" : ""].join(" ");
      const element = make("span", { className: name, title: `${shown(token.text)}: ${short(said.values[i])}${said.standard_errors ? " ± " + short(said.standard_errors[i]) : ""}` }, shown(token.text));
      if (!excluded.has(i)) {
        const rgb = colour(said.values[i] / most);
        element.style.backgroundColor = css(rgb);
        element.style.color = ink(rgb);
      }
      return element;
    });
    fill(
      this.result,
      said.explained ? make("p", {}, `What moved ${said.explained}:`) : null,
      onImage?.element ?? make("div", { className: "tokens" }, ...tokens),
      said.sink_mass !== undefined && said.sink_mass !== null && excluded.size > 0
        ? make("p", { className: "note" }, `Left out of the scale: ${[...excluded].map((i) => `“${shown(pieces[i])}”`).join(", ")}, which hold ${short(said.sink_mass)} of all.`)
        : null,
      testing,
      said.verdict ? make("p", { className: "verdict" }, said.verdict) : null,
      this.strongest(said, excluded, most),
      this.tests(said.tests ?? {}),
      make("p", { className: "note" }, [said.formula, said.source].filter(Boolean).join(" — ")),
    );
  }

  private strongest(said: Explained, excluded: Set<number>, most: number): HTMLElement {
    const order = said.values.map((_, i) => i).filter((i) => !excluded.has(i));
    order.sort((a, b) => Math.abs(said.values[b]) - Math.abs(said.values[a]));
    const table = make("table", { className: "bars" }, make("caption", {}, "The strongest"));
    for (const i of order.slice(0, kStrongest)) {
      const bar = make("div", { className: said.values[i] < 0 ? "bar against" : "bar" });
      bar.style.width = `${(100 * Math.abs(said.values[i])) / most}%`;
      table.append(make("tr", {}, make("th", { scope: "row" }, shown(said.tokens[i].text)), make("td", {}, short(said.values[i])), make("td", { className: "wide" }, bar)));
    }
    return table;
  }

  /** The same measures of the explanation, of random orders and of raw weights side by side, then what else there is. */
  private tests(tests: Record<string, unknown>): HTMLElement | null {
    const isTable = (value: unknown): value is Record<string, number> => value !== null && typeof value === "object" && !Array.isArray(value);
    const columns = Object.keys(tests).filter((name) => isTable(tests[name]));
    const words = (name: string): string => name.replace(/_/g, " ");
    const text = (value: unknown): string => (typeof value === "number" ? short(value) : String(value ?? ""));
    const rows: HTMLElement[] = [];
    if (columns.length) {
      rows.push(make("tr", {}, make("th"), ...columns.map((name) => make("th", { scope: "col" }, words(name)))));
      const measures = Object.keys(tests[columns[0]] as object);
      for (const measure of measures)
        rows.push(make("tr", {}, make("th", { scope: "row" }, words(measure)), ...columns.map((name) => make("td", {}, text((tests[name] as Record<string, unknown>)[measure])))));
    }
    for (const [name, value] of Object.entries(tests))
      if (!isTable(value) && !Array.isArray(value) && name !== "verdict") rows.push(make("tr", {}, make("th", { scope: "row" }, words(name)), make("td", { colSpan: Math.max(1, columns.length) }, text(value))));
    return rows.length ? make("table", { className: "tests" }, make("caption", {}, "Tests of this explanation"), ...rows) : null;
  }
}
