#include "command_line.h"

namespace heed::cli {

void add_serve(CLI::App& app) {
  auto* verb = app.add_subcommand("serve", "Answer many clients over HTTP");
  auto flags = std::make_shared<ServeFlags>();
  verb->add_option("models", flags->models, "Folders of models or runs, named after their folders")
      ->required()
      ->type_name("MODEL");
  add_model_set(*verb, flags->set);
  add_truncate(*verb, flags->truncate);
  add_listening(*verb, flags->host, flags->port, flags->key_file);
  verb->add_option("--batch-tokens", flags->batch_tokens,
                   "Tokens that are computed together at most")
      ->check(whole_number(1, 1 << 24))
      ->type_name("N");
  verb->add_option("--wait", flags->wait,
                   "Seconds that an input waits at most for others to be computed with")
      ->check(CLI::Range(0.0, 10.0))
      ->type_name("SECONDS");
  verb->add_option("--queue", flags->queue, "Inputs that wait at most; more are told 429")
      ->check(whole_number(1, 1 << 24))
      ->type_name("N");
  verb->add_option("--cache", flags->cache,
                   "MiB of keys and values of texts that are written, of each model")
      ->check(whole_number(1, 1 << 20))
      ->type_name("MIB");
  on_run(*verb, flags);
  verb->footer(R"(
Routes of text-embeddings-inference (/embed, /similarity, /predict, /rerank, /tokenize, /info), OpenAI (/v1/embeddings,
/v1/completions, /v1/chat/completions, /v1/models, /v1/audio/transcriptions), Cohere (/v1/rerank), /answer of any model,
/health, /ready, /metrics, /openapi.json. The address is printed; a line of JSON a request goes to standard error. Ctrl-C or
SIGTERM ends it, when what was accepted is answered.

Examples:
  heed serve models/sst2
  heed serve models/sst2 models/banking77 --port 8080 --truncate
  curl http://127.0.0.1:8764/predict -H 'Content-Type: application/json' -d '{"inputs": "a gripping film"}')");
}

}  // namespace heed::cli
