// Bodies of the kind multipart/form-data (RFC 7578).
#include "heed/serve/http.h"
#include "serve/manners.h"

namespace heed::serve {
namespace {

[[noreturn]] void refuse_form(const char* why) {
  throw HttpError(400, "bad_request", std::string("the form: ") + why);
}

/// What the header of a part says of it.
FormPart part_of(std::string_view head) {
  FormPart part;
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    static constexpr std::string_view kName = "content-disposition:";
    if (line.size() < kName.size()) continue;
    std::string name(line.substr(0, kName.size()));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (name != kName) continue;
    part.name = parameter_of(line, "name"), part.file_name = parameter_of(line, "filename");
  }
  if (part.name.empty()) refuse_form("a part has no name");
  return part;
}

}  // namespace

std::vector<FormPart> form_parts(const Request& request) {
  if (request.content_type != "multipart/form-data" || request.boundary.empty())
    refuse_form("expected the type multipart/form-data with a boundary");
  const std::string between = "\r\n--" + request.boundary;
  std::string_view rest = request.body;
  if (!rest.starts_with(std::string_view(between).substr(2)))
    refuse_form("it does not begin with its boundary");
  rest.remove_prefix(between.size() - 2);
  std::vector<FormPart> parts;
  while (!rest.starts_with("--")) {
    if (!rest.starts_with("\r\n")) refuse_form("no line ends behind a boundary");
    rest.remove_prefix(2);
    const size_t head = rest.find("\r\n\r\n"), end = rest.find(between);
    if (head == rest.npos || end == rest.npos || head > end) refuse_form("a part has no end");
    auto part = part_of(rest.substr(0, head));
    part.body = rest.substr(head + 4, end - std::min(end, head + 4));
    parts.push_back(std::move(part));
    rest.remove_prefix(end + between.size());
  }
  return parts;
}

}  // namespace heed::serve
