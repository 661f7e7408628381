// A head's pyramid of bytes as a source of tiles for OpenSeadragon: one pixel of the picture a weight.
import OpenSeadragon from "openseadragon";
import { tile, type Place, type Pyramid } from "./api";
import { paint, table, type Scale } from "./palette";

const kMostKept = 400;

/** Bytes of tiles by their address, so that other colours need no server. */
const kept = new Map<string, Uint8Array>();

async function bytesOf(address: string, at: Place, level: number, x: number, y: number, signal: AbortSignal): Promise<Uint8Array> {
  const found = kept.get(address);
  if (found) return found;
  const bytes = await tile(at, level, x, y, signal);
  kept.set(address, bytes);
  if (kept.size > kMostKept) kept.delete(kept.keys().next().value!);
  return bytes;
}

interface Job {
  tile: OpenSeadragon.Tile;
  userData: { abort?: AbortController };
  finish(data: unknown, request: unknown, message: string): void;
}

interface Kept {
  _data?: HTMLCanvasElement | null;
}

/** Levels of OpenSeadragon count from the smallest picture, those of the pyramid from the weights. */
export function tileSource(at: Place, pyramid: Pyramid, palette: string, scale: string, ends: Scale): OpenSeadragon.TileSourceOptions {
  const top = pyramid.levels - 1;
  const colours = table(palette, pyramid.scale, scale, ends);
  const widthOf = (level: number, x: number): number => {
    const columns = Math.ceil(pyramid.columns / 2 ** level);
    return Math.min(pyramid.side, columns - x * pyramid.side);
  };
  const source = {
    width: pyramid.columns,
    height: pyramid.rows,
    tileSize: pyramid.side,
    tileOverlap: 0,
    minLevel: 0,
    maxLevel: top,
    getTileUrl: (level: number, x: number, y: number): string =>
      `${at.id}/${at.map}/${at.head}/${at.pool}/${top - level}/${x}/${y}?${palette}-${scale}`,
    // The picture's own levels: each halves the one before, rounded up.
    getLevelScale: (level: number): number => 1 / 2 ** (top - level),
    getNumTiles: (level: number): OpenSeadragon.Point => {
      const size = (cells: number): number => Math.ceil(Math.ceil(cells / 2 ** (top - level)) / pyramid.side);
      return new OpenSeadragon.Point(size(pyramid.columns), size(pyramid.rows));
    },
    downloadTileStart: (job: Job): void => {
      const abort = new AbortController();
      job.userData.abort = abort;
      const { level, x, y } = job.tile as unknown as { level: number; x: number; y: number };
      const address = `${at.id}/${at.map}/${at.head}/${at.pool}/${top - level}/${x}/${y}`;
      bytesOf(address, at, top - level, x, y, abort.signal).then(
        (bytes) => job.finish(paint(bytes, widthOf(top - level, x), colours), null, ""),
        (error: Error) => job.finish(null, null, error.message),
      );
    },
    downloadTileAbort: (job: Job): void => job.userData.abort?.abort(),
    createTileCache: (cache: Kept, data: HTMLCanvasElement): void => {
      cache._data = data;
    },
    destroyTileCache: (cache: Kept): void => {
      cache._data = null;
    },
    getTileCacheData: (cache: Kept): unknown => cache._data,
    getTileCacheDataAsImage: (cache: Kept): unknown => cache._data,
    getTileCacheDataAsContext2D: (cache: Kept): unknown => cache._data?.getContext("2d"),
  };
  return source as unknown as OpenSeadragon.TileSourceOptions;
}
