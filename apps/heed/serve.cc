// heed serve: models behind a port, for many.
#include <unistd.h>

#include <ctime>

#include "core/signals.h"
#include "frame/exit.h"
#include "frame/twice.h"
#include "heed/serve/server.h"
#include "serve_openapi.h"
#include "serve_state.h"
#include "verbs.h"

namespace heed::cli {
namespace {

serve::ServerOptions options_of(const ServeFlags& flags, const ServeMetrics& metrics) {
  serve::ServerOptions options;
  options.host = flags.host;
  options.port = static_cast<uint16_t>(flags.port);
  if (!flags.key_file.empty()) options.key = serve::read_key(flags.key_file);
  options.any_host = true;
  options.max_body = 32 << 20;
  options.max_queue = 1024;
  options.drain_seconds = 60;
  options.more_metrics = [&metrics] { return metrics.text(); };
  return options;
}

/// "2026-11-30T07:00:00.123Z"
std::string now_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[40], whole[48];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(whole, sizeof whole, "%s.%03ldZ", text, now.tv_nsec / 1000000);
  return whole;
}

/// A line a request, of what is measured alone: neither keys nor texts.
void log_served(const serve::Served& served) {
  const Json line = {{"time", now_text()},
                     {"peer", served.peer},
                     {"method", served.method},
                     {"path", served.path},
                     {"status", served.status},
                     {"bytes_in", served.bytes_in},
                     {"bytes_out", served.bytes_out},
                     {"seconds", served.seconds}};
  std::cerr << one_line(line) + "\n";
}

std::vector<std::unique_ptr<ServedModel>> models_of(const ServeFlags& flags) {
  std::vector<std::unique_ptr<ServedModel>> models;
  for (const auto& where : flags.models) {
    models.push_back(std::make_unique<ServedModel>(where, flags.set));
    for (const auto& other : models)
      if (other != models.back() && other->name() == models.back()->name())
        throw UsageError("two models are called '" + other->name() +
                         "', after their folders; rename one of " + other->where() + " and " +
                         where);
    if (models.back()->head() == "class") models.back()->predictor().answer_by({.top = 1 << 20});
  }
  return models;
}

}  // namespace

void run(const ServeFlags& flags) {
  refuse_twice("--set", flags.set);
  ServeMetrics metrics;
  auto options = options_of(flags, metrics);
  const auto models = models_of(flags);
  std::vector<ServedModel*> all;
  for (const auto& model : models) all.push_back(model.get());
  const serve::BatchLimits limits{
      .max_tokens = flags.batch_tokens, .max_waiting = flags.queue, .longest_wait = flags.wait};
  const models::ContinuousLimits writing{.cache_bytes = flags.cache << 20};
  const StopSignals signals;
  options.on_served = log_served;
  bool is_idle = false;
  {
    std::unique_ptr<serve::Server> server;
    ServeEngine engine(all, limits, writing, metrics);
    ServeState state{
        .models = models, .metrics = metrics, .engine = engine, .truncates = flags.truncate};
    serve::Router router;
    add_tei_routes(router, state);
    add_openai_routes(router, state);
    add_writing_routes(router, state);
    add_answer_routes(router, state);
    router.add("GET", "/openapi.json",
               {.handler = [said = one_line(openapi())](
                               const serve::Request&) { return serve::Response{.body = said}; },
                .is_open = true,
                .is_immediate = true});
    server = std::make_unique<serve::Server>(std::move(router), std::move(options));
    std::cout << server->address() << std::endl;
    is_idle = server->run([] { return StopSignals::caught() != 0; });
    std::cout.flush();
    // What is still computed was told 503 or has nobody who waits; nothing is written, so nothing is lost.
    if (!is_idle) ::_exit(0);
  }
}

}  // namespace heed::cli
