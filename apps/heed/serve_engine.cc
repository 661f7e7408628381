#include "serve_engine.h"

#include <algorithm>
#include <deque>

#include "explain_json.h"
#include "heed/core/error.h"
#include "heed/lens/doubt.h"

namespace heed::cli {
namespace {

using serve::HttpError;
using Clock = std::chrono::steady_clock;

constexpr double kIdle = 0.1;      // seconds between looks at whether it is to stop
constexpr double kJoining = 0.05;  // seconds of a step for which texts join
constexpr int64_t kEncoded = 16;  // texts that wait for pages with what was read from their sources

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

HttpError http_error(const std::exception& error) {
  if (const auto* own = dynamic_cast<const HttpError*>(&error)) return *own;
  if (dynamic_cast<const DataError*>(&error) || dynamic_cast<const UsageError*>(&error))
    return {422, "Validation", error.what()};
  if (dynamic_cast<const std::bad_alloc*>(&error))
    return {503, "out_of_memory", "not enough memory"};
  return {424, "Backend", error.what()};
}

}  // namespace

/// The texts that a model writes token by token.
struct ServeEngine::Writer {
  Writer(ServedModel& model, const models::ContinuousLimits& limits)
      : model(model), writing(model.sequence_model(), limits) {}

  ServedModel& model;
  models::Continuous writing;
  struct Text {
    std::shared_ptr<const std::atomic<bool>> over;
    std::shared_ptr<ServedText> text;
    std::string client;
  };
  std::map<int64_t, Text> texts;
  std::map<std::string, std::deque<std::shared_ptr<ServedItem>>> joining;  // by client

  /// Texts that wait, in whatever place.
  int64_t waiting() const {
    int64_t count = writing.waiting();
    for (const auto& [client, items] : joining) count += std::ssize(items);
    return count;
  }
  std::map<std::string, int64_t> texts_of_clients() const {
    std::map<std::string, int64_t> counts;
    for (const auto& [id, one] : texts) ++counts[one.client];
    return counts;
  }
  /// Of the client who has the fewest texts, the first; counted among them.
  std::shared_ptr<ServedItem> next_joining(std::map<std::string, int64_t>& counts) {
    const auto next = std::min_element(
        joining.begin(), joining.end(),
        [&](const auto& a, const auto& b) { return counts[a.first] < counts[b.first]; });
    auto item = std::move(next->second.front());
    next->second.pop_front();
    if (next->second.empty()) joining.erase(next);
    ++counts[item->client];
    return item;
  }
};

ServeEngine::ServeEngine(std::vector<ServedModel*> models, const serve::BatchLimits& limits,
                         const models::ContinuousLimits& writing, ServeMetrics& metrics)
    : queue_(limits), metrics_(metrics) {
  for (auto* model : models)
    if (model->writes()) writers_.push_back(std::make_unique<Writer>(*model, writing));
  thread_ = std::thread([this] { run(); });
}

ServeEngine::~ServeEngine() {
  stops_ = true;
  queue_.stop();
  thread_.join();
}

void ServeEngine::push(const std::vector<serve::BatchItemPtr>& items) {
  const bool has_room = waiting() + std::ssize(items) <= queue_.limits().max_waiting;
  if (has_room && queue_.push(items)) return;
  metrics_.count("te_request_failure", "err=\"overloaded\"");
  throw HttpError(429, "Overloaded", "too many examples wait already; try again later",
                  queue_.limits().max_waiting);
}

void ServeEngine::run() {
  const at::NoGradGuard no_gradient;
  while (!stops_) {
    bool writes = false;
    for (auto& writer : writers_) writes |= step(*writer);
    const auto batch = queue_.take(writes ? 0 : kIdle);
    if (stops_) return;
    if (!batch.empty()) compute(batch);
    metrics_.gauge("te_queue_size", static_cast<double>(waiting()));
  }
}

void ServeEngine::count_waiting() {
  int64_t count = 0;
  for (const auto& writer : writers_) count += writer->waiting();
  waiting_texts_ = count;
}

void ServeEngine::compute(const std::vector<serve::BatchItemPtr>& batch) {
  std::vector<ServedItem*> items;
  double tokens = 0;
  for (const auto& item : batch) {
    items.push_back(static_cast<ServedItem*>(item.get()));
    tokens += static_cast<double>(item->tokens);
  }
  const auto& first = *items.front();
  const auto prefix = std::string(first.work == ServedWork::embed ? "te_embed" : "te_predict");
  for (const auto* item : items)
    metrics_.observe(prefix + "_queue_duration", seconds_since(item->queued));
  const bool answers_by_writing = first.work == ServedWork::answer && first.model->has_source();
  if (first.work == ServedWork::write || answers_by_writing) {
    for (const auto& item : batch) {
      auto own = std::static_pointer_cast<ServedItem>(item);
      for (auto& writer : writers_)
        if (&writer->model == own->model) writer->joining[own->client].push_back(own);
    }
    return count_waiting();
  }
  metrics_.observe("te_batch_next_size", static_cast<double>(items.size()));
  metrics_.observe("te_batch_next_tokens", tokens);
  const auto began = Clock::now();
  if (first.work == ServedWork::explain || !first.example.file.empty()) {
    for (auto* item : items) {
      if (item->over && *item->over) continue;
      if (item->work == ServedWork::explain)
        explain(*item);
      else
        compute_together({item});
    }
  } else {
    compute_together(items);
  }
  metrics_.observe(prefix + "_inference_duration", seconds_since(began));
}

/// Where one of several cannot be computed, each is asked alone: the others are answered.
void ServeEngine::compute_together(const std::vector<ServedItem*>& items) {
  auto& first = *items.front();
  try {
    std::vector<ServedExample> examples;
    for (const auto* item : items) examples.push_back(item->example);
    const auto split = first.model->open(examples, first.cuts);
    if (split->size() != std::ssize(items) && items.size() > 1)
      throw ModelError("an input is not one example");
    auto& predictor = first.model->predictor();
    std::vector<ServedResult> results(items.size());
    if (first.work == ServedWork::embed) {
      const auto vectors = predictor.embed(split).contiguous();
      for (size_t i = 0; i < items.size(); ++i) {
        const auto* row = vectors.data_ptr<float>() + static_cast<int64_t>(i) * vectors.size(1);
        results[i].vector.assign(row, row + vectors.size(1));
      }
    } else {
      auto answers = predictor.predict(split);
      for (size_t i = 0; i < items.size(); ++i) {
        results[i].answers = std::move(answers[i]);
        results[i].shown = split->show(static_cast<int64_t>(i)).text;
      }
    }
    for (size_t i = 0; i < items.size(); ++i) done(*items[i], std::move(results[i]));
  } catch (const std::exception& error) {
    if (items.size() == 1) return fail(first, error);
    for (auto* item : items) compute_together({item});
  }
}

void ServeEngine::explain(ServedItem& item) {
  try {
    const auto split = item.model->open({item.example}, item.cuts);
    const auto question = item.model->predictor().ask(split, item.explain.aim);
    const auto found = lens::explain(question, item.explain.options);
    auto json = json_of(question);
    json.update(json_of(found));
    const auto doubt = lens::doubt(question, item.explain.options, found, {});
    json["tests"] = json_of(doubt), json["verdict"] = doubt.verdict;
    ServedResult result;
    result.explained = std::move(json);
    done(item, std::move(result));
  } catch (const std::exception& error) {
    fail(item, error);
  }
}

void ServeEngine::done(ServedItem& item, ServedResult result) {
  auto& request = *item.request;
  request.results[item.number] = std::move(result);
  if (request.answered || --request.left > 0) return;
  request.answered = true;
  try {
    request.reply->send(request.answer(request.results));
  } catch (const std::exception& error) {
    request.reply->send(request.error(http_error(error)));
  }
}

void ServeEngine::fail(ServedItem& item, const std::exception& error) {
  metrics_.count("te_request_failure", "err=\"inference\"");
  if (item.request->answered) return;
  item.request->answered = true;
  item.request->reply->send(item.request->error(http_error(error)));
}

/// What a model with a source writes from the item's example.
void ServeEngine::ask_source(ServedItem& item, ServedText& text) {
  const auto split = item.model->open({item.example}, item.cuts);
  item.shown = split->show(0).text;
  const auto read = item.model->predictor().read(split);
  auto asked = item.model->writes()->to_write(read.tokens, read.batch, *split).front();
  if (asked.says_nothing) {
    text.on_written({.is_last = true, .found = std::vector<Hypothesis>(1)});
    return;
  }
  text.asked.source = std::move(asked.source), text.asked.options = std::move(asked.options);
}

/// What answers an example by the text that is written from it.
std::shared_ptr<ServedText> ServeEngine::answering(const std::shared_ptr<ServedItem>& item) {
  const auto take = [this, item](const models::Written& written) {
    if (!written.is_last) return;
    const auto* writer = item->model->writer();
    ServedResult result;
    result.answers = {writer->predicted(written.found, static_cast<int64_t>(item->number))};
    result.shown = item->shown;
    done(*item, std::move(result));
  };
  return std::make_shared<ServedText>(
      ServedText{.on_written = take,
                 .on_error = [this, item](const HttpError& error) { fail(*item, error); }});
}

void ServeEngine::join(Writer& writer, const std::shared_ptr<ServedItem>& item) {
  if (item->over && *item->over) return;
  const auto text = item->text ? item->text : answering(item);
  try {
    if (item->model->has_source()) {
      ask_source(*item, *text);
      if (!text->asked.source.defined()) return;
    }
    text->asked.client = item->client;
    if (text->change) text->change(text->asked);
    const auto id = writer.writing.join(std::move(text->asked));
    writer.texts[id] = {item->over, text, item->client};
    metrics_.count("vllm:prompt_tokens_total", "", static_cast<double>(item->tokens));
  } catch (const HttpError& error) {
    text->on_error(error);
  } catch (const UsageError& error) {
    text->on_error({400, "context_length_exceeded", error.what()});
  } catch (const std::exception& error) {
    text->on_error(http_error(error));
  }
}

/// As many as join in a short time, clients in turn; prompts are read by steps.
void ServeEngine::join_some(Writer& writer) {
  const auto began = Clock::now();
  auto counts = writer.texts_of_clients();
  while (!writer.joining.empty()) {
    if (writer.model.has_source() && writer.writing.waiting() >= kEncoded) return;
    join(writer, writer.next_joining(counts));
    if (seconds_since(began) > kJoining) return;
  }
}

void ServeEngine::tell(Writer& writer) {
  const auto& writing = writer.writing;
  const auto label = "model_name=\"" + writer.model.name() + "\"";
  const auto gauge = [&](const char* name, double value) { metrics_.gauge(name, value, label); };
  gauge("vllm:num_requests_running", static_cast<double>(writing.running()));
  gauge("vllm:num_requests_waiting", static_cast<double>(writer.waiting()));
  const auto total = [&](const char* name, int64_t value) {
    metrics_.total(name, static_cast<double>(value), label);
  };
  total("vllm:num_preemptions_total", writing.preemptions());
  total("vllm:prefix_cache_queries_total", writing.asked_tokens());
  total("vllm:prefix_cache_hits_total", writing.reused_tokens());
  gauge("heed_kv_cache_page_bytes", static_cast<double>(writing.page_bytes()));
  gauge("heed_kv_cache_pages_used", static_cast<double>(writing.used_pages()));
  gauge("heed_kv_cache_pages_free", static_cast<double>(writing.free_pages()));
  const auto pages = std::max<int64_t>(1, writing.pages());
  gauge("vllm:kv_cache_usage_perc",
        static_cast<double>(writing.used_pages()) / static_cast<double>(pages));
}

/// What was written of a text; where that cannot be told, it ends alone.
void ServeEngine::take(Writer& writer, const models::Written& written) {
  const auto found = writer.texts.find(written.id);
  if (found == writer.texts.end()) return;
  const auto text = found->second.text;
  if (written.is_last) writer.texts.erase(found);
  if (written.is_refused) return text->on_error({422, "Validation", written.error});
  if (!written.error.empty()) return text->on_error({500, "internal", written.error});
  metrics_.count("vllm:generation_tokens_total", "",
                 static_cast<double>(written.log_probabilities.size()));
  try {
    text->on_written(written);
  } catch (const std::exception& error) {  // of this text alone
    writer.writing.leave(written.id);
    writer.texts.erase(written.id);
    text->on_error(http_error(error));
  }
}

/// A step that failed has done nothing to texts on pages: the one that came last goes, and the others go on.
void ServeEngine::fail_some(Writer& writer, const std::exception& error) {
  const bool goes_on = writer.writing.pages() > 0;
  const bool is_full = http_error(error).status == 503;
  const HttpError said = is_full ? http_error(error) : HttpError(500, "internal", error.what());
  while (!writer.texts.empty()) {
    const auto last = std::prev(writer.texts.end());
    const auto text = last->second.text;
    writer.writing.leave(last->first);
    writer.texts.erase(last);
    text->on_error(said);
    if (goes_on) return;
  }
}

/// False where there is nothing to write.
bool ServeEngine::step(Writer& writer) {
  std::erase_if(writer.texts, [&](const auto& one) {
    if (!one.second.over || !*one.second.over) return false;
    writer.writing.leave(one.first);
    return true;
  });
  join_some(writer);
  count_waiting(), tell(writer);
  if (writer.texts.empty()) return !writer.joining.empty();
  try {
    for (const auto& written : writer.writing.step()) take(writer, written);
  } catch (const std::exception& error) {
    fail_some(writer, error);
  }
  if (writer.texts.empty()) tell(writer);
  return !writer.texts.empty() || !writer.joining.empty();
}

}  // namespace heed::cli
