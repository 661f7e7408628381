// Pages as one HTML file: the SVG, and a script by which pointing says numbers.
#include <algorithm>
#include <cmath>

#include "lens/page.h"

namespace heed::lens {
namespace {

constexpr int64_t kMostCells = 1 << 20;  // of all grids, whose numbers the file holds

// A page may show a text of anyone: nothing but this file's script runs, and nothing is fetched.
constexpr const char* kHead =
    "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n";

constexpr const char* kStyle = R"(<style>
body { margin: 0; background: #fff }
#said { position: fixed; padding: 2px 6px; background: #202024; color: #fff; font: 14px sans-serif;
  white-space: pre; pointer-events: none; border-radius: 3px; display: none }
.away { opacity: 0.04 !important }
[data-hint]:hover { stroke: #202024 }
</style>
)";

constexpr const char* kScript = R"(<script>
const said = document.getElementById('said');
const grids = JSON.parse(document.getElementById('grids').textContent);
const links = [...document.querySelectorAll('[data-source]')];
function cell(image, event) {
  const grid = grids.grids[image.dataset.grid];
  if (!grid) return '';
  const box = image.getBoundingClientRect(), rows = grid.values.length, columns = grid.values[0].length;
  const at = (part, count) => Math.max(0, Math.min(count - 1, Math.floor(part * count)));
  const row = at((event.clientY - box.top) / box.height, rows);
  const column = at((event.clientX - box.left) / box.width, columns);
  const name = (labels, i) => labels < 0 ? String(i + 1) : grids.labels[labels][i];
  return 'row ' + name(grid.rows, row) + ', column ' + name(grid.columns, column) + ': ' +
    grid.values[row][column];
}
function alone(end) {
  const side = end ? (end.dataset.from ? ['source', end.dataset.from] : ['target', end.dataset.to]) : null;
  for (const link of links) link.classList.toggle('away', !!side && link.dataset[side[0]] !== side[1]);
}
addEventListener('pointermove', event => {
  // What lies below letters, too.
  const all = document.elementsFromPoint(event.clientX, event.clientY);
  const over = all.find(one => one.matches('[data-hint], [data-grid]'));
  const words = !over ? '' : over.dataset.hint || cell(over, event);
  alone(all.find(one => one.matches('[data-from], [data-to]')));
  said.textContent = words;
  said.style.display = words ? 'block' : 'none';
  said.style.left = Math.max(0, Math.min(event.clientX + 12, innerWidth - said.offsetWidth - 4)) + 'px';
  said.style.top = Math.max(0, Math.min(event.clientY + 16, innerHeight - said.offsetHeight - 4)) + 'px';
});
</script>
)";

/// A JSON string that may stand in a script element.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out.append("\\").append(1, c);
    else if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out + "\"";
}

/// Grids as JSON: values as text of three digits, labels once for all that share them.
class GridWriter {
 public:
  std::string json(const std::vector<PageGrid>& grids) {
    std::string all;
    int64_t cells = 0;
    for (const auto& grid : grids) {
      if (!all.empty()) all += ",\n";
      cells += grid.values.numel();
      all += cells > kMostCells ? "null" : one(grid);
    }
    return "{\"grids\":[" + all + "],\n\"labels\":[" + labels_ + "]}";
  }

 private:
  std::string one(const PageGrid& grid) {
    const auto values = grid.values.to(at::kCPU, at::kDouble).contiguous();
    const double* value = values.data_ptr<double>();
    std::string text = "{\"rows\":" + std::to_string(place_of(grid.rows)) +
                       ",\"columns\":" + std::to_string(place_of(grid.columns)) + ",\"values\":[";
    for (int64_t i = 0; i < values.size(0); ++i) {
      text += i ? ",[" : "[";
      for (int64_t j = 0; j < values.size(1); ++j, ++value) {
        if (j) text += ',';
        text += std::isfinite(*value) ? number(*value) : quoted(number(*value));
      }
      text += ']';
    }
    return text + "]}";
  }

  int64_t place_of(const std::shared_ptr<const std::vector<std::string>>& labels) {
    if (!labels || labels->empty()) return -1;
    const auto known = std::find(known_.begin(), known_.end(), labels.get());
    if (known != known_.end()) return known - known_.begin();
    labels_ += known_.empty() ? "[" : ",\n[";
    for (size_t i = 0; i < labels->size(); ++i)
      labels_ += (i ? "," : "") + quoted(drawable((*labels)[i]));
    labels_ += "]";
    known_.push_back(labels.get());
    return std::ssize(known_) - 1;
  }

  std::vector<const std::vector<std::string>*> known_;
  std::string labels_;
};

}  // namespace

std::string html_of(const Page& page) {
  std::string svg = svg_of(page);
  svg.erase(0, svg.find("<svg"));
  return kHead + ("<title>" + escaped(page.title) + "</title>\n") + kStyle +
         "</head>\n<body>\n<div id=\"said\"></div>\n" + svg +
         "<script type=\"application/json\" id=\"grids\">" + GridWriter().json(page.grids) +
         "</script>\n" + kScript + "</body>\n</html>\n";
}

}  // namespace heed::lens
