// heed_sentencepiece.so: SentencePiece behind C functions.
#include "data/sentencepiece/plugin.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <memory>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace {

using sentencepiece::SentencePieceProcessor;

/// What `from` gives, as the trainer asks for it.
class Sentences : public sentencepiece::SentenceIterator {
 public:
  Sentences(HeedNextLine next, void* from) : next_(next), from_(from) { Next(); }
  bool done() const override { return done_; }
  void Next() override {
    const char* line = nullptr;
    size_t count = 0;
    done_ = next_(from_, &line, &count) == 0;
    if (!done_) line_.assign(line, count);
  }
  const std::string& value() const override { return line_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  HeedNextLine next_;
  void* from_;
  bool done_ = false;
  std::string line_;
};

int report(const std::string& why, HeedTakeBytes error, void* reason) {
  error(reason, why.data(), why.size());
  return 1;
}

/// No exception may leave the plug-in.
template <class Body>
int guarded(HeedTakeBytes error, void* reason, Body&& body) {
  try {
    const sentencepiece::util::Status status = body();
    return status.ok() ? 0 : report(status.message(), error, reason);
  } catch (const std::bad_alloc&) {
    return report(kHeedNoMemory, error, reason);
  } catch (const std::system_error& failure) {  // of std::thread alone
    return report(kHeedNoThread + failure.code().message(), error, reason);
  } catch (const std::exception& failure) {
    return report(failure.what(), error, reason);
  }
}

const SentencePieceProcessor& processor(const void* model) {
  return *static_cast<const SentencePieceProcessor*>(model);
}

int train(const HeedTrainArgument* arguments, size_t count, HeedNextLine next, void* from,
          HeedTakeBytes model, void* to, HeedTakeBytes error, void* reason) {
  return guarded(error, reason, [&] {
    std::unordered_map<std::string, std::string> given;
    for (size_t i = 0; i < count; ++i) given[arguments[i].name] = arguments[i].value;
    Sentences sentences(next, from);
    std::string bytes;
    const auto status = sentencepiece::SentencePieceTrainer::Train(given, &sentences, &bytes);
    if (status.ok()) model(to, bytes.data(), bytes.size());
    return status;
  });
}

int load(const char* bytes, size_t count, void** model, HeedTakeBytes error, void* reason) {
  return guarded(error, reason, [&] {
    auto made = std::make_unique<SentencePieceProcessor>();
    auto status = made->LoadFromSerializedProto({bytes, count});
    if (status.ok()) *model = made.release();
    return status;
  });
}

void free_model(void* model) { delete static_cast<SentencePieceProcessor*>(model); }

int64_t size(const void* model) { return processor(model).GetPieceSize(); }

void specials(const void* model, int64_t ids[4]) {
  ids[0] = processor(model).pad_id();
  ids[1] = processor(model).unk_id();
  ids[2] = processor(model).bos_id();
  ids[3] = processor(model).eos_id();
}

int encode(const void* model, const char* text, size_t count,
           void (*take)(void* to, const int* ids, size_t count), void* to, HeedTakeBytes error,
           void* reason) {
  return guarded(error, reason, [&] {
    std::vector<int> ids;
    auto status = processor(model).Encode({text, count}, &ids);
    if (status.ok()) take(to, ids.data(), ids.size());
    return status;
  });
}

int encode_with_offsets(const void* model, const char* text, size_t count,
                        void (*take)(void* to, const HeedPiece* pieces, size_t count), void* to,
                        HeedTakeBytes error, void* reason) {
  return guarded(error, reason, [&] {
    sentencepiece::ImmutableSentencePieceText found;
    auto status = processor(model).Encode({text, count}, found.mutable_proto());
    if (!status.ok()) return status;
    std::vector<HeedPiece> pieces;
    for (const auto& piece : found.pieces())
      pieces.push_back({static_cast<int>(piece.id()), piece.begin(), piece.end()});
    take(to, pieces.data(), pieces.size());
    return status;
  });
}

int decode(const void* model, const int* ids, size_t count, HeedTakeBytes text, void* to,
           HeedTakeBytes error, void* reason) {
  return guarded(error, reason, [&] {
    std::string out;
    auto status = processor(model).Decode(std::vector<int>(ids, ids + count), &out);
    if (status.ok()) text(to, out.data(), out.size());
    return status;
  });
}

void piece(const void* model, int id, HeedTakeBytes take, void* to) {
  const std::string& text = processor(model).IdToPiece(id);
  take(to, text.data(), text.size());
}

int64_t id(const void* model, const char* text, size_t count) {
  return processor(model).PieceToId({text, count});
}

constexpr HeedSentencePiece kTable{
    kHeedSentencePieceVersion, train,  load,  free_model, size, specials, encode,
    encode_with_offsets,       decode, piece, id};

}  // namespace

extern "C" __attribute__((visibility("default"))) const HeedSentencePiece* heed_sentencepiece() {
  return &kTable;
}
