// Exact weights of the part that is seen, as the server computes them.
import { rows, type Place } from "./api";

export interface Box {
  row: number;
  rows: number;
  column: number;
  columns: number;
}

export class Weights {
  private box: Box = { row: 0, rows: 0, column: 0, columns: 0 };
  private values: number[][] = [];
  private abort = new AbortController();
  private readonly whole = new Map<number, number[]>();

  constructor(private readonly at: Place) {}

  /** The weight, if it was fetched. */
  get(row: number, column: number): number | undefined {
    const kept = this.whole.get(row);
    if (kept) return kept[column];
    return this.values[row - this.box.row]?.[column - this.box.column];
  }

  /** Fetches a box; one that was asked for before and is not there yet is forgotten. */
  async fetch(box: Box): Promise<void> {
    const b = this.box;
    const within =
      box.row >= b.row &&
      box.column >= b.column &&
      box.row + box.rows <= b.row + b.rows &&
      box.column + box.columns <= b.column + b.columns;
    if (within || box.rows < 1 || box.columns < 1) return;
    this.stop();
    this.abort = new AbortController();
    this.values = await rows(this.at, box.row, box.rows, box.column, box.columns, this.abort.signal);
    this.box = box;
  }

  /** A whole row. */
  async row(row: number, columns: number): Promise<number[]> {
    const kept = this.whole.get(row);
    if (kept) return kept;
    const values = (await rows(this.at, row, 1, 0, columns))[0];
    this.whole.set(row, values);
    if (this.whole.size > 64) this.whole.delete(this.whole.keys().next().value!);
    return values;
  }

  /** What every row gives to a column; of the rows from `first` on. */
  async column(column: number, first: number, count: number): Promise<number[]> {
    return (await rows(this.at, first, count, column, 1)).map((row) => row[0]);
  }

  stop(): void {
    this.abort.abort();
  }
}
