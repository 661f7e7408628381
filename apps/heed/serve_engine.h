// The one thread of `heed serve` that computes: batches of examples, and steps of texts that are written.
#pragma once

#include <functional>
#include <thread>

#include "heed/lens/explain.h"
#include "heed/serve/batch_queue.h"
#include "heed/serve/router.h"
#include "serve_metrics.h"
#include "serve_model.h"

namespace heed::cli {

/// What an example is asked for.
enum class ServedWork { embed, answer, explain, write };

struct ServedResult {
  std::vector<float> vector = {};        ///< of embed
  std::vector<Prediction> answers = {};  ///< of answer, a head each
  std::string shown = {};                ///< the example in one line
  Json explained = {};                   ///< of explain
};

/// A request whose examples are computed; answered when the last of them is. Touched by the engine's thread.
struct ServedRequest {
  serve::ReplyPtr reply;
  serve::ErrorShape error;
  std::shared_ptr<const std::atomic<bool>> over;
  std::function<serve::Response(std::vector<ServedResult>&)> answer;
  std::vector<ServedResult> results = {};
  size_t left = 0;
  bool answered = false;
};

struct ExplainAsked {
  lens::ExplainOptions options = {};
  AimOptions aim = {};
};

/// A text that is written for a request. Called by the engine's thread.
struct ServedText {
  models::Asked asked = {};  ///< of a model with a source made of the example
  std::function<void(models::Asked&)> change = {};  ///< what the request wants otherwise
  std::function<void(const models::Written&)> on_written;
  std::function<void(const serve::HttpError&)> on_error;
};

/// An example in the queue.
struct ServedItem : serve::BatchItem {
  ServedModel* model = nullptr;
  ServedWork work = ServedWork::answer;
  bool cuts = false;
  ServedExample example = {};
  ExplainAsked explain = {};
  std::shared_ptr<ServedText> text = {};
  std::string shown = {};  ///< the example in one line, once it was opened
  std::shared_ptr<ServedRequest> request = {};
  size_t number = 0;  ///< among those of its request
};

class ServeEngine {
 public:
  ServeEngine(std::vector<ServedModel*> models, const serve::BatchLimits& limits,
              const models::ContinuousLimits& writing, ServeMetrics& metrics);
  ~ServeEngine();  ///< stops; what was not computed gets no answer

  /// All items of a request. Throws HttpError 429 where too many wait.
  void push(const std::vector<serve::BatchItemPtr>& items);
  const serve::BatchLimits& limits() const { return queue_.limits(); }
  /// Inputs of all clients that nothing was done about yet, texts to be written among them.
  int64_t waiting() const { return queue_.waiting() + waiting_texts_; }

 private:
  struct Writer;
  void run();
  void compute(const std::vector<serve::BatchItemPtr>& batch);
  void compute_together(const std::vector<ServedItem*>& items);
  void explain(ServedItem& item);
  std::shared_ptr<ServedText> answering(const std::shared_ptr<ServedItem>& item);
  void join(Writer& writer, const std::shared_ptr<ServedItem>& item);
  void join_some(Writer& writer);
  void ask_source(ServedItem& item, ServedText& text);
  bool step(Writer& writer);
  void count_waiting();
  void tell(Writer& writer);
  void take(Writer& writer, const models::Written& written);
  void fail_some(Writer& writer, const std::exception& error);
  void done(ServedItem& item, ServedResult result);
  void fail(ServedItem& item, const std::exception& error);

  serve::BatchQueue queue_;
  ServeMetrics& metrics_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::atomic<int64_t> waiting_texts_ = 0;  // behind the queue
  std::atomic<bool> stops_ = false;
  std::thread thread_;
};

}  // namespace heed::cli
