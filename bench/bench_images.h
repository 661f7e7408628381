// Images as Heed decodes and resizes them.
#pragma once

namespace heed::cli {

/// For each line of standard input, {"file": .., "channels": 1 or 3 or 0, "size": [height, width], "box": [x0, y0, x1, y1],
/// "resample": "bilinear", "fit": "pad"} (all but the file may be absent), prints a line "channels height width" and the
/// image's bytes, plane after plane. bench/peers/pillow.py compares.
void bench_images();

}  // namespace heed::cli
