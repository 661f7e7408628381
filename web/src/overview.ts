// All layers and heads, small.
import { overview, type Ablated, type Looked, type Overview } from "./api";
import { make, roving } from "./dom";
import { paint, table } from "./palette";

export interface OverviewEvents {
  choose(map: number, head: number): void;
  ablate(map: number, head: number): void;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** The part of a tokens' grid around a picture; the canvas of a cell is drawn as large as the button. */
export class OverviewGrid {
  readonly element = make("div", { className: "overview", role: "group", "aria-label": "All layers and heads: arrows move, Enter shows one" });
  private readonly parts = new Map<number, Overview>();
  private readonly abort = new AbortController();
  private readonly buttons: HTMLButtonElement[][] = [];

  constructor(
    private readonly looked: Looked,
    private readonly pool: string,
    private colours: { palette: string; scale: string },
    private chosen: [number, number],
    private readonly ablated: Ablated[],
    private readonly events: OverviewEvents,
  ) {
    const most = Math.max(...looked.maps.map((map) => map.heads));
    this.element.style.setProperty("--heads", String(Math.min(most, 16)));
    looked.maps.forEach((_, map) => this.addRow(map));
    roving(this.element, "button.head", () => Math.min(most, 16));
    this.choose(...chosen);
    void this.load();
  }

  destroy(): void {
    this.abort.abort();
  }

  choose(map: number, head: number): void {
    this.chosen = [map, head];
    for (const row of this.buttons)
      for (const button of row) {
        const is = button.dataset.map === String(map) && button.dataset.head === String(head);
        button.setAttribute("aria-pressed", String(is));
        button.tabIndex = is ? 0 : -1;
      }
  }

  recolour(colours: { palette: string; scale: string }): void {
    this.colours = colours;
    for (const map of this.parts.keys()) this.paintRow(map);
  }

  private addRow(map: number): void {
    const info = this.looked.maps[map];
    const row: HTMLButtonElement[] = [];
    for (let head = 1; head <= info.heads; ++head) {
      const isAblated = this.ablated.some((a) => a.map === info.name && a.head === head);
      const button = make("button", {
        className: isAblated ? "head ablated" : "head",
        type: "button",
        title: `${info.title} head ${head}`,
        "aria-label": `${info.title} head ${head}${isAblated ? ", taken out" : ""}`,
        "data-map": map,
        "data-head": head,
        onclick: (event: MouseEvent) => (event.altKey ? this.events.ablate(map, head) : this.events.choose(map, head)),
        onkeydown: (event: KeyboardEvent) => {
          if (event.key !== "a" || event.ctrlKey || event.metaKey) return;
          event.stopPropagation();
          this.events.ablate(map, head);
        },
      });
      row.push(button);
    }
    this.buttons.push(row);
    this.element.append(make("div", { className: "layer" }, make("h4", {}, info.title), make("div", { className: "heads" }, ...row)));
  }

  /** The chosen map first. */
  private async load(): Promise<void> {
    const order = this.looked.maps.map((_, map) => map).sort((a, b) => Number(b === this.chosen[0]) - Number(a === this.chosen[0]));
    for (const map of order) {
      try {
        this.parts.set(map, await overview(this.looked.id, map, this.pool, this.abort.signal));
      } catch {
        return; // it is looked elsewhere, or the server is gone, which the page says anyway
      }
      this.paintRow(map);
    }
  }

  private paintRow(map: number): void {
    const part = this.parts.get(map)!;
    const colours = table(this.colours.palette, part.scale, this.colours.scale);
    part.heads.forEach((head, i) => {
      const canvas = paint(bytesOf(head.bytes), part.columns, colours);
      canvas.setAttribute("aria-hidden", "true");
      this.buttons[map][i].replaceChildren(canvas);
    });
  }
}
