// What the server is asked.
import type { Scale } from "./palette";

export interface Model {
  name: string;
  is_recording: boolean;
  takes_text: boolean;
  input?: string;
  head?: string;
}
export interface World {
  version: string;
  models: Model[];
  inputs: string[];
  named: number;
  methods: string[];
}
export interface Answer {
  head: string;
  text: string;
  title: string;
  expected?: string;
  fields: Record<string, unknown>;
}
export interface MapInfo {
  title: string;
  name: string;
  attention: string;
  heads: number;
  rows: number; // of labels
  columns: number;
}
export interface Labels {
  texts: string[];
  special: number[];
}
export interface Grid {
  rows: number;
  columns: number;
  class_token: boolean;
}
export interface Looked {
  id: string;
  model: number;
  seconds: number;
  text: string;
  can_ablate: boolean;
  writes: boolean;
  tokens: [string, number, number, number][];
  answers: Answer[];
  grid?: Grid;
  maps: MapInfo[];
  labels: Labels[];
}
export interface Ablated {
  map: string;
  head: number;
}
export interface Asked {
  model: number;
  text?: string;
  input?: number;
  number?: number;
  target?: string;
  ablated?: Ablated[];
}
export interface Overview {
  rows: number;
  columns: number;
  scale: Scale;
  heads: { greatest: number; bytes: string }[];
}
export interface Pyramid {
  levels: number;
  rows: number;
  columns: number;
  side: number;
  scale: Scale;
  sinks: number[]; // columns that draw weight for nothing
  shares: number[]; // of all weight, of each of them
  beside: number; // the greatest weight beside them
}
/** What `heed explain --json` prints. */
export interface Explained {
  method: string;
  formula?: string;
  source?: string;
  explained?: string;
  signed: boolean;
  tokens: { text: string; begin: number; end: number; special: boolean }[];
  values: number[];
  standard_errors?: number[];
  excluded?: number[];
  sink_mass?: number;
  tests?: Record<string, unknown>;
  verdict?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

let key = "";
try {
  key = sessionStorage.getItem("heed-key") ?? "";
} catch {
  // without storage the key is asked for again
}

export function setKey(given: string): void {
  key = given.trim();
  try {
    sessionStorage.setItem("heed-key", key);
  } catch {
    // it holds until the page is left
  }
}

async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "heed look does not answer; was it stopped?");
  }
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => null);
  throw new ApiError(answer.status, said?.error?.type ?? "unknown", said?.error?.message ?? answer.statusText);
}

const query = (values: Record<string, string | number>): string =>
  "?" + new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)])).toString();

async function get<T>(path: string, values: Record<string, string | number> = {}, signal?: AbortSignal): Promise<T> {
  return (await ask(path + (Object.keys(values).length ? query(values) : ""), { signal })).json();
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
  return (await ask(path, init)).json();
}

/** A head of a map of what was looked at. */
export interface Place {
  id: string;
  map: number;
  head: number;
  pool: string;
}

export const world = (): Promise<World> => get("/api/model");
export const look = (asked: Asked, signal?: AbortSignal): Promise<Looked> => post("/api/look", asked, signal);
export const overview = (id: string, map: number, pool: string, signal?: AbortSignal): Promise<Overview> =>
  get("/api/overview", { id, map, pool }, signal);
export const pyramid = (at: Place, signal?: AbortSignal): Promise<Pyramid> => get("/api/map", { ...at }, signal);
export const explain = (id: string, method: string, tests: boolean, signal?: AbortSignal): Promise<Explained> =>
  post("/api/explain", { id, method, tests }, signal);

export async function tile(at: Place, level: number, x: number, y: number, signal: AbortSignal): Promise<Uint8Array> {
  const answer = await ask("/api/tile" + query({ ...at, level, x, y }), { signal });
  return new Uint8Array(await answer.arrayBuffer());
}

export async function rows(
  at: Place,
  row: number,
  count: number,
  column: number,
  columns: number,
  signal?: AbortSignal,
): Promise<number[][]> {
  const values = { ...at, row, rows: count, column, columns };
  return (await get<{ weights: number[][] }>("/api/rows", values, signal)).weights;
}

export async function image(id: string): Promise<Blob> {
  return (await ask("/api/image" + query({ id }))).blob();
}

export async function picture(at: Place, format: string): Promise<{ name: string; blob: Blob }> {
  const answer = await ask("/api/picture" + query({ ...at, format }));
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  return { name: named?.[1] ?? `map.${format}`, blob: await answer.blob() };
}

export async function upload(file: File): Promise<number> {
  const init = { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file };
  return (await (await ask("/api/upload" + query({ name: file.name }), init)).json()).input;
}
