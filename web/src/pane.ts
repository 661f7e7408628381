// One model, one input, one head: half of the page, or all of it.
import { look, picture, pyramid, type Answer, type Asked, type Looked, type Place, type World } from "./api";
import { answersOf } from "./answers";
import { askForm } from "./ask";
import { choice, fill, make } from "./dom";
import { ExplainView } from "./explainview";
import { InputView } from "./inputview";
import { LinesView } from "./linesview";
import { MapView } from "./mapview";
import { OverviewGrid } from "./overview";
import { hasInput, type View } from "./state";
import { Weights } from "./weights";

const kTabs: [string, string][] = [
  ["map", "Map"],
  ["lines", "Lines"],
  ["input", "Input"],
  ["explain", "Explain"],
];

export interface PaneEvents {
  changed(): void; // of what stands in the address
  cell(cell: [number, number]): void;
  box(box: [number, number, number]): void;
}

export class Pane {
  readonly element: HTMLElement;
  looked: Looked | null = null;
  private readonly form = make("div", { className: "form" });
  private readonly status = make("p", { className: "status", role: "status" });
  private readonly answers = make("div");
  private readonly grid = make("div", { className: "gridbox" });
  private readonly detail = make("div", { className: "detail" });
  private overview: OverviewGrid | null = null;
  private map: MapView | null = null;
  private explanation: ExplainView | null = null;
  private abort = new AbortController();
  private opened = 0; // which head was opened last, so that a late answer is known
  private before: { key: string; answers: Answer[] } | null = null;

  constructor(
    readonly name: string,
    private readonly world: World,
    readonly view: View,
    private colours: { palette: string; scale: string },
    private readonly events: PaneEvents,
  ) {
    this.element = make("section", { className: "pane", "aria-label": name }, this.form, this.status, make("div", { className: "body" }, make("div", { className: "aside" }, this.answers, this.grid), this.detail));
    this.buildForm();
    if (hasInput(view.asked) || world.models[view.asked.model]?.is_recording) void this.look(view.asked);
  }

  destroy(): void {
    this.abort.abort();
    this.clear();
  }

  recolour(colours: { palette: string; scale: string }): void {
    this.colours = colours;
    this.overview?.recolour(colours);
    if (this.view.tab === "map") this.map?.recolour(colours);
    else void this.open();
  }

  /** Of a view beside this one. */
  follow(cell: [number, number]): void {
    this.view.cell = cell;
    this.map?.moveTo(cell, false);
  }
  followBox(box: [number, number, number]): void {
    this.view.box = box;
    this.map?.showBox(box);
  }

  async ablate(map: number, head: number): Promise<void> {
    const info = this.looked?.maps[map];
    if (!info || !this.looked?.can_ablate) return this.fail(new Error("A recording holds no model of which a head could be taken out."));
    const without = this.view.asked.ablated ?? [];
    const is = without.some((a) => a.map === info.name && a.head === head);
    const rest = without.filter((a) => a.map !== info.name || a.head !== head);
    const ablated = is ? rest : [...rest, { map: info.name, head }];
    await this.look({ ...this.view.asked, ablated: ablated.length ? ablated : undefined });
  }

  private buildForm(): void {
    const submit = (asked: Asked): void => {
      this.view.cell = null;
      this.view.box = null;
      void this.look(asked);
    };
    fill(this.form, askForm(this.world, this.view.asked, this.looked?.writes ?? false, submit, (error) => this.fail(error)));
  }

  private fail(error: Error): void {
    if (error.name === "AbortError") return;
    this.status.textContent = error.message;
    this.status.className = "status error";
  }

  private clear(): void {
    this.overview?.destroy();
    this.map?.destroy();
    this.explanation?.destroy();
    this.overview = this.map = this.explanation = null;
  }

  private async look(asked: Asked): Promise<void> {
    this.abort.abort();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.status.textContent = "Looking…";
    this.status.className = "status busy";
    try {
      const looked = await look(asked, signal);
      const key = JSON.stringify({ ...asked, ablated: undefined });
      if (!asked.ablated?.length) this.before = { key, answers: looked.answers };
      else if (this.before?.key !== key) this.before = { key, answers: (await look({ ...asked, ablated: undefined }, signal)).answers };
      const wrote = this.looked?.writes ?? false;
      this.looked = looked;
      this.view.asked = asked;
      if (looked.writes !== wrote) this.buildForm();
      this.show();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private show(): void {
    const looked = this.looked!;
    const { view } = this;
    view.map = Math.min(view.map, looked.maps.length - 1);
    view.head = Math.min(view.head, looked.maps[view.map].heads);
    const without = view.asked.ablated ?? [];
    this.status.className = "status";
    this.status.textContent = `${looked.seconds.toFixed(2)} s` + (without.length ? `; without ${without.map((a) => `${a.map} head ${a.head}`).join(", ")}` : "");
    fill(this.answers, answersOf(looked.answers, without.length ? this.before!.answers : null));
    this.overview?.destroy();
    this.overview = new OverviewGrid(looked, view.pool, this.colours, [view.map, view.head], without, {
      choose: (map, head) => this.choose(map, head),
      ablate: (map, head) => void this.ablate(map, head),
    });
    fill(this.grid, this.overview.element);
    this.events.changed();
    void this.open();
  }

  private choose(map: number, head: number): void {
    const { view, looked } = this;
    const shape = (m: number): string => `${looked!.maps[m].rows}/${looked!.maps[m].columns}`;
    if (shape(map) !== shape(view.map)) view.cell = view.box = null;
    view.map = map;
    view.head = head;
    this.overview?.choose(map, head);
    this.events.changed();
    void this.open();
  }

  private place(): Place {
    return { id: this.looked!.id, map: this.view.map, head: this.view.head, pool: this.view.pool };
  }

  /** Shows the chosen head in the chosen way. */
  private async open(): Promise<void> {
    const { view, looked } = this;
    if (!looked) return;
    const opened = ++this.opened;
    const info = looked.maps[view.map];
    const title = `${info.title} head ${view.head}`;
    const body = make("div", { className: "tabbody", role: "tabpanel", "aria-label": kTabs.find(([key]) => key === view.tab)![1] });
    this.map?.destroy();
    this.explanation?.destroy();
    this.map = this.explanation = null;
    fill(this.detail, this.toolbar(title, info.name, info.attention), body);
    const cell = view.cell ?? [0, 0];
    const events = { cell: (chosen: [number, number]) => this.moved(chosen) };
    if (view.tab === "lines") body.append(new LinesView(looked, info, new Weights(this.place()), cell, events).element);
    else if (view.tab === "input") body.append(new InputView(looked, info, new Weights(this.place()), this.colours, cell, events).element);
    else if (view.tab === "explain") {
      this.explanation = new ExplainView(looked, this.world.methods, view.method, this.colours.palette, (method) => {
        view.method = method;
        this.events.changed();
      });
      body.append(this.explanation.element);
    } else {
      try {
        const found = await pyramid(this.place());
        if (opened !== this.opened) return;
        this.map = new MapView(body, this.place(), found, looked.labels[info.rows], looked.labels[info.columns], title, this.colours, { cell: (chosen) => this.moved(chosen), box: (box) => this.zoomed(box) }, view);
      } catch (error) {
        this.fail(error as Error);
      }
    }
  }

  private moved(cell: [number, number]): void {
    this.view.cell = cell;
    this.events.changed();
    this.events.cell(cell);
  }

  private zoomed(box: [number, number, number]): void {
    this.view.box = box;
    this.events.changed();
    this.events.box(box);
  }

  private toolbar(title: string, name: string, attention: string): HTMLElement {
    const { view } = this;
    const tabs = make("div", { className: "tabs", role: "tablist", "aria-label": "How it is shown" });
    for (const [key, text] of kTabs)
      tabs.append(
        make("button", { type: "button", role: "tab", "aria-selected": String(view.tab === key), onclick: () => this.setTab(key) }, key === "input" && this.looked!.grid ? "Image" : text),
      );
    const isOut = view.asked.ablated?.some((a) => a.map === name && a.head === view.head) ?? false;
    const ablate = make("button", { type: "button", className: "ablate", "aria-pressed": String(isOut), disabled: !this.looked!.can_ablate, onclick: () => void this.ablate(view.map, view.head) }, isOut ? "Put head back" : "Take head out");
    const pool = choice("Blocks show", [["max", "their greatest"], ["mean", "their mean"]], view.pool, (value) => {
      view.pool = value;
      this.show();
    });
    const save = choice("Save", [["", "choose…"], ["png", "PNG"], ["svg", "SVG"], ["pdf", "PDF"], ["html", "HTML"]], "", (value) => {
      save.querySelector("select")!.value = "";
      if (value) void this.save(value);
    });
    return make("div", { className: "toolbar" }, make("h3", { title: `${name}: ${attention}` }, title), tabs, pool, ablate, save);
  }

  private setTab(tab: string): void {
    this.view.tab = tab;
    this.events.changed();
    void this.open().then(() => this.detail.querySelector<HTMLElement>(`[role=tab][aria-selected=true]`)?.focus());
  }

  private async save(format: string): Promise<void> {
    try {
      const { name, blob } = await picture(this.place(), format);
      const link = make("a", { href: URL.createObjectURL(blob), download: name });
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } catch (error) {
      this.fail(error as Error);
    }
  }
}
