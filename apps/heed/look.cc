// heed look: a page on which one sees where models look.
#include <unistd.h>

#include <algorithm>

#include "core/printable.h"
#include "core/signals.h"
#include "frame/exit.h"
#include "frame/twice.h"
#include "heed/serve/server.h"
#include "look_api.h"
#include "output.h"
#include "page.h"
#include "verbs.h"

namespace heed::cli {
namespace {

/// Everything of the page comes from this server, as files.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

void add_page(serve::Router& router) {
  for (const auto& file : page_files())
    router.add("GET", file.path,
               {.handler =
                    [file](const serve::Request&) {
                      return serve::Response{
                          .content_type = file.content_type,
                          .fixed = file.bytes,
                          .headers = {{"Content-Security-Policy", kPolicy},
                                      {"Cross-Origin-Opener-Policy", "same-origin"},
                                      {"Cache-Control", "no-cache"}}};
                    },
                .is_open = true,
                .is_immediate = true});
}

serve::ServerOptions options_of(const LookFlags& flags) {
  serve::ServerOptions options;
  options.host = flags.host;
  options.port = static_cast<uint16_t>(flags.port);
  if (!flags.key_file.empty()) options.key = serve::read_key(flags.key_file);
  return options;
}

}  // namespace

void run(const LookFlags& flags) {
  refuse_twice("--set", flags.set);
  if (*page_missing() != '\0')
    throw UsageError(std::string("this heed was built without its page: ") + page_missing());
  const auto options = options_of(flags);
  auto models = flags.with;
  models.insert(models.begin(), flags.model);
  LookState state(models, flags.inputs, flags.set,
                  flags.truncate ? Truncation::cut : Truncation::as_recipe);
  serve::Router router;
  add_look_routes(router, state);
  add_page(router);
  const StopSignals signals;
  bool is_idle = false;
  {
    serve::Server server(std::move(router), options);
    std::cout << server.address() << std::endl;
    std::cerr << "heed: Ctrl-C ends it\n";
    is_idle = server.run([] { return StopSignals::caught() != 0; });
    if (!is_idle) {  // the model works on; nothing is written, so nothing is lost
      std::cout.flush();
      ::_exit(128 + StopSignals::caught());
    }
  }
  throw Exit{128 + StopSignals::caught()};
}

}  // namespace heed::cli
